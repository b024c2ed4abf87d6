"""What is scored: maps, images and controls, found before the network runs."""

import dataclasses
from collections.abc import Callable

import numpy as np

from gradtools import store
from gradtools.errors import UsageError
from gradtools.math.regions import faithfulness
from gradtools.network import passes
from gradtools.network.models import Model
from gradtools.selection import images as store_images
from gradtools.selection import maps as stored
from gradtools.selection import regions, samples
from gradtools.stages.faithfulness import shown
from gradtools.store import Store, paths

MASKS = {
    "map": "the map",
    "equal": "a constant of the map's mean",
    "shuffled": "the map's values in random places",
    "other": "the map of another image",
}
GENERAL = {
    "ones": "a mask of ones",
    "half": "a constant .5",
    "centre": "a centred Gaussian",
    "object": "the object alone",
    "background": "the background alone",
}
CURVES = ("deletion", "insertion")


@dataclasses.dataclass(frozen=True)
class Options(shown.Options):
    """What decides the values, beside what `shown.Options` has.

    Attributes
    ----------
    feature, layers, fuse : as for `localize`
    both : bool
        Of pairs: whether both images are masked, each by its own map.
    steps : int
        Of the deletion and insertion curves; 0: none.
    """

    feature: tuple[str, ...] = ()
    layers: tuple[int, ...] | None = None
    fuse: tuple[str, ...] = ("mean",)
    both: bool = False
    steps: int = 16


@dataclasses.dataclass(frozen=True)
class Plan:
    """What is scored.

    Attributes
    ----------
    source : store.Store
    job : passes.Job
    kinds : dict of str to (Feature, fusion)
    rows : (M,) int array
        Rows of the store's maps.
    others : (M,) int array
        Place among the rows of a map of another image.
    regions : dict of int to Region
        By row of the map; empty where nothing is annotated.
    place : dict of int to int
        Of every sample that takes part, its place in the job's list of images.
    members : (M, K) bool array or None
        The model classes that each map is about; None of pairs.
    sample, partner : (M,) int arrays
        Of each map its image, and the image it is compared with, -1 none.
    share, both : (M,) float arrays
        The object's share of the frame, and of a pair the larger one of its images; NaN where it is not known.
    """

    source: Store
    job: passes.Job
    kinds: dict[str, tuple[stored.Feature, str]]
    rows: np.ndarray
    others: np.ndarray
    regions: dict[int, regions.Region]
    place: dict[int, int]
    members: np.ndarray | None
    sample: np.ndarray
    partner: np.ndarray
    share: np.ndarray
    both: np.ndarray
    options: Options


def make_plan(
    source: Store,
    model: Model,
    options: Options,
    say: Callable[[str], None] = print,
    where: tuple[str, ...] = (),
    images_dir: str | None = None,
) -> Plan:
    """Find the maps, images and controls, and prepare the network; what cannot be is refused here."""
    shown.check(source, model, options)
    kinds = stored.kinds(source, options.feature, options.layers, options.fuse)
    rows = samples.select_maps(source, where)
    sample, partner = source.needed(paths.MAP_SAMPLE), source.needed(paths.MAP_PARTNER)
    keep = np.isin(np.arange(source.n_samples), [*sample[rows], *partner[rows]])
    listed = store_images.found_again(source, keep, images_dir)
    if options.both and (partner[rows] < 0).any():
        raise UsageError("--both is about pairs of images: the maps of this store are of classes")
    job = passes.prepare(
        listed, model, options, say, choose=lambda trace: [], probed=False, member=source.member
    )
    place = {int(row): index for index, row in enumerate(np.flatnonzero(keep))}
    annotated = _regions(source, rows, model, say)
    return Plan(
        source,
        job,
        kinds,
        rows,
        faithfulness.others(sample[rows], options.seed),
        {} if annotated is None else {region.row: region for region in annotated.regions},
        place,
        _members(source, rows, job),
        sample[rows],
        partner[rows],
        *_shares(annotated, rows),
        options,
    )


def _members(source: Store, rows: np.ndarray, job: passes.Job) -> np.ndarray | None:
    """Return the model classes that each map's score is of, (M, K) bool; None of pairs."""
    if job.target is None or (source.needed(paths.MAP_PARTNER)[rows] >= 0).all():
        return None
    if str(source.attributes(paths.MAPS).get("target", "")).startswith("diff:"):
        raise UsageError(
            f"{source.name}: its maps are of a difference of two classes, which no share can be lost of: "
            "make maps of argmax, label, labels or a class"
        )
    members = np.zeros((len(rows), job.width), bool)
    members[np.arange(len(rows)), source.needed(paths.MAP_TARGET)[rows]] = True
    labels = source.values(paths.MAP_LABEL)
    if labels is not None:
        known = labels[rows] >= 0
        members[known] = source.needed(paths.MEMBER)[labels[rows][known]] != 0
    return members


def _regions(
    source: Store, rows: np.ndarray, model: Model, say: Callable[[str], None]
) -> regions.MapRegions | None:
    """Return the annotated regions of maps, None where nothing is annotated or its place in the frame is not known."""
    if source.values(paths.box("sample")) is None and source.values(paths.mask("sample")) is None:
        return None
    if callable(model.preprocess):
        say(
            "boxes and masks are not shown alone, nor are objects small: where they lie in the frame, the model's own "
            "preprocess(image) alone has"
        )
        return None
    annotated = regions.of_maps(source, rows)
    for line in annotated.notes:
        say(line)
    for reason, count in annotated.left_out.items():
        say(f"{count} of {len(rows)} maps have no object to show alone: {reason}")
    return annotated


def _shares(
    annotated: regions.MapRegions | None, rows: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return the objects' shares of the frame of every row, and those of both images of a pair; NaN where there is none."""
    share, both = np.full((2, len(rows)), np.nan)
    if annotated is not None and annotated.regions:
        places = np.searchsorted(rows, [region.row for region in annotated.regions])
        share[places], both[places] = annotated.shares
    return share, both


def columns(plan: Plan) -> list[store.Column]:
    """Return the datasets that the blocks fill: scores of every map under every mask."""
    return [column for fill in plan.options.fill for column in columns_of(plan, fill)]


def columns_of(plan: Plan, fill: str) -> list[store.Column]:
    """Return the datasets of one fill."""
    names = MASKS if not plan.options.both else {"map": "", "equal": ""}
    tails: dict[str, tuple[int, ...]] = {
        paths.faithfulness(kind, fill, "map"): () for kind in GENERAL.values()
    }
    for kind in plan.kinds:
        tails |= {paths.faithfulness(kind, fill, name): () for name in names}
        for curve in CURVES if has_curves(plan) else ():
            tails[paths.faithfulness(kind, fill, curve)] = (plan.options.steps + 1,)
    axis = store.Axis(paths.SHOWN)
    return [store.Column(path, tail, axis=axis) for path, tail in tails.items()]


def has_curves(plan: Plan) -> bool:
    """Return True if curves are drawn: of classes, where steps are wanted."""
    return plan.options.steps > 0 and plan.members is not None
