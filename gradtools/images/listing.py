"""The list of images a job goes over: made from any mix of sources, or found again for a store."""

import collections
import dataclasses
import os
from collections.abc import Iterable, Sequence

import numpy as np

from gradtools.errors import GradtoolsError, UsageError
from gradtools.images import archives, manifest, sources

PACKED = (".tgz", ".tar.gz", ".tar.bz2", ".tar.xz", ".tar.zst", ".zip")


@dataclasses.dataclass(frozen=True)
class ImageList:
    """Images in the order in which they are read.

    Attributes
    ----------
    root : str
        Absolute folder, or tar.
    ids : list of str, N
        Paths below the root, with '/'; bytes that are not UTF-8 as surrogate escapes.
    labels : (N,) int32 array
        Index into label_names; -1 for images without label or with several.
    label_names : list of str, L
    sizes, mtimes : (N,) int64 arrays
        Bytes, and nanoseconds since 1970; 0 for a link whose target is gone.
    labels_many : (N, L) uint8 array or None
        1 where an image has a label; only where some have several.
    boxes : dict of str to (B,) array, or None
        sample, class (-1 none), x0, y0, x1, y1: pixels of the original image, half-open; of
        annotations also ignore and object (its number within the image).
    masks : dict of str to array, or None
        sample, class, object, ignore, start (M,) and counts (R,): run lengths, column by column; those
        of a mask begin at `start`.
    left_out : dict of str to int
        Files of the folders that are no images, by suffix or reason.
    digests : (N, 32) uint8 array or None
        SHA-256 that each file must have: reading another one is an error.
    original : (N,) int32 array or None
        Place of the image that an entry is a version of, -1 for an image itself (see `versions`).
    versions : list of Version or None, N
    seed : int
        Of the versions.
    value_range : (float, float) or None
        The files' values of black and white, in the place of their types'.
    """

    root: str
    ids: list
    labels: np.ndarray
    label_names: list
    sizes: np.ndarray
    mtimes: np.ndarray
    labels_many: np.ndarray | None = None
    boxes: dict | None = None
    left_out: dict = dataclasses.field(default_factory=dict)
    digests: np.ndarray | None = None
    original: np.ndarray | None = None
    versions: list | None = None
    seed: int = 0
    value_range: tuple[float, float] | None = None
    masks: dict | None = None

    @property
    def images(self) -> np.ndarray:
        """Which entries are images themselves, (N,) bool."""
        return np.ones(len(self.ids), bool) if self.original is None else self.original < 0

    def path(self, index: int) -> str:
        """Return the absolute path of one image."""
        return os.path.join(self.root, self.ids[index])


def list_images(
    paths: Iterable[str | bytes] = (), *, files_from: str | None = None, null: bool = False
) -> ImageList:
    """List the images of any number of sources, in their order.

    Parameters
    ----------
    paths : sequence of str or bytes
        Folders of class folders, flat folders, tars, image files, CSV manifests.
    files_from : str, optional
        File of further paths, '-' for stdin.
    null : bool
        That list is separated by NUL, not newline.

    Returns
    -------
    ImageList
        Its root is the one folder given, a manifest's folder, or the deepest folder that holds all sources.

    Raises
    ------
    UsageError, GradtoolsError
        Where a source is not there, has no images or cannot be understood, an image is given twice, or only some
        sources have labels.
    """
    inputs = [_source(os.fsdecode(path)) for path in paths]
    if files_from is not None:
        inputs.append(sources.listed(files_from, null))
    if not inputs:
        raise UsageError(
            "no images: name a folder, files or a manifest, or a list with --files-from"
        )
    return _joined(inputs)


def subset(listed: ImageList, keep: np.ndarray) -> ImageList:
    """Return the images of a list that are kept, their boxes numbered anew.

    Parameters
    ----------
    listed : ImageList
    keep : (N,) bool array
    """

    def rows(values: np.ndarray | None) -> np.ndarray | None:
        return None if values is None else values[keep]

    return dataclasses.replace(
        listed,
        ids=[name for name, kept in zip(listed.ids, keep) if kept],
        labels=listed.labels[keep],
        sizes=listed.sizes[keep],
        mtimes=listed.mtimes[keep],
        labels_many=rows(listed.labels_many),
        boxes=of_kept(listed.boxes, keep),
        masks=of_kept(listed.masks, keep),
        digests=rows(listed.digests),
    )


def of_kept(columns: dict | None, keep: np.ndarray) -> dict | None:
    """Return the boxes or masks of the kept images, (N,) bool, numbered among these; None of none."""
    if columns is None:
        return None
    inside = keep[columns["sample"]]
    if not inside.any():
        return None
    kept = {
        name: values if name == "counts" else values[inside] for name, values in columns.items()
    }
    number = np.cumsum(keep) - 1
    return kept | {"sample": number[kept["sample"]].astype(columns["sample"].dtype)}


def find(
    root: str, ids: Sequence[str], digests: np.ndarray, images_dir: str | None = None
) -> ImageList:
    """Find the images of a store again; a digest is checked when its image is read.

    Parameters
    ----------
    root : str
        Where they were.
    ids : sequence of str, N
    digests : (N, 32) uint8 array
    images_dir : str, optional
        Where they have gone (`--images`).

    Returns
    -------
    ImageList
        Without labels; the store has them.

    Raises
    ------
    GradtoolsError
        Where any is not there.
    """
    where = os.path.abspath(images_dir or root)
    paths = [os.path.join(where, name) for name in ids]
    missing = [path for path in paths if not archives.exists(path)]
    if missing:
        raise GradtoolsError(
            f"{len(missing)} of {len(paths)} images are not in {where}, first {missing[0]}: "
            "say with --images DIR where they are"
        )
    sizes, mtimes = _statuses(paths)
    labels = np.full(len(paths), -1, "i4")
    return ImageList(where, list(ids), labels, [], sizes, mtimes, digests=np.asarray(digests, "u1"))


def _source(path: str) -> sources.Source:
    """Return the images of one input."""
    if path.lower().endswith(PACKED):
        raise UsageError(
            f"{path}: of archives only tar without compression is read, image by image: unpack it (mkdir DIR; "
            f"tar -xf {path} -C DIR) and give the folder"
        )
    if archives.is_archive(path):
        return sources.archive(path)
    if os.path.isdir(path):
        return sources.folder(path)
    if not os.path.lexists(path):
        raise UsageError(f"{path}: no such file or folder")
    return manifest.read(path) if path.lower().endswith(".csv") else sources.file(path)


def _joined(inputs: Sequence[sources.Source]) -> ImageList:
    """Join several sources into one list."""
    if len({source.label_names is None for source in inputs}) > 1:
        raise UsageError(
            "some of the inputs have labels (class folders, a manifest) and some have none: "
            "give only inputs of one kind, or a CSV manifest path,label of all"
        )
    root = sources.common_folder([source.base for source in inputs])
    paths = [path for source in inputs for path in source.paths]
    ids = [sources.below(path, root).replace(os.sep, "/") for path in paths]
    _refuse_twice(ids, root)
    names = _names(inputs)
    labels, many = _labels([texts for source in inputs for texts in source.labels], names)
    sizes, mtimes = _statuses(paths)
    left_out = sum(
        (collections.Counter(source.left_out) for source in inputs), collections.Counter()
    )
    return ImageList(
        root, ids, labels, list(names), sizes, mtimes, many, _boxes(inputs, names), dict(left_out)
    )


def _names(inputs: Sequence[sources.Source]) -> list[str]:
    """Return the labels of all sources: of one in its own order, of several sorted."""
    if len(inputs) == 1:
        return inputs[0].label_names or []
    return sorted({name for source in inputs for name in source.label_names or ()})


def _refuse_twice(ids: Sequence[str], root: str) -> None:
    if len(set(ids)) < len(ids):
        twice = next(name for name, count in collections.Counter(ids).items() if count > 1)
        raise UsageError(
            f"{os.path.join(root, twice)} is given more than once: each image is one sample"
        )


def _labels(
    labels_of_images: Sequence[tuple[str, ...]], names: Sequence[str]
) -> tuple[np.ndarray, np.ndarray | None]:
    """Label of each image, (N,) int32, and where any has several all of them, (N, L) uint8."""
    index = {name: place for place, name in enumerate(names)}
    labels = np.array(
        [index[labels[0]] if len(labels) == 1 else -1 for labels in labels_of_images], "i4"
    )
    if all(len(labels) < 2 for labels in labels_of_images):
        return labels, None
    many = np.zeros((len(labels_of_images), len(names)), "u1")
    for row, labels_of in zip(many, labels_of_images):
        row[[index[name] for name in labels_of]] = 1
    return labels, many


def _boxes(inputs: Sequence[sources.Source], names: Sequence[str]) -> dict[str, np.ndarray] | None:
    """Return the sources' boxes as columns, None where there are none."""
    index = {name: place for place, name in enumerate(names)}
    starts = np.cumsum([0] + [len(source.paths) for source in inputs])
    rows = [
        (start + place, index.get(name, -1), *corners)
        for start, source in zip(starts, inputs)
        for place, name, *corners in source.boxes
    ]
    if not rows:
        return None
    columns = dict(zip(("sample", "class", *manifest.CORNERS), zip(*rows)))
    return {
        name: np.array(values, "i4" if name in ("sample", "class") else "f4")
        for name, values in columns.items()
    }


def _statuses(paths: Sequence[str]) -> np.ndarray:
    """Return the bytes and times of change, two (N,) int64 arrays."""
    facts = np.zeros((2, len(paths)), "i8")
    for place, path in enumerate(paths):
        facts[:, place] = archives.status(path) or (0, 0)
    return facts
