"""A command called in this process, with or without a terminal, alone or in a pipe."""

import dataclasses
import io
import json
import os
import signal
import subprocess
import sys
import tempfile
import time

import pytest
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


def run(*arguments, cwd=None, env=None, stdin=os.devnull, stdout=None):
    """Run `gradtools ARGUMENTS` in this process as a shell does that has no terminal.

    Parameters
    ----------
    cwd : path, optional
        Folder to run in.
    env : dict of str to str, optional
        Variables beside those of this process.
    stdin, stdout : path, optional
        Files that are its streams; by default nothing, and what is printed is kept.

    Returns
    -------
    subprocess.CompletedProcess
        With text that was printed.
    """
    with (
        pytest.MonkeyPatch.context() as patch,
        open(stdin, "rb") as given,
        open(stdout, "wb") if stdout else tempfile.TemporaryFile() as out,
        tempfile.TemporaryFile() as err,
    ):
        if cwd is not None:
            patch.chdir(cwd)
        for name, value in (env or {}).items():
            patch.setenv(name, value)
        handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
        streams = {"stdin": given, "stdout": out, "stderr": err}
        for name, file in streams.items():
            patch.setattr(sys, name, io.TextIOWrapper(file, "utf-8"))
        status = cli.main([os.fspath(word) for word in arguments])
        for number, handler in handlers.items():
            signal.signal(number, handler)
        printed = []
        for name in ("stdout", "stderr"):
            stream = getattr(sys, name)
            stream.flush()
            if name == "stdout" and stdout:
                printed.append("")
            else:
                stream.seek(0)
                printed.append(stream.read())
            stream.detach()
        sys.stdin.detach()
    return subprocess.CompletedProcess(arguments, status, *printed)


def pipe(*commands, folder, stdin=os.devnull, stdout=None):
    """Run commands (sequences of words) in this process one after the other, each reading what the one before wrote; gives the last one.

    What went through stays in the folder only until the next command has read it.
    """
    for number, words in enumerate(commands):
        last = number == len(commands) - 1
        out = stdout if last else os.path.join(folder, f"piped-{number}.h5")
        ended = run(*words, cwd=folder, stdin=stdin, stdout=out)
        if number:
            os.unlink(stdin)
        assert ended.returncode == 0 or last, ended.stderr
        stdin = out
    return ended


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
