"""The vectors a store has for its samples, by the names of architecture#features: `gradient`, `activation@layer3`, `logits`, ...

A feature is read in pieces, from a dataset or from what follows from one (probabilities, the class row of the prediction).
"""

import dataclasses
from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

import numpy as np

from gradtools.errors import GradtoolsError
from gradtools.math.maps import reading
from gradtools.math.rows import class_rows
from gradtools.selection import feature_names, maps
from gradtools.selection.names import resolve as resolve_names
from gradtools.store import Store, paths

READ_BYTES = 8 << 20
T = TypeVar("T")


@dataclasses.dataclass(frozen=True)
class Feature:
    """One vector a sample; `read(start, stop)` gives rows (n, D), `shape` is (N, D)."""

    name: str
    shape: tuple[int, int]
    read: Callable[[int, int], np.ndarray]

    @property
    def kind(self) -> str:
        """The name without its tap."""
        return self.name.split("@", 1)[0]


def resolve(
    store: Store, requests: Sequence[str] = (), control: bool = True, with_maps: bool = False
) -> list[Feature]:
    """Resolve requests to features of a store, each once, in the order of the requests; the defaults without a request.

    Parameters
    ----------
    requests : sequence of str
        Names and globs, as in `gradient`, `gradient@layer3`, `'activation@*'`, `logits`, `weight`.
    control : bool
        Whether the class row of the prediction is added where the store has the classifier's rows.
    with_maps : bool
        Whether maps, flattened, are vectors too (`map:gradcam@layer3`); they are the default of a store that `saliency` made.

    Raises
    ------
    GradtoolsError
        Where the store has no such feature; names near ones.
    """
    available = feature_names.names(store) + (feature_names.map_names(store) if with_maps else [])
    if not available:
        raise GradtoolsError(f"{store.name} holds {_in_place_of_features(store)}")
    matches = resolve_names(
        requests
        or (feature_names.maps_of_last_command(store) if with_maps else [])
        or feature_names.defaults(store, available),
        available,
        lambda request: (
            f"{store.name} has no feature {request!r} ({feature_names.remedy(request)})"
        ),
        expand=lambda request: [
            name for name in (feature_names.full_name(store, request),) if name in available
        ],
    )
    if control:
        matches += [
            name for name in feature_names.controls(store, available) if name not in matches
        ]
    return [load(store, name) for name in matches]


def _in_place_of_features(store: Store) -> str:
    """Say what a store without features has, and what takes it."""
    if not feature_names.matrices(store):
        return "no features: gradtools extract makes them"
    return (
        "a matrix of every pair and no features: evaluate shows its statistics, and dendrogram, "
        "cluster --method agglomerative and compare take it"
    )


def _flattened(store: Store, name: str) -> Feature:
    """Return the maps as vectors: what speaks for the target, each map in [0, 1]; refused where samples have not one map each."""
    sample = store.needed(paths.MAP_SAMPLE)
    if not np.array_equal(sample, np.arange(store.n_samples)):
        raise GradtoolsError(
            f"{store.name}: {name} has {len(sample)} maps of {store.n_samples} samples, and a row is a sample's one map: "
            "gradtools saliency --target argmax makes one each, and --feature names another feature"
        )
    rows = store.needed_rows(paths.maps(name.removeprefix(maps.PREFIX)))

    def read(start: int, stop: int) -> np.ndarray:
        raw = rows.read(start, stop).reshape(-1, *rows.tail)
        return reading.read_maps([raw])[0].reshape(len(raw), -1)

    return Feature(name, rows.shape, read)


def load(store: Store, name: str) -> Feature:
    """Return the feature that a full name stands for."""
    if maps.is_map(name):
        return _flattened(store, name)
    if name == "probabilities":
        logits = store.needed_rows(paths.LOGITS)
        return Feature(name, logits.shape, lambda start, stop: softmax(logits.read(start, stop)))
    if name == feature_names.CONTROL:
        of_classes, predicted = store.needed(paths.WEIGHT), store.needed(paths.PREDICTED)
        shape = (len(predicted), of_classes.shape[1])
        return Feature(name, shape, lambda start, stop: of_classes[predicted[start:stop]])
    rows = store.needed_rows(
        paths.feature(name)
        if name in feature_names.imported(store)
        else feature_names.path_of(name)
    )
    return Feature(name, rows.shape, rows.read)


def normalised(
    store: Store, feature: Feature, how: str | None = None, keep: np.ndarray | None = None
) -> Feature:
    """Return the feature with its rows normalised (mathematics#row-normalisation).

    Parameters
    ----------
    how : str, optional
        One of `class_rows.NORMALISATIONS`; by default `row_default`.
    keep : (N,) bool array, optional
        The chosen samples, whose mean row `gauge` takes away; by default all. Where the feature is the rows of the
        model's classes, it is the mean row of all of these: softmax does not see it.
    """
    how = how or row_default(store)
    if how == "raw":
        return feature
    mean_row = _mean_row(store, feature, keep) if how == "gauge" else None
    return dataclasses.replace(
        feature,
        read=lambda start, stop: class_rows.normalised(feature.read(start, stop), how, mean_row),
    )


def row_default(store: Store) -> str:
    """Return how rows are normalised by default: classes are row-standardised, images are not."""
    return "post" if store.unit == "class" else "raw"


def _mean_row(store: Store, feature: Feature, keep: np.ndarray | None) -> np.ndarray:
    """Return the mean row (D,) float64, of the chosen samples or of the model's classes."""
    if feature.name == feature_names.CONTROL and store.class_rows is not None:
        return store.class_rows.mean(axis=0, dtype=np.float64)
    keep = np.ones(feature.shape[0], dtype=bool) if keep is None else keep
    blocks = (rows for rows, _ in blocks_of(feature, keep))
    return sum(rows.sum(axis=0, dtype=np.float64) for rows in blocks) / max(keep.sum(), 1)


def softmax(logits: np.ndarray) -> np.ndarray:
    """Return the probabilities of logits (N, K), float64."""
    shifted = logits.astype(np.float64) - logits.max(axis=1, keepdims=True)
    exponentials = np.exp(shifted)
    return exponentials / exponentials.sum(axis=1, keepdims=True)


def blocks_of(feature: Feature, keep: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield (rows, place of each among those kept) of a feature, READ_BYTES at a time; blocks without kept rows are not read."""
    step = max(1, READ_BYTES // (4 * max(feature.shape[1], 1)))
    first = 0
    for start in range(0, feature.shape[0], step):
        inside = keep[start : start + step]
        if inside.any():
            rows = feature.read(start, min(start + step, feature.shape[0]))
            rows = rows if inside.all() else rows[inside]
            yield rows, np.arange(first, first + len(rows))
            first += len(rows)


def read_rows(feature: Feature, keep: np.ndarray) -> np.ndarray:
    """Return all kept rows of a feature, (n, D) of the stored type."""
    return np.concatenate([rows for rows, _ in blocks_of(feature, keep)])


def checked(function: Callable[[], T], feature: Feature, keep: np.ndarray, store: Store) -> T:
    """Call a function on rows; where it refuses one (NaN, infinity), name the feature and the image."""
    try:
        return function()
    except GradtoolsError as error:
        for rows, numbers in blocks_of(feature, keep):
            bad = np.flatnonzero(~np.isfinite(rows).all(axis=1))
            if len(bad):
                name = store.ids[np.flatnonzero(keep)[numbers[bad[0]]]]
                raise GradtoolsError(
                    f"{store.name}: {feature.name} of {name} holds NaN or infinity: "
                    "leave that sample out (--where list=FILE), or extract it again"
                ) from error
        raise GradtoolsError(f"{feature.name}: {error}") from error


class Slices:
    """The kept rows of a feature as something that gives an array for `rows[start:stop]` or `rows[ascending int array]`."""

    def __init__(self, feature: Feature, keep: np.ndarray):
        self.feature, self.places = feature, np.flatnonzero(keep)

    def __len__(self) -> int:
        return len(self.places)

    def __getitem__(self, part: slice | np.ndarray) -> np.ndarray:
        places = self.places[part]
        if not len(places):
            return np.empty((0, self.feature.shape[1]))
        first = places[0]
        return self.feature.read(first, places[-1] + 1)[places - first]
