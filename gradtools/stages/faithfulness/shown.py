"""What both halves of faithfulness share: options, the network and images of a store, and the store that scores go to."""

import dataclasses
from collections.abc import Callable, Sequence
from typing import NamedTuple, Protocol

import numpy as np

from gradtools import store
from gradtools.errors import GradtoolsError
from gradtools.network import masking, passes
from gradtools.network.models import Model
from gradtools.selection.results import Facts, Result
from gradtools.stages import run
from gradtools.store import Store, paths

BLOCK = 32  # rows whose scores are kept at once: even, so that a pair's two are together


@dataclasses.dataclass(frozen=True)
class Options(passes.Options):
    """What decides the values of both, beside what every pass takes.

    Attributes
    ----------
    fill : tuple of str
        What stands where a mask is 0: black, mean, blur.
    resamples, seed : int
    """

    fill: tuple[str, ...] = ("black",)
    resamples: int = 1000
    seed: int = 0


class Plan(Protocol):
    """What is scored, as far as both have it: a row is an image, or an image compared with another."""

    @property
    def source(self) -> Store:
        """Store of the maps."""
        ...

    @property
    def job(self) -> passes.Job:
        """Network and images."""
        ...

    @property
    def place(self) -> dict[int, int]:
        """Place of every sample in the job's list of images."""
        ...

    @property
    def sample(self) -> np.ndarray:
        """Image of each row, (M,) int."""
        ...

    @property
    def partner(self) -> np.ndarray:
        """Image that each row's is compared with, (M,) int; -1 none."""
        ...

    @property
    def options(self) -> Options:
        """Options that decide the values."""
        ...


class Frames(NamedTuple):
    """Images as the network's preprocessing gives them.

    Attributes
    ----------
    pixels : (I, C, H, W) u8 or float array
    row : dict of int to int
        Of every sample its row in them.
    ended_early : set of int
        Samples whose file ends before its image does.
    """

    pixels: np.ndarray
    row: dict[int, int]
    ended_early: set[int]


def check(source: Store, model: Model, options: Options) -> None:
    """Refuse a fill that the network has no pixels for, maps of another network, and images prepared otherwise.

    Raises
    ------
    UsageError, GradtoolsError
    """
    for fill in options.fill:
        masking.check_fill(fill, model.preprocess)
    if source.model.get("weights_sha256") != model.weights_sha256:
        raise GradtoolsError(
            f"{source.name}: its maps are of another network than {model.spec} with these weights: "
            "name the model that made them"
        )
    before, now = source.model.get("preprocess"), passes.schema.preprocess_text(model)
    if before is not None and str(before) != now:
        raise GradtoolsError(
            f"{source.name}: its maps are of images prepared by {before}, and these would be by {now}, so that maps and "
            "images would not lie on each other: give the --preprocess that made the maps"
        )


def read_frames(plan: Plan, samples: np.ndarray) -> Frames:
    """Read the images of some samples, each once.

    Raises
    ------
    GradtoolsError
        One cannot be read, or has changed.
    """
    used = np.unique(samples)
    read = [masking.read_frame(plan.job, plan.place[int(sample)]) for sample in used]
    return Frames(
        np.stack([image.pixels for image in read]),
        {int(sample): row for row, sample in enumerate(used)},
        {int(sample) for sample, image in zip(used, read) if image.ends_early},
    )


def check_frame(source: Store, size: tuple[int, int], frames: Frames) -> None:
    """Refuse a region (height, width) of a frame that is not the network's.

    Raises
    ------
    GradtoolsError
    """
    if frames.pixels.shape[2:] != tuple(size):
        raise GradtoolsError(
            f"{source.name}: its boxes and masks are of frames of another size than the network's: "
            "make the maps again with this preprocessing"
        )


class Scoring(NamedTuple):
    """What is written of a plan.

    Attributes
    ----------
    columns : list of store.Column
        The scores.
    compute : callable
        Gives them for a block of rows.
    summarise : callable
        Takes the scores of all rows by path; gives the results.
    group : str
        Where they lie in the store.
    about : dict of str to (M,) array
        What each row is about, written beside the scores.
    command : dict
        What must match for the job to resume, beside what every pass has.
    units : str
        What the rows are.
    of_shard : callable, optional
        Writes into a shard what `merge` makes the results of all shards from.
    """

    columns: Sequence[store.Column]
    compute: Callable[[store.Block, Frames], dict[str, np.ndarray]]
    summarise: Callable[[dict[str, np.ndarray]], list[Result]]
    group: str
    about: dict[str, np.ndarray]
    command: dict
    units: str
    of_shard: Callable[[store.Sink, "ShardRows"], None] | None = None


class ShardRows(NamedTuple):
    """The rows of a shard, as numbers of the plan's, and whether the file of each one's image ends early (bool)."""

    numbers: np.ndarray
    partner: np.ndarray  # places among the samples of the output, -1 none
    ended_early: np.ndarray


def write(
    this: run.Run, plan: Plan, scoring: Scoring, model: Model
) -> tuple[dict[str, np.ndarray], list[Result]]:
    """Score all rows, block by block, and write scores and statistics.

    Returns
    -------
    scores : dict of str to (M, ...) float array
        By path.
    results : list of Result

    Raises
    ------
    TooManySkipped
        Files end early and `this.strict`; the part is kept.
    """
    keep = np.isin(np.arange(plan.source.n_samples), list(plan.place))
    growth = store.Growth(
        "faithfulness",
        list(scoring.columns),
        store.cut(BLOCK, len(plan.sample)),
        passes.schema.command(plan.job) | scoring.command | {"inputs": plan.source.digests()},
        lambda sink: _begin(this, sink, plan, scoring, keep),
        compress=plan.options.compress,
        units=scoring.units,
        names=plan.job.images.ids,
    )
    said: set[int] = set()
    with this.grown(growth) as part:
        this.compute(part, lambda block: _block(this, plan, scoring, block, said), scoring.units)
        early = np.unique(plan.sample[part.ended_early])
        kept = None if part.temporary else part.name
        passes.judge_ended_early(len(early), len(plan.place), this.strict, kept)
        with part.finish(this.progress) as sink:
            scores, results = {}, []
            if this.shard is None:
                scores = {column.path: part.values(column.path) for column in part.columns}
                results = with_counts(scoring.summarise(scores), len(early))
            elif scoring.of_shard is not None:
                scoring.of_shard(sink, _rows_of_shard(plan, part, keep))
            for result in results:
                result.write(sink)
            ended = np.isin(list(plan.place), early)
            facts = run.of_images(np.zeros(len(plan.place), bool), model, ended)
            seed = plan.options.seed
            this.note(sink, [plan.source], threads=passes.use_threads(), seed=seed, **facts)
    return scores, results


def with_counts(results: list[Result], ended_early: int) -> list[Result]:
    """Return results that say how many images' files end early, where some do."""
    counts: Facts = {"ended_early": ended_early} if ended_early else {}
    return [dataclasses.replace(result, facts=result.facts | counts) for result in results]


def _rows_of_shard(plan: Plan, part: store.Part, keep: np.ndarray) -> ShardRows:
    """Return the rows that a shard has."""
    numbers, place = np.flatnonzero(~part.growth.elsewhere), np.cumsum(keep) - 1
    partner = plan.partner[numbers]
    partner = np.where(partner < 0, -1, place[partner])
    return ShardRows(numbers, partner, part.ended_early[numbers])


def _begin(this: run.Run, sink: store.Sink, plan: Plan, scoring: Scoring, keep: np.ndarray) -> None:
    """Write what does not grow: the samples, and what each row is about."""
    this.carry_on(sink, plan.source, keep, [scoring.group])
    place = np.cumsum(keep) - 1
    for name, values in ({"sample": place[plan.sample].astype("i4")} | scoring.about).items():
        sink.put(paths.inside(scoring.group, name), values)


def _block(
    this: run.Run, plan: Plan, scoring: Scoring, block: store.Block, said: set[int]
) -> dict[str, np.ndarray]:
    """Return the scores of a block, and mark the rows whose image's file ends early; each is said once."""
    sample = plan.sample[block.start : block.stop]
    partner = plan.partner[block.start : block.stop]
    frames = read_frames(plan, np.concatenate([sample, partner[partner >= 0]]))
    for one in sorted(frames.ended_early - said):
        path = plan.job.images.path(plan.place[one])
        this.say(passes.ENDS_EARLY.format(path=path))
    said |= frames.ended_early
    marks = np.where(np.isin(sample, list(frames.ended_early)), 2, 0).astype("u1")
    return {**scoring.compute(block, frames), store.UNREADABLE: marks}
