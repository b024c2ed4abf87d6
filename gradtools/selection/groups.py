"""Which images the tables of channels are about: all, those of every class, those of one class, or one image."""

import dataclasses
from collections.abc import Iterator, Sequence

import numpy as np

from gradtools.errors import GradtoolsError, UsageError, near_names
from gradtools.images import labels
from gradtools.selection import samples
from gradtools.store import Store, paths

ALL = "all"


@dataclasses.dataclass(frozen=True)
class Groups:
    """The chosen images and their classes; the first group is all of them.

    Attributes
    ----------
    keep : (N,) bool array, of the store's samples
    code : (n,) int array
        Number of each chosen image's class among `names`, -1 for none.
    names : list of str
        The classes, without the group of all.
    first : str
        What the group of all is called: all, a class, or an image.
    joined : str
        What stands between the number of images and that name.
    """

    keep: np.ndarray
    code: np.ndarray
    names: list
    first: str = ALL
    joined: str = " of "

    @property
    def whose(self) -> str:
        """Which images the first group is, in words (str)."""
        count = len(self.code)
        return f"{count} image{'s' * (count != 1)}" + (
            "" if self.whole else f"{self.joined}{self.first}"
        )

    @property
    def whole(self) -> bool:
        """Whether the first group is all images (bool)."""
        return self.first == ALL

    @property
    def every_name(self) -> list[str]:
        """Names (list of str) of all groups."""
        return [self.first, *self.names]

    def members(self) -> Iterator[np.ndarray]:
        """Yield the images (int array) of each group in turn, as numbers among the chosen ones."""
        yield np.arange(len(self.code))
        for number in range(len(self.names)):
            yield np.flatnonzero(self.code == number)


def of_every_class(source: Store, by: str, where: Sequence[str] = ()) -> Groups:
    """Return all images and their classes.

    Parameters
    ----------
    source : store.Store
    by : str
        target: the class that the gradients are about; label: the data's.
    where : sequence of str
        As for `samples.select`.
    """
    keep = samples.select(source, where)
    codes = _codes(source, by)[keep]
    present = np.unique(codes[codes >= 0])
    code = np.where(codes >= 0, np.searchsorted(present, codes), -1)
    return Groups(keep, code, [class_name(source, by, index) for index in present])


def of_all(source: Store, where: Sequence[str] = ()) -> Groups:
    """Return all images, of no class."""
    keep = samples.select(source, where)
    return Groups(keep, np.full(int(keep.sum()), -1), [])


def of_one(source: Store, by: str, name: str, where: Sequence[str] = ()) -> Groups:
    """Return the images of one class, or one image.

    Parameters
    ----------
    name : str
        An image's id, or a class: one of the model's (by target) or of the data's (by label).

    Raises
    ------
    UsageError
        There is no such class.
    GradtoolsError
        No image is left.
    """
    keep = samples.select(source, where)
    if name in source.ids:
        keep &= np.array([sample_id == name for sample_id in source.ids])
        shown, joined = name, ": "
    else:
        index = _class_or_image(source, by, name)
        keep &= _codes(source, by) == index
        shown, joined = class_name(source, by, index), ", target " if by == "target" else " of "
    if not keep.any():
        ways = (
            f"gradtools extract --target {name!r} makes gradients for it"
            if by == "target"
            else "choose another, or another --where"
        )
        raise GradtoolsError(f"{source.name}: no image has the {by} {shown}: {ways}")
    return Groups(keep, np.full(int(keep.sum()), -1), [], shown, joined)


def class_name(source: Store, by: str, index: int) -> str:
    """Return the name (str) of a class by its number."""
    names = source.class_names if by == "label" else source.model_class_names
    return names[index] if index < len(names) else f"class {index}"


def _codes(source: Store, by: str) -> np.ndarray:
    """Return the class of every sample, (N,) int; -1 where it has none."""
    if by == "label":
        return source.labels
    if source.target is None:
        raise GradtoolsError(
            f"{source.name}: its network has no classes, so no gradient is about one; --by label takes the data's classes"
        )
    return source.target


def _class_or_image(source: Store, by: str, name: str) -> int:
    """Return the number of a class by its name; where there is none, near classes and near images are named."""
    try:
        return _index(source, by, name)
    except UsageError as error:
        near = near_names(name, source.ids)
        if not near:
            raise
        raise UsageError(f"{error}; of the images, did you mean {', '.join(near)}?") from error


def _index(source: Store, by: str, name: str) -> int:
    """Return the number of a class by its name."""
    if by == "label":
        return labels.class_index(name, source.class_names)
    _codes(source, by)
    of_data, of_model = (
        set(map(labels.normalise, names))
        for names in (source.class_names, source.model_class_names)
    )
    if labels.normalise(name) in of_data - of_model:
        raise UsageError(f"{name} is a class of the data and none of the model's: add --by label")
    logits = source.rows(paths.LOGITS)
    n_classes = int(source.needed(paths.TARGET).max()) + 1 if logits is None else logits.shape[1]
    return labels.class_index(name, source.model_class_names, n_classes=n_classes)
