"""The maps a store has, by the names of architecture#features: `map:gradcam`, `map:gradcam@layer3`, and how raw ones are read.

Stores keep raw maps of single taps. ReLU, resize, normalisation and fusion over taps happen here, on reading, by `math.maps.reading`.
"""

import dataclasses
import os
import tempfile
from collections.abc import Sequence

import numpy as np

from gradtools.errors import GradtoolsError, UsageError
from gradtools.math.maps import reading as cams
from gradtools.selection.names import resolve as resolve_names
from gradtools.store import Rows, Store, paths

PREFIX = "map:"
READ_BYTES = 8 << 20
IN_MEMORY = 1 << 29  # bytes of raw maps that are held; larger sets wait in a temporary file


@dataclasses.dataclass(frozen=True)
class Reading:
    """What makes maps of raw ones: `sign` and `fuse` as in `cams.read_maps`, `size` (height, width), None for the largest tap's own.

    Without `fuse` every tap is a feature of its own; `layers` takes the last so many taps of each method, and with `fuse` each of
    its numbers is a feature, the fusion of so many.
    """

    sign: str = "for"
    size: tuple[int, int] | None = None
    fuse: str | None = None
    layers: tuple[int, ...] | None = None


@dataclasses.dataclass(frozen=True)
class Feature:
    """Maps of one method: at one tap, or fused over several."""

    name: str
    method: str
    taps: tuple[str, ...]


def is_map(name: str) -> bool:
    """Return True if a feature's name is one of maps."""
    return name.startswith(PREFIX)


def parse_size(text: str | None) -> tuple[int, int] | None:
    """Parse `7` or `7x9` to (height, width); None for None.

    Raises
    ------
    UsageError
    """
    if text is None:
        return None
    parts = text.lower().split("x")
    if not 1 <= len(parts) <= 2 or not all(part.isdecimal() and int(part) for part in parts):
        raise UsageError(f"--size {text}: write pixels, as in 7 or 224x224")
    return int(parts[0]), int(parts[-1])


def resolve(
    store: Store, requests: Sequence[str] = (), reading: Reading = Reading()
) -> list[Feature]:
    """Resolve requests to maps of a store, each once, in the order of the store; all maps without a request.

    Parameters
    ----------
    requests : sequence of str
        Names and globs. `map:gradcam` is its only or last tap; with layers or a fusion, all its taps.

    Raises
    ------
    UsageError
        Where the store has no such maps; names near ones.
    """
    available = [f"{PREFIX}{name}" for name in store.maps]
    if not available:
        raise UsageError(f"{store.name} holds no maps: gradtools saliency makes them")
    wanted = resolve_names(
        requests or (f"{PREFIX}*",),
        available,
        lambda request: (
            f"{store.name} has no maps {request!r} (gradtools saliency --method --tap adds some)"
        ),
        expand=lambda request: _of_method(request, available, reading),
    )
    by_method: dict[str, list[str]] = {}
    for name in available:
        if name in wanted:
            method, _, tap = name.removeprefix(PREFIX).partition("@")
            by_method.setdefault(method, []).append(tap)
    asked, most = max(reading.layers or (0,)), max(map(len, by_method.values()))
    if asked > most:
        raise UsageError(
            f"--layers {asked}: {store.name} has maps of {most} tap{'s' if most > 1 else ''} a method; "
            f"gradtools saliency --layers {asked} makes more"
        )
    return [
        feature
        for method, taps in by_method.items()
        for feature in _features(method, taps, reading)
    ]


def _features(method: str, taps: list[str], reading: Reading) -> list[Feature]:
    """Return the features of one method: one a tap, or one of all."""
    counts = reading.layers or (len(taps),)
    groups: list[tuple[str, ...]]
    if reading.fuse:
        groups = list(dict.fromkeys(tuple(taps[-count:]) for count in counts))
    else:
        groups = [(tap,) for tap in taps[-max(counts) :]]
    return [Feature(f"{PREFIX}{method}@{'+'.join(group)}", method, group) for group in groups]


def _of_method(request: str, available: list[str], reading: Reading) -> list[str]:
    """Return the maps of a method named without a tap: those of the last one, or of all where they are fused or counted."""
    taps = [name for name in available if name.partition("@")[0] == request]
    return taps if reading.fuse or reading.layers else taps[-1:]


def kinds(
    store: Store,
    requests: Sequence[str] = (),
    layers: tuple[int, ...] | None = None,
    fuse: Sequence[str] = ("mean",),
) -> dict[str, tuple[Feature, str]]:
    """Return the kinds of maps that a measure of maps is taken of: a feature of the store and its fusion, by name.

    Parameters
    ----------
    requests : sequence of str
        Names and globs; all maps without a request.
    layers : tuple of int, optional
        Numbers of last taps that are fused; by default every number up to the store's.
    fuse : sequence of str
        Ways to fuse them; other ways than the mean are part of the name.
    """
    taps: dict[str, int] = {}
    for name in store.maps:
        taps[name.partition("@")[0]] = taps.get(name.partition("@")[0], 0) + 1
    layers = layers or tuple(range(1, max(taps.values(), default=0) + 1))
    named: dict[str, tuple[Feature, str]] = {}
    for how in fuse:
        for feature in resolve(store, requests, Reading(fuse=how, layers=layers)):
            plain = how == "mean" or len(feature.taps) == 1
            named.setdefault(feature.name if plain else f"{feature.name}:{how}", (feature, how))
    return named


class Maps:
    """Some of a feature's maps as something that gives (n, H, W) float64 for `maps[rows]`, normalised on demand.

    Parameters
    ----------
    store : store.Store
    feature : Feature
    rows : (M,) ascending int array
        Rows of the store's maps; they are read once, into memory or, where they are large, into a temporary file.
    reading : Reading

    Raises
    ------
    GradtoolsError
        A map holds NaN or infinity; names its image.
    """

    def __init__(self, store: Store, feature: Feature, rows: np.ndarray, reading: Reading):
        sources = [store.needed_rows(paths.maps(f"{feature.method}@{tap}")) for tap in feature.taps]
        self.native = max((source.tail for source in sources), key=np.prod)
        self.feature, self.reading, self.size = feature, reading, reading.size or self.native
        self.raw = [_loaded(store, feature, source, np.asarray(rows)) for source in sources]

    def __len__(self) -> int:
        return len(self.raw[0])

    def __getitem__(self, part: slice | np.ndarray) -> np.ndarray:
        return cams.read_maps(
            [raw[part] for raw in self.raw],
            self.size,
            self.reading.sign,
            self.reading.fuse or "mean",
        )[0]


def _loaded(store: Store, feature: Feature, source: Rows, rows: np.ndarray) -> np.ndarray:
    """Return the raw maps of one tap, (M, h, w) float32, read a bounded number of bytes at a time."""
    raw = _room((len(rows), *source.tail))
    step = max(1, READ_BYTES // (4 * max(source.shape[1], 1)))
    for start in range(0, source.shape[0], step):
        first, last = np.searchsorted(rows, [start, start + step])
        if last > first:
            places = rows[first:last]
            part = source.read(places[0], places[-1] + 1)[places - places[0]]
            _check(store, feature, part, places)
            raw[first:last] = part.reshape(-1, *source.tail)
    return raw


def _room(shape: tuple[int, ...]) -> np.ndarray:
    """Return an empty float32 array, in a temporary file where it is large: classes lie scattered, and chunks would be read many times."""
    length = 4 * int(np.prod(shape))
    if length <= IN_MEMORY:
        return np.empty(shape, np.float32)
    with tempfile.TemporaryFile() as file:
        try:
            os.posix_fallocate(
                file.fileno(), 0, length
            )  # a mapped file on a full disk would kill the process
        except OSError as error:
            raise GradtoolsError(
                f"no room for {length >> 20} MiB of maps in {tempfile.gettempdir()}: free some, or set TMPDIR"
            ) from error
        return np.memmap(file, np.float32, "r+", shape=shape)


def _check(store: Store, feature: Feature, part: np.ndarray, places: np.ndarray) -> None:
    """Refuse maps that are no numbers."""
    bad = np.flatnonzero(~np.isfinite(part).all(axis=1))
    if len(bad):
        name = store.ids[store.needed(paths.MAP_SAMPLE)[places[bad[0]]]]
        raise GradtoolsError(
            f"{store.name}: {feature.name} of {name} holds NaN or infinity: "
            "leave that sample out (--where list=FILE), or make its map again"
        )
