"""Which moves are made: samples and targets, the head that they are moved for, and what draws them."""

import dataclasses
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from gradtools.errors import GradtoolsError, UsageError
from gradtools.images import labels
from gradtools.math.links import regions
from gradtools.selection import counterfactuals, samples
from gradtools.store import Store, paths

if TYPE_CHECKING:
    from gradtools.stages.counterfactual.drawing import Drawing


@dataclasses.dataclass(frozen=True)
class Options:
    """What decides the values.

    Attributes
    ----------
    target : tuple of str
        Classes by name, number or WordNet id; `all` for every class.
    of : str or None
        The sample that is moved.
    where : tuple of str
        Conditions on the samples.
    samples : int or None
        How many of them at most.
    margin : float
        By how many logits the target leads at the end.
    points : int
        Of the path, both ends included.
    keep : int
        Moves whose pictures are stored.
    descent : str
        "": none; "zero" or "random": the paper's descent beside each move, and where its shift begins.
    segmenter : str
        What finds the parts of pictures along the path; "": they are not measured.
    fields : bool
        Measure how pixels move from the first to the last picture.
    resamples : int
        Of samples, for intervals.
    seed, batch_size : int
    compress : bool
    """

    target: tuple[str, ...]
    of: str | None = None
    where: tuple[str, ...] = ()
    samples: int | None = None
    margin: float = 0.01
    points: int = 11
    keep: int = 8
    descent: str = ""
    segmenter: str = ""
    fields: bool = False
    resamples: int = 1000
    seed: int = 0
    batch_size: int = 64
    compress: bool = False


@dataclasses.dataclass(frozen=True)
class Plan:
    """Moves to be made.

    Attributes
    ----------
    source : Store
    r : (N, D) float array
        What the head reads of every sample.
    weight, bias : (K, D), (K,) float64 arrays
    lower : (D,) float64 array
        0 for units that no sample has below 0, else -inf.
    original : (n,) int array
        Rows of the samples that can be retrieved.
    sample, target, origin : (E,) int arrays
        Row, class to move to, and class before, of each move.
    drawing : Drawing or None
    options : Options
    """

    source: Store
    r: np.ndarray
    weight: np.ndarray
    bias: np.ndarray
    lower: np.ndarray
    original: np.ndarray
    sample: np.ndarray
    target: np.ndarray
    origin: np.ndarray
    drawing: "Drawing | None"
    options: Options

    @property
    def parts(self) -> tuple[str, ...]:
        """Names of the parts of pictures; empty where they are not measured."""
        if self.drawing is None or self.drawing.segmenter is None:
            return ()
        return self.drawing.segmenter.parts

    @property
    def kept(self) -> int:
        """Number of the first moves whose pictures are stored."""
        return min(self.options.keep, len(self.sample)) if self.drawing else 0


def make_plan(
    source: Store,
    options: Options,
    drawing: "Drawing | None" = None,
    say: Callable[[str], None] = print,
) -> Plan:
    """Choose samples and targets.

    Raises
    ------
    GradtoolsError, UsageError
    """
    if drawing is None and (options.descent or options.segmenter or options.fields):
        raise UsageError(
            "--descent, --segmenter and --fields are of pictures, which a link draws: name it with --link"
        )
    if options.segmenter or options.fields:
        regions.require()
    r, weight, bias = (source.values(path) for path in (paths.EMBEDDING, paths.WEIGHT, paths.BIAS))
    if r is None or weight is None or bias is None:
        raise GradtoolsError(
            f"{source.name} does not hold what the head reads: make it with gradtools extract --embedding, or gradtools link"
        )
    weight, bias = weight.astype(float), bias.astype(float)
    rows = _rows(source, options, say)
    targets = _targets(source, options.target, len(weight))
    predicted = (r[rows] @ weight.T + bias).argmax(1)
    _compare(source, rows, predicted, say)
    pairs = [(k, target) for k in range(len(rows)) for target in targets if predicted[k] != target]
    left_out = len(rows) * len(targets) - len(pairs)
    if not pairs:
        raise UsageError("every chosen sample is predicted to be of the target: nothing is moved")
    if left_out:
        say(f"{left_out:,} samples are of their target already: not moved")
    places, wanted = np.array(pairs).T
    floor = np.where(r.min(0) >= 0, 0.0, -np.inf)
    original = np.flatnonzero(samples.originals(source))
    if len(original) < 2:
        raise GradtoolsError(f"{source.name} holds one image: there is none to retrieve")
    return Plan(
        source, r, weight, bias, floor, original, rows[places], wanted, predicted[places], drawing, options
    )  # fmt: skip


def _rows(source: Store, options: Options, say: Callable[[str], None]) -> np.ndarray:
    """Rows of the samples that are moved; of a link those that its fit has not seen."""
    if options.of is not None:
        return np.array([samples.find(source, options.of)])
    keep = samples.select(source, options.where)
    held = source.values(paths.LINK_HELD)
    if held is not None:
        keep &= held != 0
        say("a link: samples that its fit has not seen")
    rows = np.flatnonzero(keep)
    if options.samples is not None and options.samples < len(rows):
        say(f"{options.samples:,} of {len(rows):,} samples, drawn by --seed {options.seed}")
        drawn = np.random.default_rng([options.seed, 6]).permutation(rows)[: options.samples]
        rows = np.sort(drawn)
    if not len(rows):
        raise UsageError(f"{source.name}: no sample is chosen")
    return rows


def _targets(source: Store, wanted: tuple[str, ...], count: int) -> list[int]:
    """Numbers of the classes asked for, each once."""
    if "all" in wanted:
        return list(range(count))
    names = counterfactuals.class_names(source, count)
    return list(dict.fromkeys(labels.class_index(text, names, n_classes=count) for text in wanted))


def _compare(
    source: Store, rows: np.ndarray, predicted: np.ndarray, say: Callable[[str], None]
) -> None:
    """Say how many samples the head, from what it is stored to read, answers another class than is stored."""
    stored = source.predicted
    differ = 0 if stored is None else int((stored[rows] != predicted).sum())
    if differ:
        say(
            f"{differ:,} of {len(rows):,} samples: the stored class is not the argmax of W r + b, "
            "which is taken (near ties, or a network that does more after its head)"
        )
