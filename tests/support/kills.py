"""Jobs killed at every write, sync, rename and removal: children forked at each kill point from a process that has imported everything.

`python kills.py` reads {"before": [arguments], "cases": {name: arguments}, "constants": {place: value}, "folder", "every", "first"}
from standard input: commands that make the inputs, those to be killed, without -o, and constants to set, as module:name. Prints {name: {"events", "kills", "wrong"}}. It is a process of its
own because a child forked from one that has run a backward pass cannot run another.
"""

import contextlib
import importlib
import json
import os
import shutil
import signal
import sys
import traceback
from pathlib import Path

import h5py

from gradtools import cli, store
from gradtools.network import passes  # noqa: F401  torch, once for all children
from gradtools.stages import (  # noqa: F401
    counterfactual,
    extract,
    faithfulness,
    link,
    localize,
    neighbors,
    saliency,
    sanity,
    similarity,
    trial,
    tune,
)
from gradtools.stages.channels import ablation  # noqa: F401

CALLS = [(os, name) for name in ("write", "fsync", "replace", "rename", "unlink", "mkdir", "rmdir")]
CALLS += [(os, name) for name in ("pwrite", "ftruncate", "posix_fallocate")]  # HDF5 writes by these
CALLS += [(h5py.Dataset, "__setitem__"), (h5py.Group, "create_dataset"), (h5py.File, "close")]


def counted(at):
    """Count this process's events from now on and kill it before number `at`; gives the list whose only item is the count."""
    count = [0]

    def watched(call):
        def made(*arguments, **named):
            count[0] += 1
            if count[0] == at:
                os.kill(os.getpid(), signal.SIGKILL)
            return call(*arguments, **named)

        return made

    for place, name in CALLS:
        setattr(place, name, watched(getattr(place, name)))
    return count


def child(arguments, constants, log, at=0):
    """Run a command in a forked child that is killed before event `at`; gives its status, minus a signal, and how many events there were.

    What it imported is imported here too, for the next child.
    """
    reader, writer = os.pipe()
    process = os.fork()
    if process:
        os.close(writer)
        with os.fdopen(reader) as stream:
            events, *imported = stream.read().split() or [0]
        for name in imported:
            with contextlib.suppress(Exception):
                importlib.import_module(name)
        return os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]), int(events)
    status = 70
    try:
        os.close(reader)
        shown = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(shown, 1)
        os.dup2(shown, 2)
        for place, value in constants.items():
            module, name = place.split(":")
            setattr(importlib.import_module(module), name, value)
        before, write, count = set(sys.modules), os.write, counted(at)
        status = cli.main(arguments)
        write(writer, " ".join([str(count[0]), *(set(sys.modules) - before)]).encode())
    except BaseException:
        traceback.print_exc()
    finally:
        with contextlib.suppress(Exception):
            sys.stderr.flush()
        os._exit(status)


def digests(path):
    """Digests of a store."""
    with store.read(str(path)) as opened:
        return opened.digests()


def sweep(name, arguments, constants, folder, every, first):
    """Kill one command before every `every`-th event and give it again; what did not equal the undisturbed run is told."""
    whole, out, log = (folder / f"{name}{end}" for end in (".h5", "-killed.h5", ".txt"))
    for _ in range(2):  # the first run imports more and makes folders, so that it has more events
        whole.unlink(missing_ok=True)
        status, events = child([*arguments, "-o", str(whole)], constants, log)
        assert status == 0 and events, log.read_text()
    expected, wrong = digests(whole), []
    points = range(first, events + 1, every)
    for at in points:
        killed, _ = child([*arguments, "-o", str(out)], constants, log, at)
        again = 0
        if not out.exists():
            again, _ = child([*arguments, "-o", str(out)], constants, log)
        elif digests(out) != expected:
            wrong.append(f"{at}: a target that is not whole")
        else:  # given again without --force: refused, and what was left beside it goes
            child([*arguments, "-o", str(out)], constants, log)
        if killed != -signal.SIGKILL or again or not out.exists():
            wrong.append(f"{at}: ended {killed}, then {again}: {log.read_text()[-300:]}")
        elif digests(out) != expected:
            wrong.append(f"{at}: other digests")
        elif leftovers := [str(path) for path in folder.glob(f"{out.name}?*")]:
            wrong.append(f"{at}: {leftovers} are left")
        out.unlink(missing_ok=True)
        shutil.rmtree(f"{out}.part", ignore_errors=True)
    return {"events": events, "kills": len(points), "wrong": wrong}


def main():
    """Sweep the cases of standard input."""
    job = json.load(sys.stdin)
    folder, constants = Path(job["folder"]), job["constants"]
    for arguments in job["before"]:
        assert not child(arguments, {}, folder / "before.txt")[0], (
            folder / "before.txt"
        ).read_text()
    print(
        json.dumps(
            {
                name: sweep(name, arguments, constants, folder, job["every"], job["first"])
                for name, arguments in job["cases"].items()
            }
        )
    )


if __name__ == "__main__":
    main()
