"""One source of images each: a folder, a tar, a file, or a list of paths; `manifest` has the CSV file."""

import collections
import dataclasses
import os
import sys
from collections.abc import Iterable, Iterator, Sequence

from gradtools.errors import GradtoolsError, UsageError
from gradtools.images import archives

SUFFIXES = (
    ".jpg",
    ".jpeg",
    ".png",
    ".bmp",
    ".gif",
    ".tif",
    ".tiff",
    ".webp",
    ".ppm",
    ".pgm",
    ".pbm",
)

MASKS = (
    "mask",
    "annotation",
    "segmentation",
    "segmentationclas",
    "segmentationobject",
    "groundtruth",
)  # without s


@dataclasses.dataclass(frozen=True)
class Source:
    """Images of one input, in order.

    Attributes
    ----------
    base : str
        Absolute folder that all are below.
    paths : list of str
        Absolute.
    labels : list of tuple of str
        Labels of each image, empty where it has none.
    label_names : list of str or None
        The labels in their order; None where the source has none.
    boxes : list of (int, str or None, float, float, float, float)
        Which of the paths, its label, x0, y0, x1, y1.
    left_out : dict of str to int
        How many files were left out, by suffix or reason.
    """

    base: str
    paths: list[str]
    labels: Sequence[tuple[str, ...]]
    label_names: list[str] | None = None
    boxes: Sequence[tuple] = ()
    left_out: dict[str, int] = dataclasses.field(default_factory=dict)


def folder(path: str) -> Source:
    """List a folder of class folders, or a flat one.

    The images of a sub-folder, at any depth, have its name as label; classes and files are sorted by name, as in
    torchvision's ImageFolder. Hidden files and those without an image's suffix are left out and counted. Links are
    followed, but never into a folder above.

    Raises
    ------
    GradtoolsError
        Where no image is found, images lie beside class folders, a folder cannot be opened, or one of two holds masks of the
        other's images.
    """
    base = os.path.abspath(path)
    left_out: collections.Counter[str] = collections.Counter()
    paths = list(_walk(base, frozenset(), left_out))
    if not paths:
        raise GradtoolsError(
            f"{path}: no images; {_contents(left_out)}; read are {' '.join(SUFFIXES)}"
        )
    return _labelled_by_folders(path, base, paths, left_out)


def archive(path: str) -> Source:
    """List the images of a tar, read without unpacking it.

    In the layout of webdataset NAME.cls or NAME.json has the label of NAME.jpg (see `archives.labels`), sorted as a
    manifest's; without any such file the tar is read as the folder that it unpacks to.

    Raises
    ------
    GradtoolsError
        It cannot be read, or holds no image.
    UsageError
        Images lie beside class folders.
    """
    base = os.path.abspath(path)
    left_out: collections.Counter[str] = collections.Counter()
    names = list(archives.walk(base, SUFFIXES, left_out))
    if not names:
        raise GradtoolsError(
            f"{path}: no images; {_contents(left_out)}; read are {' '.join(SUFFIXES)}"
        )
    paths = [os.path.join(base, *name.split("/")) for name in names]
    if not archives.is_dataset(base):
        return _labelled_by_folders(path, base, paths, left_out)
    labels = [archives.labels(base, name) for name in names]
    known = sorted_labels({label for labels_of in labels for label in labels_of})
    return Source(base, paths, labels, known or None, left_out=dict(left_out))


def sorted_labels(labels: Iterable[str]) -> list[str]:
    """Return labels in order: whole numbers by their size, else texts."""
    labels = list(labels)
    numbers = all(label.isdecimal() for label in labels)
    return sorted(labels, key=lambda label: (int(label), label)) if numbers else sorted(labels)


def _labelled_by_folders(
    path: str, base: str, paths: list[str], left_out: collections.Counter[str]
) -> Source:
    """Return the images whose first folder below a source is their label, or images without labels."""
    parts = [below(image, base).split(os.sep) for image in paths]
    loose = [names[-1] for names in parts if len(names) == 1]
    _refuse_folders_of_classes(path, parts)
    _refuse_folders_of_masks(path, parts)
    if not loose:
        labels = [(names[0],) for names in parts]
        return Source(
            base, paths, labels, sorted({names[0] for names in parts}), left_out=dict(left_out)
        )
    if len(loose) < len(parts):
        inner = sorted({names[0] for names in parts if len(names) > 1})
        raise UsageError(
            f"{path}: images ({loose[0]}{', ...' if len(loose) > 1 else ''}) lie beside folders of images "
            f"({', '.join(inner[:3])}{', ...' if len(inner) > 3 else ''}), so labels are not clear: "
            "move them apart, or write a CSV manifest path,label"
        )
    return Source(base, paths, [()] * len(paths), left_out=dict(left_out))


def _refuse_folders_of_classes(path: str, parts: list[list[str]]) -> None:
    """Stop where the folders directly inside hold no image but folders of images, as train/ and val/ do."""
    if any(len(names) < 3 for names in parts):
        return
    tops = sorted({names[0] for names in parts})
    raise UsageError(
        f"{path}: its folders ({', '.join(tops[:3])}{', ...' if len(tops) > 3 else ''}) hold no images but folders of images, so which "
        f"are the classes is not clear: give one of them, as in {os.path.join(path, tops[0])}, or say with a CSV manifest path,label that "
        "they are the classes themselves"
    )


def _refuse_folders_of_masks(path: str, parts: list[list[str]]) -> None:
    """Stop where one of the folders holds masks of another's images: same names, and a name that says so."""
    stems: dict[str, set[str]] = {}
    for names in parts:
        if len(names) > 1:
            stems.setdefault(names[0], set()).add(os.path.splitext(os.sep.join(names[1:]))[0])
    for name in sorted(stems):
        others = [other for other in sorted(stems) if other != name and stems[name] <= stems[other]]
        if name.lower().rstrip("s") in MASKS and others:
            images, masks = (os.path.join(path, part) for part in (others[0], name))
            raise UsageError(
                f"{path}: {name} looks like masks of the images in {others[0]} (the same names), not like a class: "
                f"give {images} with --annotations {masks}, or say with a CSV manifest path,label that it is a class"
            )


def file(path: str) -> Source:
    """List a single image, whatever its suffix."""
    absolute = os.path.abspath(path)
    return Source(os.path.dirname(absolute), [absolute], [()])


def listed(files_from: str, null: bool) -> Source:
    """List the paths in a file, or on stdin for '-'; separated by newline, or by NUL.

    Raises
    ------
    UsageError, GradtoolsError
        Where the list cannot be read, is empty, or names what is no file.
    """
    where = "the list of images on stdin" if files_from == "-" else files_from
    names = _split(_content(files_from), null)
    if not names:
        raise GradtoolsError(
            f"{where} was empty: it gives one path a line, or with -0 separated by NUL (find -print0)"
        )
    paths = [os.path.abspath(name) for name in names]
    refuse_missing(paths, where)
    return Source(common_folder(map(os.path.dirname, paths)), paths, [()] * len(paths))


def refuse_missing(paths: Sequence[str], where: str) -> None:
    """Stop where listed paths are not there, or are folders; a link whose target is gone is an image, if unreadable."""
    missing = [path for path in paths if not (os.path.lexists(path) or archives.exists(path))]
    if missing:
        raise GradtoolsError(
            f"{where}: {len(missing)} of {len(paths)} images are not there, first {missing[0]}"
        )
    inner = next((path for path in paths if os.path.isdir(path)), None)
    if inner is not None:
        raise GradtoolsError(
            f"{where}: {inner} is a folder: list files (find -type f), or give the folder itself"
        )


def below(path: str, folder: str) -> str:
    """Return a path relative to a folder that holds it, both absolute; os.path.relpath takes 20 times as long."""
    return path[len(folder.rstrip(os.sep)) + 1 :]


def common_folder(folders: Iterable[str]) -> str:
    """Return the deepest folder that holds all."""
    return os.path.commonpath(set(folders))


def _walk(
    folder: str, above: frozenset[tuple[int, int]], left_out: collections.Counter[str]
) -> Iterator[str]:
    """Yield the images below a folder, sorted by name at every level; `above`: (device, inode) of the folders around it."""
    try:
        status = os.stat(folder)
        here = (status.st_dev, status.st_ino)
        if here in above:
            left_out["link to a folder above"] += 1
            return
        with os.scandir(folder) as listing:
            entries = sorted(listing, key=lambda entry: entry.name)
    except OSError as error:
        raise GradtoolsError(f"{folder}: {error.strerror}") from error
    for entry in entries:
        suffix = os.path.splitext(entry.name)[1].lower()
        if entry.name.startswith("."):
            left_out["hidden"] += 1
        elif entry.is_dir():
            yield from _walk(entry.path, above | {here}, left_out)
        elif suffix in SUFFIXES:
            yield entry.path
        else:
            left_out[suffix or "without suffix"] += 1


def _contents(left_out: collections.Counter[str]) -> str:
    """Return what a folder has in place of images."""
    most = sorted(left_out.items(), key=lambda item: -item[1])[:5]
    return (
        "it has " + ", ".join(f"{count} {what}" for what, count in most) if most else "it is empty"
    )


def _content(files_from: str) -> bytes:
    try:
        if files_from == "-":
            if sys.stdin is None:
                raise UsageError("--files-from -: standard input is closed")
            return sys.stdin.buffer.read()
        with open(files_from, "rb") as stream:
            return stream.read()
    except OSError as error:
        raise UsageError(f"--files-from {files_from}: {error.strerror}") from error


def _split(content: bytes, null: bool) -> list[str]:
    """Return the names in a list; lines may end as on Windows."""
    names = content.split(b"\0") if null else [line.rstrip(b"\r") for line in content.split(b"\n")]
    if not null and b"\0" in content:
        raise UsageError("--files-from: the list is separated by NUL: add -0")
    return [os.fsdecode(name) for name in names if name]
