"""The maps a store has, by the names of DESIGN 5: `map:gradcam`, `map:gradcam@layer3`, and how raw ones are read.

Stores keep raw maps of single taps. ReLU, resize, normalisation and fusion over taps happen here, on reading, by `math.cams`.
"""

import dataclasses
import difflib
import fnmatch

import numpy as np

from gradtools.errors import GradtoolsError, UsageError
from gradtools.math import cams
from gradtools.store import paths

PREFIX = "map:"
READ_BYTES = 8 << 20
IN_MEMORY = 1 << 29  # bytes of maps after reading that are held; larger sets are read again, block by block


@dataclasses.dataclass(frozen=True)
class Reading:
    """What makes maps of raw ones: `sign` and `fuse` as in `cams.read_maps`, `size` (height, width), None for the largest tap's own.

    Without `fuse` every tap is a feature of its own; `layers` takes the last so many taps of each method.
    """

    sign: str = "for"
    size: tuple | None = None
    fuse: str | None = None
    layers: int | None = None


@dataclasses.dataclass(frozen=True)
class Feature:
    """Maps of one method: at one tap, or fused over several."""

    name: str
    method: str
    taps: tuple


def is_map(name):
    """Whether a feature's name is one of maps (bool)."""
    return name.startswith(PREFIX)


def parse_size(text):
    """(height, width) of `7` or `7x9`; None of None.

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


def resolve(store, requests=(), reading=Reading()):
    """Features of a store that the requests name, each once, in the order of the store; all maps without a request.

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
    wanted = {name for request in requests or (f"{PREFIX}*",) for name in _matches(store, request, available, reading)}
    by_method = {}
    for name in available:
        if name in wanted:
            method, _, tap = name.removeprefix(PREFIX).partition("@")
            by_method.setdefault(method, []).append(tap)
    return [feature for method, taps in by_method.items() for feature in _features(method, taps, reading)]


def _features(method, taps, reading):
    """The features of one method: one a tap, or one of all."""
    taps = taps[-reading.layers:] if reading.layers else taps
    groups = [tuple(taps)] if reading.fuse else [(tap,) for tap in taps]
    return [Feature(f"{PREFIX}{method}@{'+'.join(group)}", method, group) for group in groups]


def _matches(store, request, available, reading):
    """Full names that one request stands for."""
    taps = [name for name in available if name.partition("@")[0] == request]
    if taps:
        return taps if reading.fuse or reading.layers else taps[-1:]
    found = fnmatch.filter(available, request)
    if not found:
        near = difflib.get_close_matches(request, available, 3, 0.4) or available[:6]
        raise UsageError(f"{store.name} has no maps {request!r}; it has {', '.join(near)}; gradtools saliency --method --tap adds some")
    return found


class Maps:
    """Some of a feature's maps as something that gives (n, H, W) float64 for `maps[rows]`, read and normalised on demand.

    Parameters
    ----------
    store : store.Store
    feature : Feature
    rows : (M,) ascending int array
        Rows of the store's maps.
    reading : Reading
    """

    def __init__(self, store, feature, rows, reading):
        self.store, self.feature, self.rows, self.reading = store, feature, np.asarray(rows), reading
        self.sources = [store.rows(paths.maps(f"{feature.method}@{tap}")) for tap in feature.taps]
        self.native = max((source.tail for source in self.sources), key=np.prod)
        self.size = reading.size or self.native

    def __len__(self):
        return len(self.rows)

    def __getitem__(self, part):
        rows = self.rows[part]
        raw = [self._raw(source, rows) for source in self.sources]
        return cams.read_maps(raw, self.size, self.reading.sign, self.reading.fuse or "mean")[0]

    def _raw(self, source, rows):
        """Stored maps of one tap, (n, h, w), a bounded number of bytes at a time."""
        found = np.empty((len(rows), *source.tail), np.float32)
        step = max(1, READ_BYTES // (4 * max(source.shape[1], 1)))
        for piece in np.unique(rows // step):
            inside = np.flatnonzero(rows // step == piece)
            first, last = rows[inside[0]], rows[inside[-1]]
            found[inside] = source.read(first, last + 1)[rows[inside] - first].reshape(-1, *source.tail)
        bad = np.flatnonzero(~np.isfinite(found).all(axis=(1, 2)))
        if len(bad):
            name = self.store.ids[self.store.values(paths.MAP_SAMPLE)[rows[bad[0]]]]
            raise GradtoolsError(f"{self.store.name}: {self.feature.name} of {name} holds NaN or infinity: "
                                 "leave that sample out (--where list=FILE), or make its map again")
        return found


def held(maps):
    """The same maps as one array where they fit into memory, so that each is read once."""
    if len(maps) * int(np.prod(maps.size)) * 8 > IN_MEMORY:
        return maps
    step = max(1, READ_BYTES // (8 * int(np.prod(maps.size))))
    found = np.empty((len(maps), *maps.size))
    for start in range(0, len(maps), step):
        found[start:start + step] = maps[start:start + step]
    return found
