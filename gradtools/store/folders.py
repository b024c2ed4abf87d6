"""The folder OUTPUT.part/ of a long job: who holds it, what command it is of, and which blocks are done.

job.json   the command, its fingerprint, and how many entries and blocks there are
lock       held (flock) by the process that writes
owner      host and number of that process, where the file system has no locks
000123     a block (see `blocks`)
fresh      the output while it is assembled from the blocks
done       the output is whole: what is left of the folder is removed by whoever meets it
"""

import contextlib
import errno
import fcntl
import hashlib
import json
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence

import numpy as np

from gradtools.errors import GradtoolsError
from gradtools.store import blocks
from gradtools.store.blocks import Block, Stored
from gradtools.store.disk import has_no_locks

JOB, LOCK, OWNER, FRESH, DONE, ASIDE = "job.json", "lock", "owner", "fresh", "done", ".new"
FILES, SIZES = "image files", "image sizes"  # keys of a command
LAST = (
    JOB,
    LOCK,
    OWNER,
    DONE,
)  # in this order, after everything else: a folder that is half removed is still marked


class Folder:
    """The blocks of a job as files of a folder that this process holds."""

    def __init__(self, path: str, lock: int):
        self.path, self.lock = path, lock

    def at(self, name: str) -> str:
        """Return the path of a file in the folder."""
        return os.path.join(self.path, name)

    def job(self) -> dict | None:
        """Return the content of job.json, None where it is not there or cannot be read."""
        return read_job(self.path)

    def begin(self, command: dict, units: str, made: Sequence[Block]) -> None:
        """Note the command; blocks that lie here are dropped."""
        for name in os.listdir(self.path):
            if name not in (LOCK, OWNER, JOB):
                os.unlink(self.at(name))
        facts = {
            "command": command,
            "fingerprint": fingerprint(command),
            "entries": made[-1].stop if made else 0,
            "units": units,
            "blocks": len(made),
        }
        self._write(JOB, iter([np.frombuffer(json.dumps(facts, indent=1).encode(), "u1")]))

    def find(self, block: Block) -> Stored | None:
        """Return a block that is done, None where it is not there or does not verify."""
        return blocks.verify(self.at(block.name), block)

    def add(self, block: Block, arrays: Mapping[str, np.ndarray], facts: dict) -> Stored:
        """Keep a block: written aside, synced, renamed."""
        self._write(block.name, blocks.encode(block, arrays, facts))
        handle = os.open(self.at(block.name), os.O_RDONLY)
        try:
            size = os.fstat(handle).st_size
            header, length = blocks.read_header(handle, 0, size)
        finally:
            os.close(handle)
        return Stored(self.at(block.name), -1, 0, size, header, blocks.locate(header, length)[0])

    def mark(self) -> None:
        """Note that the output is whole."""
        self._write(DONE, iter([]))

    def remove(self) -> None:
        """Remove the folder and everything in it; the mark goes last."""
        names = [name for name in sorted(os.listdir(self.path)) if name not in LAST]
        for name in (*names, *LAST):
            with contextlib.suppress(FileNotFoundError):
                os.unlink(self.at(name))
        os.rmdir(self.path)

    def _write(self, name: str, pieces: Iterator[np.ndarray]) -> None:
        """Write one file whole or not at all."""
        aside = self.at(name + ASIDE)
        handle = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o666)
        try:
            blocks.write(handle, pieces)
            os.fsync(handle)
        except BaseException:
            with contextlib.suppress(OSError):
                os.unlink(aside)
            raise
        finally:
            os.close(handle)
        os.replace(aside, self.at(name))
        sync_folder(self.path)


@contextlib.contextmanager
def held(path: str) -> Iterator[Folder]:
    """Make the folder where it is missing and hold its lock.

    Raises
    ------
    GradtoolsError
        Another process holds it.
    """
    lock = _locked(path)
    owner = f"{os.uname().nodename} {os.getpid()}".encode()
    try:
        yield Folder(path, lock)
    finally:
        os.close(lock)
        with contextlib.suppress(OSError):
            if _read(os.path.join(path, OWNER)) == owner:
                os.unlink(os.path.join(path, OWNER))


def _locked(path: str) -> int:
    """Return the descriptor of the folder's lock, held by this process."""
    while True:
        with contextlib.suppress(FileExistsError):
            os.mkdir(path)
        try:
            handle = os.open(os.path.join(path, LOCK), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        except FileNotFoundError:  # the process that held it has removed the folder
            continue
        try:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as error:
                if not has_no_locks(error):
                    raise
                _own(path)
            if os.path.samestat(os.fstat(handle), os.stat(os.path.join(path, LOCK))):
                return handle
        except FileNotFoundError:
            pass
        except GradtoolsError:
            os.close(handle)
            raise
        except OSError as error:
            os.close(handle)
            if error.errno in (errno.EWOULDBLOCK, errno.EACCES):
                raise GradtoolsError(
                    f"{path} is being written by another process: wait for it, or choose another -o"
                ) from error
            raise
        os.close(handle)


def _own(path: str) -> None:
    """Write this process as the owner of a folder that cannot be locked.

    Raises
    ------
    GradtoolsError
        It has another one.
    """
    host, file = os.uname().nodename, os.path.join(path, OWNER)
    while True:
        try:
            handle = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
        except FileExistsError:
            owner, _, number = (_read(file) or b"").decode(errors="replace").rpartition(" ")
            if owner == host and number.isdecimal() and not _runs(int(number)):
                with contextlib.suppress(FileNotFoundError):
                    os.unlink(file)  # it ended without its last step
                continue
            raise GradtoolsError(
                f"{path} is being written by process {number} on {owner} (this file system has no locks): wait for it, or "
                f"delete {file} if it has ended"
            ) from None
        blocks.write(handle, iter([np.frombuffer(f"{host} {os.getpid()}".encode(), "u1")]))
        os.close(handle)
        return


def _runs(number: int) -> bool:
    """Return True if a process of this host runs."""
    try:
        os.kill(number, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True


def _read(file: str) -> bytes | None:
    """Return the bytes of a small file, None where it is not there."""
    try:
        with open(file, "rb") as stream:
            return stream.read()
    except FileNotFoundError:
        return None


def is_done(path: str) -> bool:
    """Return True if the output of a folder is whole and has its name, so that the folder can go."""
    return os.path.exists(os.path.join(path, DONE)) and not os.path.exists(
        os.path.join(path, FRESH)
    )


def remove_done(path: str) -> None:
    """Remove a folder whose output is whole, or an empty one; one that another process is about to remove is left to it."""
    with contextlib.suppress(OSError):
        os.rmdir(path)  # killed before its last step
    if os.path.isdir(path) and is_done(path):
        with contextlib.suppress(GradtoolsError, OSError), held(path) as folder:
            folder.remove()


def read_job(path: str) -> dict | None:
    """Return the content of a folder's job.json, None where it is not there or cannot be read."""
    try:
        with open(os.path.join(path, JOB), "rb") as stream:
            facts = json.load(stream)
        return facts if isinstance(facts, dict) and "fingerprint" in facts else None
    except (OSError, ValueError):
        return None


def state(path: str) -> str:
    """Return how much of a folder's job is done, in words: '512 of 1,000 images are done'."""
    facts, done = read_job(path), 0
    if facts is None:
        return "nothing is done yet"
    for name in os.listdir(path):
        if name.isdecimal():
            with contextlib.suppress(OSError, ValueError, KeyError):
                done += _entries(os.path.join(path, name))
    return f"{done:,} of {facts['entries']:,} {facts['units']} are done"


def _entries(path: str) -> int:
    """Return how many entries the header of a block's file names."""
    handle = os.open(path, os.O_RDONLY)
    try:
        header, _ = blocks.read_header(handle, 0, os.fstat(handle).st_size)
    finally:
        os.close(handle)
    start, stop = header["rows"]
    return stop - start


def fingerprint(command: dict) -> str:
    """Return the SHA-256 (hex) of a command's effective options and inputs."""
    return hashlib.sha256(json.dumps(command, sort_keys=True).encode()).hexdigest()


def marks(files: Iterable[Sequence[int]]) -> dict[str, str]:
    """Return a SHA-256 over the numbers of all files, which is another where one changed, and four digits of each that say which."""
    digests = [hashlib.sha256(repr(tuple(numbers)).encode()).hexdigest() for numbers in files]
    return {
        "sha256": hashlib.sha256("".join(digests).encode()).hexdigest(),
        "each": "".join(digest[:4] for digest in digests),
    }


def difference(before: dict, now: dict, names: Sequence[str] = ()) -> str:
    """Return the first option in which two commands differ, in words.

    Parameters
    ----------
    before, now : dict
    names : sequence of str
        Of the files whose `marks` are in the commands as FILES.
    """
    now = json.loads(json.dumps(now))
    differing = [key for key in before.keys() | now.keys() if before.get(key) != now.get(key)]
    key = min(differing, key=lambda key: (key in (FILES, SIZES), key))
    if key == FILES and FILES in before:
        old, new = before[FILES]["each"], now[FILES]["each"]
        changed = [
            name
            for place, name in enumerate(names)
            if old[4 * place : 4 * place + 4] != new[4 * place : 4 * place + 4]
        ]
        more = f" and {len(changed) - 1} more" if len(changed) > 1 else ""
        return f"{changed[0] if changed else 'an image'}{more} changed since"
    return f"{key} was {before.get(key)!r}, is {now.get(key)!r}"


def sync_folder(path: str) -> None:
    """Sync a folder, so that renames in it survive a power failure; file systems that cannot are let pass."""
    handle = os.open(path or ".", os.O_RDONLY)
    try:
        with contextlib.suppress(OSError):
            os.fsync(handle)
    finally:
        os.close(handle)
