"""Images inside a tar, read where they lie: `a.tar/NAME.jpg` is a path like any other.

A member is found by the archive's own list, made once a process, and read by its place; nothing is unpacked. In the layout of
webdataset NAME.cls or NAME.json beside NAME.jpg has the label.
"""

import collections
import dataclasses
import functools
import json
import os
import posixpath
import tarfile
from collections.abc import Iterator, Mapping

from gradtools.errors import GradtoolsError

SUFFIX = ".tar"
CLASS, FACTS = ".cls", ".json"
Label = str | int  # as JSON has one
KEYS = ("label", "cls", "class")  # of NAME.json, the first that is there


@dataclasses.dataclass(frozen=True)
class Member:
    """Where the bytes of a file lie in its archive."""

    offset: int
    size: int


def is_archive(path: str) -> bool:
    """Return True if a path is that of a tar, by its suffix."""
    return path.lower().endswith(SUFFIX) and os.path.isfile(path)


def split(path: str | os.PathLike[str]) -> tuple[str, str] | None:
    """Return the archive and the member's name of a path that leads into a tar, None for any other path."""
    path = os.fspath(path)
    lower, end = path.lower(), 0
    while (end := lower.find(SUFFIX + os.sep, end)) >= 0:
        end += len(SUFFIX)
        if os.path.isfile(path[:end]):
            return path[:end], path[end + 1 :].replace(os.sep, "/")
    return None


def status(path: str) -> tuple[int, int] | None:
    """Return bytes and time of change (nanoseconds; of a member its archive's) of a file, None where there is none.

    A link whose target is gone has none.
    """
    inside = split(path)
    try:
        facts = os.stat(path if inside is None else inside[0])
    except OSError:
        return None
    if inside is None:
        return facts.st_size, facts.st_mtime_ns
    member = members(inside[0]).get(inside[1])
    return None if member is None else (member.size, facts.st_mtime_ns)


def exists(path: str) -> bool:
    """Return True if there is a regular file at a path, in a folder or in an archive."""
    inside = split(path)
    return os.path.isfile(path) if inside is None else inside[1] in members(inside[0])


def read_bytes(path: str) -> bytes:
    """Return the bytes of a file, in a folder or in an archive.

    Raises
    ------
    OSError
    """
    inside = split(path)
    if inside is None:
        with open(path, "rb") as file:
            return file.read()
    member = members(inside[0]).get(inside[1])
    if member is None:
        raise FileNotFoundError(0, f"no such file in {inside[0]}", path)
    return _read(inside[0], member)


def members(archive: str) -> Mapping[str, Member]:
    """Return the regular files of a tar by name, links to them included; of two of one name the last, as tar unpacks them.

    Raises
    ------
    GradtoolsError
        It is no tar, or ends early.
    """
    facts = os.stat(archive)
    return _members(archive, facts.st_size, facts.st_mtime_ns)


def labels(archive: str, name: str) -> tuple[str, ...]:
    """Return the labels that stand beside an image, of NAME.cls or NAME.json; () without one.

    Raises
    ------
    GradtoolsError
        The file beside it cannot be understood.
    """
    listed, key = members(archive), posixpath.splitext(name)[0]
    if key + CLASS in listed:
        text = _read(archive, listed[key + CLASS]).decode("utf-8", "surrogateescape").strip()
        return (text,) if text else ()
    if key + FACTS not in listed:
        return ()
    try:
        facts = json.loads(_read(archive, listed[key + FACTS]))
        value: Label | list[Label] = next(
            (facts[key] for key in KEYS if facts.get(key) is not None), []
        )
    except (ValueError, AttributeError) as error:
        raise GradtoolsError(
            f"{os.path.join(archive, key + FACTS)} is not a JSON object: {error}"
        ) from error
    every = value if isinstance(value, list) else [value]
    return tuple(dict.fromkeys(str(label).strip() for label in every))


def is_dataset(archive: str) -> bool:
    """Return True if labels stand beside images, as webdataset writes them."""
    return any(name.endswith((CLASS, FACTS)) for name in members(archive))


def is_sample(name: str) -> bool:
    """Return True if a name has no further part before its suffix: of NAME.seg.png the image is NAME's segmentation."""
    return posixpath.basename(name).count(".") == 1


@functools.cache
def _members(archive: str, _size: int, _changed: int) -> dict[str, Member]:
    """Return the files of an archive that has not changed since it was listed."""
    listed: dict[str, Member] = {}
    links = []
    try:
        with tarfile.open(archive, "r:", errors="surrogateescape") as file:
            for entry in file:
                name = posixpath.normpath(entry.name)
                if name.startswith(("/", "../")):
                    continue
                if entry.isreg() and not entry.issparse():
                    listed[name] = Member(entry.offset_data, entry.size)
                elif entry.islnk() or entry.issym():
                    links.append((name, _target(name, entry)))
            _check_end(archive, file.offset)
    except (tarfile.TarError, EOFError) as error:
        last = f" behind {next(reversed(listed))}" if listed else ""
        raise GradtoolsError(
            f"{archive} is not a whole tar ({error}{last}): compressed ones are not read, and one that ends early was not "
            "copied to its end"
        ) from error
    listed |= {name: listed[target] for name, target in links if target in listed}
    return listed


def _check_end(archive: str, offset: int) -> None:
    """Refuse a file that ends within a header, which tarfile takes for the end."""
    rest = _read(archive, Member(offset, min(tarfile.BLOCKSIZE, os.path.getsize(archive) - offset)))
    if rest and (len(rest) < tarfile.BLOCKSIZE or any(rest)):
        raise tarfile.ReadError("unexpected end of data")


def _target(name: str, entry: tarfile.TarInfo) -> str:
    """Return what a link leads to."""
    folder = "" if entry.islnk() else posixpath.dirname(name)
    return posixpath.normpath(posixpath.join(folder, entry.linkname))


def _read(archive: str, member: Member) -> bytes:
    """Return the bytes of a member.

    Raises
    ------
    OSError
        The archive is shorter than it was.
    """
    handle = os.open(archive, os.O_RDONLY)
    try:
        data = os.pread(handle, member.size, member.offset)
        while len(data) < member.size:
            more = os.pread(handle, member.size - len(data), member.offset + len(data))
            if not more:
                raise OSError(0, "the archive ends within it")
            data += more
        return data
    finally:
        os.close(handle)


def walk(archive: str, suffixes: tuple[str, ...], left_out: collections.Counter) -> Iterator[str]:
    """Yield the names of an archive's images, sorted by name at every level as a folder's are; counts what is none."""
    dataset = is_dataset(archive)
    for name in sorted(members(archive), key=lambda name: name.split("/")):
        suffix = posixpath.splitext(name)[1].lower()
        if any(part.startswith(".") for part in name.split("/")):
            left_out["hidden"] += 1
        elif suffix in suffixes and (not dataset or is_sample(name)):
            yield name
        elif not (dataset and suffix in (CLASS, FACTS)):
            ending = f".{posixpath.basename(name).partition('.')[2]}" if dataset else suffix
            left_out[ending.rstrip(".") or "without suffix"] += 1
