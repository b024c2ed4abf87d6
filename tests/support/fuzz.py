"""Damaged stores read by every command: children forked, one a case, from a process that has imported everything.

`python fuzz.py` reads {"folder", "stores": [paths], "commands": {name: words}, "cases", "seed"} from standard input: stores
that are whole, what is done to a copy of one (`{}` stands for it), and how many seeded cases to try. Prints {"cases",
"refused", "right", "killed", "wrong": [descriptions]}: a case is right where it ends as on the whole store, and refused where
it ends with one line that names the store.
"""

import contextlib
import importlib
import json
import os
import random
import resource
import shutil
import signal
import sys
import traceback
from pathlib import Path

import damage
import h5py

from gradtools import cli, store
from gradtools.errors import GradtoolsError
from gradtools.network import passes  # noqa: F401  torch, once for all children
from gradtools.store import seal

SECONDS, ROOM = 5, 1 << 30
WALL = 120  # seconds: other processes may have the processor
NAME = "a.h5"
BYTES = ("flipped", "flipped_index", "overwritten", "truncated")


def address_space():
    """Bytes of address space that this process has (int)."""
    return int(Path("/proc/self/statm").read_text().split()[0]) * os.sysconf("SC_PAGE_SIZE")


def child(words, folder):
    """Run a command in a forked child with limits; gives its status, minus a signal, and what it printed and wrote.

    What it imported is imported here too, for the next child.
    """
    reader, writer = os.pipe()
    process = os.fork()
    if process:
        os.close(writer)
        with os.fdopen(reader) as stream:
            imported = stream.read().split()
        status = os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])
        for name in imported:
            with contextlib.suppress(Exception):
                importlib.import_module(name)
        return status, [
            (folder / name).read_text(errors="backslashreplace") for name in ("out", "err")
        ]
    status = 70
    try:
        os.close(reader)
        os.chdir(folder)
        for number, name in ((1, "out"), (2, "err")):
            os.dup2(os.open(name, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), number)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        used = resource.getrusage(resource.RUSAGE_SELF)
        seconds = int(used.ru_utime + used.ru_stime) + SECONDS + 1
        resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        resource.setrlimit(resource.RLIMIT_AS, (address_space() + ROOM,) * 2)
        signal.alarm(WALL)
        before = set(sys.modules)
        status = cli.main(words)
        os.write(writer, " ".join(set(sys.modules) - before).encode())
    except BaseException:
        traceback.print_exc()
    finally:
        with contextlib.suppress(Exception):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(status)


def ended(words, folder):
    """How a command ends: (status, standard output, standard error, digests of what it wrote)."""
    status, (out, err) = child([word.format(NAME) for word in words], folder)
    made, digests = folder / "out.h5", None
    if made.exists():
        try:
            with store.read(str(made)) as opened:
                digests = opened.digests()
        except GradtoolsError as error:
            digests = f"not a store: {error}"
        made.unlink()
    return status, out, err, digests


def judge(answer, whole, kind, name):
    """What is wrong with how a case ended, or whether it was "right" or "refused".

    What is deleted may leave a whole store, of which less is said; and digests are of what is there.
    """
    changed = kind == "deleted" or name == "digest" and kind not in BYTES
    status, out, err, digests = answer
    lines = err.strip().splitlines()
    if status < 0:
        return f"killed by {signal.Signals(-status).name}"
    if status == 0 and isinstance(digests, str):
        return f"status 0, and {digests}"
    if status == 0:
        if (out, digests) == (whole[1], whole[3]) or changed:
            return "right"
        return f"status 0, and another answer: {out[:300]!r} for {whole[1][:300]!r}"
    if answer == whole:
        return "right"
    if status not in (1, 2) or len(lines) != 1 or out or digests:
        return f"status {status}, not one line: {err[-600:]!r}, printed {out[:200]!r}"
    if any(word in err for word in ("unexpected", "Traceback", "out of memory")) or NAME not in err:
        return f"not a clear line: {err!r}"
    return "refused"


def lost_its_seal(content):
    """Whether a file was cut where its HDF5 file ends: a whole store without its seal."""
    end = int.from_bytes(content[seal.END_OF_FILE], "little")
    return content.startswith(seal.SIGNATURE + b"\0") and len(content) == end


def clear(folder):
    """Remove all that is in a folder."""
    for path in folder.iterdir():
        shutil.rmtree(path) if path.is_dir() else path.unlink()


def case(seed, job, folder, answers):
    """Damage one store and read it; gives what was done, and the judgement."""
    rng = random.Random(f"{job['seed']} {seed}")
    source, name = rng.choice(job["stores"]), rng.choice(sorted(job["commands"]))
    words, copied = job["commands"][name], folder / NAME
    shutil.copy(source, copied)
    kind, what = damage.damage(copied, rng)
    damaged = copied.read_bytes()
    sealed = kind in BYTES and not lost_its_seal(damaged)
    whole = source, name, sealed
    if whole not in answers:
        shutil.copy(source, copied)
        if not sealed:  # what was done through HDF5 has no seal, which info says
            h5py.File(copied, "r+").close()
        answers[whole] = ended(words, folder)
        clear(folder)
    copied.write_bytes(damaged)
    verdict = judge(ended(words, folder), answers[whole], kind, name)
    clear(folder)
    return f"{seed}: {name} of {Path(source).name}, {kind} {what}", verdict


def main():
    """Try the cases of standard input."""
    job = json.load(sys.stdin)
    folder = Path(job["folder"]) / "tried"
    folder.mkdir()
    counts, wrong, answers = {"refused": 0, "right": 0, "killed": 0}, [], {}
    for seed in range(job["cases"]):
        about, verdict = case(seed, job, folder, answers)
        if verdict in counts:
            counts[verdict] += 1
        else:
            counts["killed"] += verdict.startswith("killed")
            wrong.append(f"{about}: {verdict}")
            print(wrong[-1], file=sys.stderr, flush=True)
    answered = sum(answer[0] == 0 for answer in answers.values())
    print(json.dumps({"cases": job["cases"], **counts, "answered": answered, "wrong": wrong}))


if __name__ == "__main__":
    main()
