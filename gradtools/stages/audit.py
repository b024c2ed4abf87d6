"""maps with masks + model -> which answers are right for the wrong reason.

Every image is shown to the network four times: whole, its object alone, its background alone, and neither. What the
score gains is split into object, background and the interaction of both, which add up exactly; a right answer whose
background gives more than its object is right for the wrong reason. Beside it stands the same split with the object of
another image: where it says the same, the mask made no difference.
"""

import dataclasses
import functools
from collections.abc import Callable, Iterator

import numpy as np

from gradtools import figures, store
from gradtools.errors import GradtoolsError, UsageError
from gradtools.math.games import shapley
from gradtools.math.regions import faithfulness, means
from gradtools.network import masking, passes
from gradtools.network.models import Model
from gradtools.selection import images as store_images
from gradtools.selection import regions
from gradtools.selection.results import Result
from gradtools.stages import run
from gradtools.store import Store, paths

BLOCK = 32  # rows whose scores are kept at once
SHOWN = ("whole", "inside", "outside", "neither", "other_inside", "other_outside")
MEASURES = ("flagged", "flagged_other", "difference", "object", "background", "interaction")
EVERY = "every class"


@dataclasses.dataclass(frozen=True)
class Options(passes.Options):
    """What decides the values, beside what every pass takes.

    Attributes
    ----------
    fill : tuple of str
        What stands in the place of what is hidden: black, mean, blur.
    boxes : str or None
        As for `localize`.
    resamples, seed : int
    """

    fill: tuple[str, ...] = ("black",)
    boxes: str | None = None
    resamples: int = 1000
    seed: int = 0


@dataclasses.dataclass(frozen=True)
class Plan:
    """What is shown.

    Attributes
    ----------
    source : store.Store
    job : passes.Job
    regions : list of Region, M
        One a row: an image and a class.
    others : (M,) int array
        Row of a region of another image, -1 where there is none.
    place : dict of int to int
        Of every sample its place in the job's list of images.
    members : (M, K) bool array
        The model classes whose probability is split.
    right : (M,) bool array
        Whether the network's answer is one of the label's classes.
    label : (M,) int array
        Data class of each row, -1 none.
    boxes_only : int
        Rows whose object is known by boxes alone.
    """

    source: Store
    job: passes.Job
    regions: list[regions.Region]
    others: np.ndarray
    place: dict[int, int]
    members: np.ndarray
    right: np.ndarray
    label: np.ndarray
    options: Options

    @property
    def boxes_only(self) -> int:
        """Number of rows whose object is known by boxes alone."""
        return sum(region.mask is None for region in self.regions)

    @property
    def sample(self) -> np.ndarray:
        """Row of each region's image."""
        return np.array([region.sample for region in self.regions])


def make_plan(
    source: Store,
    model: Model,
    options: Options,
    say: Callable[[str], None] = print,
    where: tuple[str, ...] = (),
    images_dir: str | None = None,
) -> Plan:
    """Find the images, their objects and labels, and prepare the network.

    Raises
    ------
    UsageError, GradtoolsError
    """
    for fill in options.fill:
        masking.check_fill(fill, model.preprocess)
    if source.model.get("weights_sha256") != model.weights_sha256:
        raise GradtoolsError(
            f"{source.name}: its answers are of another network than {model.spec} with these weights: name that one"
        )
    if source.predicted is None:
        raise GradtoolsError(f"{source.name}: its network has no classes, so no answer is right")
    listed, keep = store_images.find(source, images_dir, where)
    rows = _rows(source, keep)
    located = regions.of_maps(source, rows, options.boxes)
    for line in located.notes:
        say(line)
    for reason, count in located.left_out.items():
        say(f"{count} rows left out: {reason}")
    job = passes.prepare(
        listed, model, options, say, choose=lambda trace: [], probed=False, member=source.member
    )
    members, label, right = _labelled(source, located.regions, job.width)
    if not right.any():
        raise GradtoolsError(f"{source.name}: no annotated image of a label that the model answers")
    place = {int(row): index for index, row in enumerate(np.flatnonzero(keep))}
    sample = np.array([region.sample for region in located.regions])
    others = faithfulness.others(sample, options.seed)
    return Plan(source, job, located.regions, others, place, members, right, label, options)


def _rows(source: Store, keep: np.ndarray) -> np.ndarray:
    """Return the rows of maps of classes of the kept images, one for each image, class and label."""
    sample = source.values(paths.MAP_SAMPLE)
    if sample is None:
        raise UsageError(
            f"{source.name} holds no maps: gradtools saliency --annotations MASKS makes them"
        )
    partner, target = source.needed(paths.MAP_PARTNER), source.needed(paths.MAP_TARGET)
    labels = source.values(paths.MAP_LABEL)
    if (partner >= 0).all():
        raise UsageError("--audit is about classes: the maps of this store are of pairs of images")
    if str(source.attributes(paths.MAPS).get("target", "")).startswith("diff:"):
        raise UsageError(
            f"{source.name}: its maps are of a difference of two classes, which no answer is: "
            "make maps of argmax, label or labels"
        )
    label = np.full(len(sample), -1) if labels is None else labels
    about = np.stack([sample, target, label], axis=1)
    _, first = np.unique(about, axis=0, return_index=True)
    return np.sort([row for row in first if partner[row] < 0 and keep[sample[row]]]).astype(int)


def _labelled(
    source: Store, found: list[regions.Region], width: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return each row's model classes (M, K) bool, its data class (M,), and whether the answer is of that (M,) bool."""
    target, stored = source.needed(paths.MAP_TARGET), source.values(paths.MAP_LABEL)
    member, labels, predicted = source.member, source.labels, source.needed(paths.PREDICTED)
    members = np.zeros((len(found), width), bool)
    label, right = np.full(len(found), -1), np.zeros(len(found), bool)
    for place, region in enumerate(found):
        about = -1 if stored is None else int(stored[region.row])
        label[place] = about if about >= 0 else int(labels[region.sample])
        classes = np.zeros(width, bool)
        if label[place] >= 0 and member is not None:
            classes = member[label[place]] != 0
        right[place] = bool(classes[predicted[region.sample]])
        members[place] = classes
        if about < 0:
            members[place] = np.arange(width) == target[region.row]
            right[place] &= bool(members[place] @ classes)
    return members, label, right


def columns(plan: Plan) -> list[store.Column]:
    """Return the datasets that the blocks fill: the score of every row, shown in six ways."""
    axis = store.Axis("/shown")
    return [
        store.Column(paths.audit(fill, name), axis=axis)
        for fill in plan.options.fill
        for name in SHOWN
    ]


def masks(plan: Plan, row: int) -> Iterator[tuple[str, np.ndarray]]:
    """Yield (name, mask) of what is shown of one row's image; without another image of its size four of them."""
    inside = object_of(plan.regions[row])
    yield "whole", np.ones(inside.shape, "f4")
    yield "inside", inside.astype("f4")
    yield "outside", (~inside).astype("f4")
    yield "neither", np.zeros(inside.shape, "f4")
    if plan.others[row] < 0:
        return
    other = object_of(plan.regions[plan.others[row]])
    if other.shape == inside.shape:
        yield "other_inside", other.astype("f4")
        yield "other_outside", (~other).astype("f4")


def object_of(region: regions.Region) -> np.ndarray:
    """Return the pixels of a region's object, (H, W) bool: its masks, else its boxes; crowds of its class with it."""
    inside = region.pixels if region.mask is None else region.mask
    return inside if region.ignored is None else inside | region.ignored


def compute(plan: Plan, block: store.Block) -> dict[str, np.ndarray]:
    """Score the rows of one block, shown in every way; NaN where there is no other image.

    Returns
    -------
    dict of str to (n,) float array
        By path.
    """
    at = range(block.start, block.stop)
    used = np.unique(plan.sample[block.start : block.stop])
    pixels = np.stack([masking.read_pixels(plan.job, plan.place[int(sample)]) for sample in used])
    if pixels.shape[2:] != plan.regions[at[0]].size:
        raise GradtoolsError(
            f"{plan.source.name}: its masks are of frames of another size than the network's: "
            "make the maps again with this preprocessing"
        )
    image = {int(sample): place for place, sample in enumerate(used)}
    found = {}
    for fill in plan.options.fill:
        wanted = [(name, place) for place, row in enumerate(at) for name, _ in masks(plan, row)]
        shown = ((image[int(plan.sample[row])], mask) for row in at for _, mask in masks(plan, row))
        members = plan.members[[block.start + place for _, place in wanted]]
        values = _score(plan, pixels, shown, fill, members)
        for name in SHOWN:
            found[paths.audit(fill, name)] = np.full(len(at), np.nan)
        for (name, place), value in zip(wanted, values):
            found[paths.audit(fill, name)][place] = value
    return found


def _score(
    plan: Plan,
    pixels: np.ndarray,
    shown: Iterator[masking.Shown],
    fill: str,
    members: np.ndarray,
) -> np.ndarray:
    """Return the probability of the classes (n, K) of everything that is shown, (n,) float64."""
    return masking.scores(
        plan.job,
        pixels,
        shown,
        fill,
        lambda x, places: masking.probability(plan.job, x, members[places]),
    )


def split(scores: dict[str, np.ndarray], fill: str, other: bool = False) -> shapley.Split:
    """Return object, background and interaction of every row, with its own mask or with another image's.

    Parameters
    ----------
    scores : dict of str to (M,) array
        By path.
    """
    names = ("whole", "other_inside", "other_outside", "neither") if other else SHOWN[:4]
    return shapley.split(*(scores[paths.audit(fill, name)] for name in names))


def summarise(plan: Plan, scores: dict[str, np.ndarray]) -> list[Result]:
    """Return for every fill what is right for the wrong reason, of every class, and the list of these rows."""
    results = []
    for fill in plan.options.fill:
        parts, control = split(scores, fill), split(scores, fill, other=True)
        flagged = np.where(plan.right, 100.0 * (parts.background > parts.object), np.nan)
        known = plan.right & ~np.isnan(control.object)
        of_other = np.where(known, 100.0 * (control.background > control.object), np.nan)
        values = np.stack(
            [
                flagged,
                of_other,
                flagged - of_other,
                *(np.where(plan.right, part, np.nan) for part in parts),
            ],
            axis=1,
        )
        shown = [
            float(scores[paths.audit(fill, name)][plan.right].mean())
            for name in ("whole", "neither")
        ]
        results.append(_summary(plan, fill, values, *shown))
        results.append(_listed(plan, fill, scores, np.nan_to_num(flagged) > 0))
    return results


def _summary(plan: Plan, fill: str, values: np.ndarray, whole: float, neither: float) -> Result:
    """Return the means of every class and of all rows, with intervals over images, and the mean probabilities."""
    names = plan.source.class_names
    groups = {EVERY: np.ones(len(plan.label), bool)} | {
        str(names[label]): plan.label == label for label in np.unique(plan.label[plan.label >= 0])
    }
    every = np.concatenate(
        [np.where(chosen[:, None], values, np.nan) for chosen in groups.values()], axis=1
    )
    mean, replicates = means.over_images(
        every, plan.sample, plan.options.resamples, plan.options.seed
    )
    bounds = means.bounds(replicates)
    table = {
        "statistic": [f"{group}: {name}" for group in groups for name in MEASURES],
        "value": mean,
        "low": bounds[:, 0],
        "high": bounds[:, 1],
        "images": (~np.isnan(every)).sum(axis=0).astype("i8"),
    }
    facts: dict[str, str | int | float] = {
        "fill": fill,
        "rows": len(plan.label),
        "right": int(plan.right.sum()),
        "images": len(np.unique(plan.sample)),
        "boxes_only": plan.boxes_only,
        "whole": whole,
        "neither": neither,
        "resamples": plan.options.resamples,
        "seed": plan.options.seed,
    }
    title = f"answers that are right for the wrong reason, {fill} fill"
    return Result(
        paths.audit(fill, "summary"), fill, "", "summary", table, facts, title, replicates
    )


def _listed(plan: Plan, fill: str, scores: dict[str, np.ndarray], flagged: np.ndarray) -> Result:
    """Return the flagged rows, those first whose background gives most more than their object."""
    parts = split(scores, fill)
    lead = np.where(flagged, parts.background - parts.object, -np.inf)
    order = np.argsort(-lead, kind="stable")[: int(flagged.sum())]
    names = [*plan.source.class_names, ""]
    table: dict[str, list[str] | np.ndarray] = {
        "shown": order.astype("i8"),
        "id": [plan.source.ids[plan.regions[row].sample] for row in order],
        "class": [str(names[plan.label[row]]) for row in order],
        **{name: scores[paths.audit(fill, name)][order] for name in SHOWN[:4]},
        **{name: part[order] for name, part in zip(shapley.Split._fields, parts)},
    }
    title = f"the answers that are right for the wrong reason, {fill} fill"
    return Result(paths.audit(fill, "flagged"), fill, "", "flagged", table, {"fill": fill}, title)


@dataclasses.dataclass(frozen=True)
class Audit:
    """What an audit gave: its plan, the scores by path, and the results of every fill."""

    plan: Plan
    scores: dict[str, np.ndarray]
    results: list[Result]


def audit(
    source: Store,
    model: Model,
    output: str,
    options: Options,
    *,
    where: tuple[str, ...] = (),
    images_dir: str | None = None,
    **how,
) -> Audit:
    """Split the scores of an open store's images and write scores and statistics, block by block.

    Parameters
    ----------
    source : store.Store
        With maps of classes, boxes or masks, of this model.
    model : models.Model
    output : str
        Path of the store, or '-'.
    where, images_dir
        Which samples, and where their images have gone.
    how
        Fields of `run.Run`.

    Raises
    ------
    GradtoolsError, UsageError
    """
    this = run.begin(output, [source], **how)
    passes.use_threads(this.threads)
    plan = make_plan(source, model, options, this.say, where, images_dir)
    keep = np.isin(np.arange(source.n_samples), list(plan.place))
    command = passes.schema.command(plan.job) | {
        "where": list(where),
        "rows": len(plan.regions),
        "inputs": source.digests(),
    }
    growth = store.Growth(
        "faithfulness",
        columns(plan),
        store.cut(BLOCK, len(plan.regions)),
        command,
        lambda sink: _begin(this, sink, plan, keep),
        compress=options.compress,
        units="rows",
    )
    with this.grown(growth) as part:
        this.compute(part, functools.partial(compute, plan), "rows")
        with part.finish(this.progress) as sink:
            scores = {column.path: part.values(column.path) for column in part.columns}
            scores = {path: values.astype(float) for path, values in scores.items()}
            results = summarise(plan, scores)
            for result in results:
                result.write(sink)
            facts = run.of_images(np.zeros(len(plan.place), bool), model)
            this.note(sink, [source], threads=passes.use_threads(), seed=options.seed, **facts)
    return Audit(plan, scores, results)


def _begin(this: run.Run, sink: store.Sink, plan: Plan, keep: np.ndarray) -> None:
    """Write what does not grow: the samples, and what each row is about."""
    this.carry_on(sink, plan.source, keep, [paths.AUDIT])
    place = np.cumsum(keep) - 1
    sink.put(f"{paths.AUDIT}/sample", place[plan.sample].astype("i4"))
    sink.put(f"{paths.AUDIT}/label", plan.label.astype("i4"))
    sink.put(f"{paths.AUDIT}/right", plan.right.astype("u1"))


def draw(made: Audit, path: str, images_dir: str | None = None) -> None:
    """Draw a sheet of the answers that are right for the wrong reason; where none is, of those that come nearest.

    Parameters
    ----------
    path : str
        PNG, SVG or PDF.
    images_dir : str, optional
        Where the images have gone.
    """
    plan, fill = made.plan, made.plan.options.fill[0]
    parts = split(made.scores, fill)
    lead = np.where(plan.right, parts.background - parts.object, -np.inf)
    order = np.argsort(-lead, kind="stable")[: int(plan.right.sum())]
    flagged = [row for row in order if lead[row] > 0]
    title = f"{len(flagged)} of {len(order)} right answers are right for the wrong reason"
    if not flagged:
        title = (
            f"none of {len(order)} right answers is right for the wrong reason; the nearest to it"
        )
    names = [*plan.source.class_names, ""]
    shown = ("whole", "inside", "outside")
    rows = [
        figures.AuditRow(
            plan.regions[row].sample,
            str(names[plan.label[row]]),
            object_of(plan.regions[row]),
            [float(made.scores[paths.audit(fill, name)][row]) for name in shown],
        )
        for row in (flagged or order)
    ]
    figures.audit_sheet(plan.source, rows, f"{title} ({fill} fill)", path, images_dir)
