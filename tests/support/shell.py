"""A command called in this process, with or without a terminal."""

import dataclasses
import json
import os
import signal
import subprocess
import sys
import time

from conftest import ROOT

from gradtools import cli, store


@dataclasses.dataclass(frozen=True)
class Ended:
    """How a command ended: status, and what it wrote."""

    status: int
    out: str
    err: str

    @property
    def line(self):
        """The one line of a failed run, which writes nothing on stdout."""
        assert not self.out and len(self.err.strip().splitlines()) == 1, self
        return self.err.strip()


def call(capsys, *arguments, terminal=(), columns=500, monkeypatch=None):
    """Run `gradtools ARGUMENTS`; `terminal` names the streams that are one ("out", "err"), of so many columns."""
    for name in terminal:
        monkeypatch.setattr(getattr(sys, f"std{name}"), "isatty", lambda: True)
        monkeypatch.setenv("COLUMNS", str(columns))
    status = cli.main(list(map(str, arguments)))
    return Ended(status, *capsys.readouterr())


def equal_after_kills(folder, arguments, shares):
    """Whether a job that SIGKILL ended at these shares of its time and that was given again wrote what an undisturbed one did (bool)."""
    job = [sys.executable, "-m", "gradtools", *arguments, "-o"]
    where = dict(cwd=folder, env={**os.environ, "PYTHONPATH": str(ROOT)}, stderr=subprocess.DEVNULL)
    for name in ("whole.h5", "killed.h5"):
        (folder / name).unlink(missing_ok=True)
    began = time.monotonic()
    subprocess.run([*job, "whole.h5"], check=True, **where)
    whole = time.monotonic() - began
    for share in shares:
        process = subprocess.Popen([*job, "killed.h5"], **where)
        time.sleep(share * whole)
        process.send_signal(signal.SIGKILL)
        process.wait()
        (folder / "killed.h5").unlink(missing_ok=True)
    subprocess.run([*job, "killed.h5"], check=True, **where)
    with store.read(str(folder / "whole.h5")) as a, store.read(str(folder / "killed.h5")) as b:
        return store.digests(a.file) == store.digests(b.file)


def rows_of(text):
    """The rows of all tables of a command's --json (list of dict), each with its table's id as `table`."""
    return [
        {"table": table["id"], **row}
        for table in json.loads(text)["tables"]
        for row in table["rows"]
    ]
