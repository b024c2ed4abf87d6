"""What the pictures of a maps store show: which rows stand together, their frames as the network saw them, their maps, their titles."""

import dataclasses
from collections.abc import Callable

import numpy as np

from gradtools.errors import GradtoolsError
from gradtools.figures.overlays.frames import frames
from gradtools.images.loading import Preprocess
from gradtools.math.maps.reading import read_maps
from gradtools.selection import map_methods
from gradtools.store import Store, paths

# Maps of the input are shown up to the value that this share of the pixels has at most.
SHARE = 0.99
CONSTANT, NOTHING = "constant", "zero everywhere:\nnothing speaks\nfor the target"
OVERFLOW = "zero everywhere:\nexp(score)\noverflows"


@dataclasses.dataclass(frozen=True)
class Album:
    """The maps of a store and the images they are of.

    Attributes
    ----------
    store : store.Store
    frame : callable
        Row of a sample -> (H, W, 3) uint8 array, the image as the network saw it, before normalisation.
    sample, target, score : (M,) arrays
        Of each map: row of its sample, class the score is about or -1, and the score.
    methods : dict of str to list of str
        The maps of each method, `method@tap`, in order of taps.
    groups : list of tuple of int
        Rows of maps that stand together: one each, or the two of a pair.
    fuse, compat
        As for `read_maps`.
    """

    store: Store
    frame: Callable[[int], np.ndarray]
    sample: np.ndarray
    target: np.ndarray
    score: np.ndarray
    methods: dict[str, list[str]]
    groups: list[tuple[int, ...]]
    fuse: str = "mean"
    compat: str | None = None


def open_album(
    store: Store,
    images_dir: str | None = None,
    where: np.ndarray | None = None,
    rules: Preprocess | None = None,
    fuse: str = "mean",
    compat: str | None = None,
) -> Album:
    """Open a maps store as an album: its maps, images and names, ready to draw.

    Parameters
    ----------
    store : store.Store
    images_dir : str, optional
        Where the images have gone.
    where : (N,) bool array, optional
        Samples that are drawn; a pair where both are.
    rules : dict or callable, optional
        The preprocessing; by default the store's.

    Raises
    ------
    GradtoolsError
        No maps, no images, or a preprocessing that is the model's own code.
    """
    if not store.maps:
        raise GradtoolsError(
            f"{store.name} holds no maps to draw: add --model, which makes them, as in gradtools saliency {store.name} --model SPEC --overlay DIR -o maps.h5"
        )
    groups = _groups(store.needed(paths.MAP_PARTNER))
    sample = store.needed(paths.MAP_SAMPLE)
    if where is not None:
        groups = [group for group in groups if where[sample[list(group)]].all()]
    if not groups:
        raise GradtoolsError(f"{store.name}: no map is left to draw")
    methods: dict[str, list[str]] = {}
    for name in store.maps:
        methods.setdefault(split(name)[0], []).append(name)
    for names in methods.values():
        check_reading(len(names), fuse if len(names) > 1 else "mean", compat)
    used = sorted({int(sample[row]) for group in groups for row in group})
    frame = frames(store, used, images_dir, rules)
    return Album(
        store,
        frame,
        sample,
        store.needed(paths.MAP_TARGET),
        store.needed(paths.MAP_SCORE),
        methods,
        _spread(store, groups, sample),
        fuse,
        compat,
    )


def check_reading(n_taps: int, fuse: str, compat: str | None) -> None:
    """Refuse a fusion or compat mode that maps of so many taps cannot be read with."""
    read_maps(n_taps * [np.zeros((1, 1, 1))], fuse=fuse, compat=compat)


def answer_in_words(album: Album, row: int) -> str:
    """Return the label of a map's image, what the network answers, whether that is right, and how sure it is (str)."""
    store, sample = album.store, int(album.sample[row])
    if store.predicted is None:
        return ""
    predicted, label = int(store.predicted[sample]), label_of(album, row)
    names = store.model_class_names
    words = [f"answer {names[predicted] if predicted < len(names) else predicted}"]
    logits = store.rows(paths.LOGITS)
    if logits is not None:
        from scipy.special import softmax

        row = logits.read(sample, sample + 1)[0].astype(np.float64)
        words[0] += f" ({softmax(row)[predicted]:.2f})"
    if label >= 0:
        words.insert(0, f"label {store.class_names[label]}")
        if store.member is not None and store.member[label].any():
            words.append("right" if store.member[label, predicted] else "wrong")
    return ", ".join(words)


def split(name: str) -> tuple[str, str]:
    """Split a map's name into (method, tap)."""
    method, _, tap = name.partition("@")
    return method, tap


def fused(album: Album, row: int, method: str, sign: str = "for") -> tuple[np.ndarray, str]:
    """Return the map of a method over its taps, (H, W) float64 at the size of the frame, and what it lacks (str): '', CONSTANT or NOTHING.

    Those of the input's gradient are brighter: see `_clipped`.
    """
    return _read(album, row, album.methods[method], sign)


def at_tap(album: Album, row: int, name: str, sign: str = "for") -> tuple[np.ndarray, str]:
    """Return the map of a method at one tap, and what it lacks, as `fused` does."""
    return _read(album, row, [name], sign)


def last_taps(album: Album, row: int, method: str, count: int) -> tuple[np.ndarray, str]:
    """Return the map of a method over its last so many taps, and what it lacks, as `fused` does."""
    return _read(album, row, album.methods[method][-count:], "for")


def raw(album: Album, row: int, name: str) -> np.ndarray:
    """Return the stored map, (1, h, w)."""
    rows = album.store.needed_rows(paths.maps(name))
    return rows.read(row, row + 1).reshape(1, *rows.tail)


def label_of(album: Album, row: int) -> int:
    """Return the data class that a map is about: its own, else its image's (int); -1 none."""
    labels = album.store.values(paths.MAP_LABEL)
    own = -1 if labels is None else int(labels[row])
    return own if own >= 0 else int(album.store.labels[int(album.sample[row])])


def target_name(album: Album, row: int) -> str:
    """Return what the score is about (str): a class, a label of several classes, the target as asked, or the likeness of a pair."""
    store, target = album.store, int(album.target[row])
    labels, member = store.values(paths.MAP_LABEL), store.member
    if labels is not None and labels[row] >= 0 and member is not None:
        classes = int(member[labels[row]].sum())
        if classes > 1:  # the target is but the one of them with the highest score
            return f"{store.class_names[labels[row]]}, {classes} classes together"
    if target < 0:
        return store.attributes(paths.MAPS).get("target", "")
    names = store.model_class_names
    return names[target] if target < len(names) else f"class {target}"


def class_of(album: Album, group: tuple[int, ...]) -> str:
    """Return what a group's contact sheet is called (str): the data class of its first map, or its target without labels."""
    label = label_of(album, group[0])
    return (
        album.store.class_names[label]
        if label >= 0 and album.store.class_names
        else target_name(album, group[0])
    )


def signed_methods(album: Album) -> list[str]:
    """Return the methods with evidence for and against."""
    return [name for name in album.methods if map_methods.split(name)[0] in map_methods.SIGNED]


def _read(album: Album, row: int, names: list[str], sign: str) -> tuple[np.ndarray, str]:
    size = album.frame(int(album.sample[row])).shape[:2]
    fuse = album.fuse if len(names) > 1 else "mean"
    compat = album.compat if sign == "for" else None
    stored = [raw(album, row, name) for name in names]
    maps, flat = read_maps(stored, size, sign, fuse, compat=compat)
    if flat[0]:
        nothing = sign == "for" and compat != "ones" and all(values.max() <= 0 for values in stored)
        if nothing and any(_overflows(album, row, name) for name in names):
            return maps[0], OVERFLOW
        return maps[0], NOTHING if nothing else CONSTANT
    return _clipped(maps[0]) if split(names[0])[0] in map_methods.AT_INPUT else maps[0], ""


def _overflows(album: Album, row: int, name: str) -> bool:
    """Return True for a map of Grad-CAM++ as printed whose exp(score) is not finite."""
    if not name.startswith(map_methods.LITERAL):
        return False
    counts = album.store.values(paths.undefined(name))
    return counts is not None and bool(counts[row])


def _clipped(values: np.ndarray) -> np.ndarray:
    """Pixels of the input's gradient: one of them is often many times all others, and would leave these dark."""
    bright = np.quantile(values, SHARE)
    return np.minimum(values / bright, 1) if bright > 0 else values


def _groups(partner: np.ndarray) -> list[tuple[int, ...]]:
    """Rows one by one, or two by two where they are the images of pairs."""
    if len(partner) and partner[0] >= 0:
        return [(row, row + 1) for row in range(0, len(partner), 2)]
    return [(row,) for row in range(len(partner))]


def _spread(
    store: Store, groups: list[tuple[int, ...]], sample: np.ndarray
) -> list[tuple[int, ...]]:
    """Groups in turn from every class, so that a limit leaves out no class."""
    labels = store.labels[sample[[group[0] for group in groups]]]
    rank = np.zeros(len(groups), int)
    for label in np.unique(labels):
        rank[labels == label] = np.arange((labels == label).sum())
    return [groups[index] for index in np.argsort(rank, kind="stable")]
