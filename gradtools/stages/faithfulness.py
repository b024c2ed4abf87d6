"""maps + model -> what the score does when an image is multiplied by its map: ADP, PIC, deletion and insertion.

Every map is shown beside masks that know nothing of the image: a constant of the map's own mean (a
brighter mask leaves more of the score, so equal mass is the control that counts), its values in random
places, another image's map; and beside all of them ones, a constant .5, a centred Gaussian and, where
boxes are known, the object alone and the background alone. Scores are stored row by row.
"""

import dataclasses
import functools
from collections.abc import Callable, Iterator

import numpy as np

from gradtools import images, store
from gradtools.errors import GradtoolsError, UsageError
from gradtools.math.channels import deletion
from gradtools.math.maps import map_controls
from gradtools.math.maps.reading import read_maps
from gradtools.math.regions import faithfulness, means
from gradtools.network import masking, passes
from gradtools.network.models import Model
from gradtools.selection import images as store_images
from gradtools.selection import maps as stored
from gradtools.selection import regions
from gradtools.selection.results import Result
from gradtools.stages import run
from gradtools.store import Store, paths

BLOCK = 32  # maps whose scores are kept at once: even, so that a pair's two are together
WHOLE = "whole"
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
class Options(passes.Options):
    """What decides the values, beside what every pass takes.

    Attributes
    ----------
    feature, layers, fuse : as for `localize`
    fill : tuple of str
        What stands where a mask is 0: black, mean, blur.
    both : bool
        Of pairs: whether both images are masked, each by its own map.
    steps : int
        Of the deletion and insertion curves; 0: none.
    resamples, seed : int
    """

    feature: tuple[str, ...] = ()
    layers: tuple[int, ...] | None = None
    fuse: tuple[str, ...] = ("mean",)
    fill: tuple[str, ...] = ("black",)
    both: bool = False
    steps: int = 16
    resamples: int = 1000
    seed: int = 0


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
    for fill in options.fill:
        masking.check_fill(fill, model.preprocess)
    if source.model.get("weights_sha256") != model.weights_sha256:
        raise GradtoolsError(
            f"{source.name}: its maps are of another network than {model.spec} with these weights: name the model that made them"
        )
    kinds = stored.kinds(source, options.feature, options.layers, options.fuse)
    listed, keep = store_images.find(source, images_dir, where)
    sample, partner = source.values(paths.MAP_SAMPLE), source.values(paths.MAP_PARTNER)
    rows = np.flatnonzero(keep[sample] & ((partner < 0) | keep[partner]))
    if not len(rows):
        raise GradtoolsError(f"{source.name}: no map of the samples that --where leaves")
    if options.both and (partner[rows] < 0).any():
        raise UsageError("--both is about pairs of images: the maps of this store are of classes")
    job = passes.prepare(
        listed, model, options, say, choose=lambda trace: [], probed=False, member=source.member
    )
    place = {int(row): index for index, row in enumerate(np.flatnonzero(keep))}
    return Plan(
        source,
        job,
        kinds,
        rows,
        faithfulness.others(sample[rows], options.seed),
        _regions(source, rows),
        place,
        _members(source, rows, job),
        sample[rows],
        partner[rows],
        options,
    )


def _members(source: Store, rows: np.ndarray, job: passes.Job) -> np.ndarray | None:
    """Return the model classes that each map's score is of, (M, K) bool; None of pairs."""
    if job.target is None or (source.values(paths.MAP_PARTNER)[rows] >= 0).all():
        return None
    if str(source.attributes(paths.MAPS).get("target", "")).startswith("diff:"):
        raise UsageError(
            f"{source.name}: its maps are of a difference of two classes, which no share can be lost of: "
            "make maps of argmax, label, labels or a class"
        )
    members = np.zeros((len(rows), job.width), bool)
    members[np.arange(len(rows)), source.values(paths.MAP_TARGET)[rows]] = True
    labels = source.values(paths.MAP_LABEL)
    if labels is not None:
        known = labels[rows] >= 0
        members[known] = source.member[labels[rows][known]] != 0
    return members


def _regions(source: Store, rows: np.ndarray) -> dict[int, regions.Region]:
    """Return the annotated regions by the row of their map, none where nothing is annotated."""
    if source.values(paths.box("sample")) is None and source.values(paths.mask("sample")) is None:
        return {}
    return {region.row: region for region in regions.of_maps(source, rows).regions}


def columns(plan: Plan) -> list[store.Column]:
    """Return the datasets that the blocks fill: scores of every map under every mask."""
    axis = store.Axis("/shown")
    found = []
    for fill in plan.options.fill:
        for kind in GENERAL:
            found.append(store.Column(paths.faithfulness(GENERAL[kind], fill, "map"), axis=axis))
        for kind in plan.kinds:
            names = MASKS if not plan.options.both else {"map": "", "equal": ""}
            for name in names:
                found.append(store.Column(paths.faithfulness(kind, fill, name), axis=axis))
            for curve in CURVES if _curves(plan) else ():
                tail = (plan.options.steps + 1,)
                path = paths.faithfulness(kind, fill, curve)
                found.append(store.Column(path, tail, axis=axis))
    return found


def _curves(plan: Plan) -> bool:
    """Return True if curves are drawn: of classes, where steps are wanted."""
    return plan.options.steps > 0 and plan.members is not None


def compute(plan: Plan, block: store.Block) -> dict[str, np.ndarray]:
    """Score the maps of one block under every mask.

    Returns
    -------
    dict of str to (n, ...) float array
        By path, a row a map.
    """
    at = np.arange(block.start, block.stop)
    used = np.unique(np.concatenate([plan.sample[at], plan.partner[at][plan.partner[at] >= 0]]))
    pixels = np.stack([_pixels(plan, int(sample)) for sample in used])
    image = {int(sample): place for place, sample in enumerate(used)}
    found: dict[str, np.ndarray] = {}
    for fill in plan.options.fill:
        for column in columns(plan):
            if f"/{fill}/" in column.path:
                found[column.path] = np.full((len(at), *column.tail), np.nan)
        wanted, values = _scores(plan, pixels, fill, at, image)
        for (path, place), value in zip(wanted, values):
            name, _, step = path.partition("#")
            found[name][(place, int(step)) if step else place] = value
    return found


def _pixels(plan: Plan, sample: int) -> np.ndarray:
    """Return one image as the network's preprocessing gives it, checked to be the one the maps are of."""
    place = plan.place[sample]
    listed = plan.job.images
    path = listed.path(place)
    try:
        image, digest = images.read(path)
    except images.Unreadable as error:
        raise GradtoolsError(f"{error}: say with --images DIR where the images are") from error
    if listed.digests is not None:
        images.check_digest(path, digest, listed.digests[place])
    rules = plan.job.model.preprocess
    return np.asarray(rules(image) if callable(rules) else images.preprocess(image, rules))


def _masks(
    plan: Plan, at: np.ndarray, fill: str, size: tuple[int, int]
) -> Iterator[tuple[str, int, np.ndarray]]:
    """Yield (path, place in the block, mask) of everything that is shown; a step of a curve is `path#step`."""
    ones, gaussian = np.ones(size, "f4"), map_controls.centred_gaussian(size).astype("f4")
    for place, row in enumerate(at):
        general = {"ones": ones, "half": ones / 2, "centre": gaussian}
        region = plan.regions.get(int(plan.rows[row]))
        if region is not None and region.size == tuple(size):
            inside = region.pixels.astype("f4")
            general |= {"object": inside, "background": 1 - inside}
        for name, mask in general.items():
            yield paths.faithfulness(GENERAL[name], fill, "map"), place, mask
    for kind, (feature, fuse) in plan.kinds.items():
        parts = [plan.source.rows(paths.maps(f"{feature.method}@{tap}")) for tap in feature.taps]
        for place, row in enumerate(at):
            own = _read(parts, int(plan.rows[row]), size, fuse)
            masks = {"map": own, "equal": np.full(size, own.mean(), "f4")}
            if not plan.options.both:
                masks["shuffled"] = faithfulness.shuffled(own[None], plan.options.seed + int(row))[
                    0
                ]
                if plan.others[row] >= 0:
                    masks["other"] = _read(parts, int(plan.rows[plan.others[row]]), size, fuse)
            for name, mask in masks.items():
                yield paths.faithfulness(kind, fill, name), place, mask
            if not _curves(plan):
                continue
            ranks = masking.ranking(own, plan.options.seed + int(row))
            steps = plan.options.steps
            for number, mask in enumerate(masking.curve_masks(ranks, steps)):
                curve, step = CURVES[number // (steps + 1)], number % (steps + 1)
                yield f"{paths.faithfulness(kind, fill, curve)}#{step}", place, mask


def _read(parts: list, row: int, size: tuple[int, int], fuse: str) -> np.ndarray:
    """Return one map as it is read: rectified, of the frame's size, in 0..1."""
    raw = [part.read(row, row + 1).reshape(1, *part.tail) for part in parts]
    return read_maps(raw, size, fuse=fuse)[0][0].astype("f4")


def _scores(
    plan: Plan, pixels: np.ndarray, fill: str, at: np.ndarray, image: dict[int, int]
) -> tuple[list[tuple[str, int]], np.ndarray]:
    """Score everything that is shown of some maps.

    Returns
    -------
    wanted : list of (path, place in the block), n
    values : (n,) float64 array
        Probability of the map's classes, or similarity of the pair.
    """
    wanted: list[tuple[str, int]] = []

    def shown() -> Iterator[masking.Shown]:
        for path, place, mask in _masks(plan, at, fill, pixels.shape[2:]):
            wanted.append((path, place))
            yield image[int(plan.sample[at[place]])], mask

    def rows(places: np.ndarray) -> np.ndarray:
        return at[[wanted[place][1] for place in places]]

    members = plan.members
    if members is not None:
        values = masking.scores(
            plan.job,
            pixels,
            shown(),
            fill,
            lambda x, places: masking.probability(plan.job, x, members[rows(places)]),
        )
        return wanted, values

    def embed(x, _places):
        return masking.embedding(plan.job, x)

    vectors = masking.scores(plan.job, pixels, shown(), fill, embed)
    kind = str(plan.source.attributes(paths.MAPS)["target"])
    if plan.options.both:  # maps 2p and 2p + 1 are those of pair p
        order = {key: number for number, key in enumerate(wanted)}
        across = [order[path, place ^ 1] for path, place in wanted]
        return wanted, masking.similarity(vectors, vectors[across], kind)
    whole = [(row, np.ones(pixels.shape[2:], "f4")) for row in range(len(pixels))]
    partners = masking.scores(plan.job, pixels, whole, fill, embed)
    partner = plan.partner[rows(np.arange(len(wanted)))]
    places = [image[int(sample)] for sample in partner]
    return wanted, masking.similarity(vectors, partners[places], kind)


def summarise(plan: Plan, scores: dict[str, np.ndarray], options: Options) -> list[Result]:
    """Return ADP, PIC and the areas under the curves of every kind of map and fill.

    Parameters
    ----------
    scores : dict of str to (M, ...) array
        By path.
    """
    results = []
    for fill in options.fill:
        before = scores[paths.faithfulness(GENERAL["ones"], fill, "map")].astype(float)
        for kind in (*plan.kinds, *GENERAL.values()):
            rows: dict[str, np.ndarray] = {}
            for name in MASKS:
                path = paths.faithfulness(kind, fill, name)
                if path in scores:
                    suffix = "" if name == "map" else f"_{name}"
                    after = scores[path].astype(float)
                    known = np.isfinite(after)
                    rows[f"adp{suffix}"] = np.where(
                        known, 100 * faithfulness.drops(before, after), np.nan
                    )
                    rows[f"pic{suffix}"] = np.where(
                        known, 100 * faithfulness.increases(before, after), np.nan
                    )
            for curve in CURVES:
                path = paths.faithfulness(kind, fill, curve)
                if path in scores:
                    shares = deletion.shares(scores[path], before)
                    rows[curve] = deletion.areas(shares, np.arange(options.steps + 1))
            results.append(_result(plan, kind, fill, rows, before))
    return results


def _result(
    plan: Plan, kind: str, fill: str, rows: dict[str, np.ndarray], before: np.ndarray
) -> Result:
    """Return the statistics of one kind of map under one fill."""
    values = np.stack(list(rows.values()), axis=1)
    mean, replicates = means.over_images(
        values, plan.sample, plan.options.resamples, plan.options.seed
    )
    bounds = means.bounds(replicates)
    table = {
        "statistic": list(rows),
        "value": mean,
        "low": bounds[:, 0],
        "high": bounds[:, 1],
        "images": (~np.isnan(values)).sum(axis=0).astype("i8"),
    }
    facts: dict[str, str | int | float] = {
        "fill": fill,
        "maps": len(plan.rows),
        "images": len(np.unique(plan.sample)),
        "not_positive": int((before <= 0).sum()),
        "both": int(plan.options.both),
        "steps": plan.options.steps if _curves(plan) else 0,
        "resamples": plan.options.resamples,
        "seed": plan.options.seed,
        "target": str(plan.source.attributes(paths.MAPS).get("target", "")),
    }
    path = paths.faithfulness(kind, fill)
    title = f"what the score does under {kind}, {fill} fill"
    return Result(path, kind, "", fill, table, facts, title, replicates)


def measure(
    source: Store,
    model: Model,
    output: str,
    options: Options,
    *,
    where: tuple[str, ...] = (),
    images_dir: str | None = None,
    **how,
) -> list[Result]:
    """Score the maps of an open store under every mask and write scores and statistics, block by block.

    Parameters
    ----------
    source : store.Store
        With maps, of this model.
    model : models.Model
    output : str
        Path of the store, or '-'.
    where, images_dir
        Which samples, and where their images have gone.
    how
        Fields of `run.Run`.

    Returns
    -------
    list of Result

    Raises
    ------
    GradtoolsError, UsageError
    """
    this = run.begin(output, [source], **how)
    passes.use_threads(this.threads)
    plan = make_plan(source, model, options, this.say, where, images_dir)
    keep = np.isin(np.arange(source.n_samples), list(plan.place))
    growth = store.Growth(
        "faithfulness",
        columns(plan),
        store.cut(BLOCK, len(plan.rows)),
        _command(plan, where),
        lambda sink: _begin(this, sink, plan, keep),
        compress=options.compress,
        units="maps",
    )
    with this.grown(growth) as part:
        this.compute(part, functools.partial(compute, plan), "maps")
        with part.finish(this.progress) as sink:
            scores = {column.path: part.values(column.path) for column in part.columns}
            results = summarise(plan, scores, options)
            for result in results:
                result.write(sink)
            facts = run.of_images(np.zeros(len(plan.place), bool), model)
            this.note(sink, [source], threads=passes.use_threads(), seed=options.seed, **facts)
    return results


def _command(plan: Plan, where: tuple[str, ...]) -> dict:
    """Return options and inputs that must match for a job to resume."""
    return passes.schema.command(plan.job) | {
        "kinds": list(plan.kinds),
        "where": list(where),
        "inputs": plan.source.digests(),
    }


def _begin(this: run.Run, sink: store.Sink, plan: Plan, keep: np.ndarray) -> None:
    """Write what does not grow: the samples, and which map each row is of."""
    this.carry_on(sink, plan.source, keep, [paths.FAITHFULNESS])
    place = np.cumsum(keep) - 1
    sink.put(f"{paths.FAITHFULNESS}/sample", place[plan.sample].astype("i4"))
    sink.put(f"{paths.FAITHFULNESS}/map", plan.rows.astype("i4"))
