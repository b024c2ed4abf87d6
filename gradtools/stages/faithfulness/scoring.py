"""The scores of images under every mask: whole batches of images, masks and curves through the network."""

from collections.abc import Iterator

import numpy as np

from gradtools import store
from gradtools.math.maps import map_controls
from gradtools.math.maps.reading import read_maps
from gradtools.math.regions import faithfulness
from gradtools.network import masking
from gradtools.stages.faithfulness.plan import CURVES, GENERAL, Plan, columns_of, has_curves
from gradtools.stages.faithfulness.shown import Frames, check_frame
from gradtools.store import paths


def compute(plan: Plan, block: store.Block, frames: Frames) -> dict[str, np.ndarray]:
    """Score the maps of one block under every mask.

    Returns
    -------
    dict of str to (n, ...) float array
        By path, a row a map.
    """
    at = np.arange(block.start, block.stop)
    scores: dict[str, np.ndarray] = {}
    for region in filter(None, map(plan.regions.get, plan.rows[at].tolist())):
        check_frame(plan.source, region.size, frames)
    for fill in plan.options.fill:
        for column in columns_of(plan, fill):
            scores[column.path] = np.full((len(at), *column.tail), np.nan)
        wanted, values = _scores(plan, frames, fill, at)
        for (path, place), value in zip(wanted, values):
            name, _, step = path.partition("#")
            scores[name][(place, int(step)) if step else place] = value
    return scores


def _masks(
    plan: Plan, at: np.ndarray, fill: str, size: tuple[int, int]
) -> Iterator[tuple[str, int, np.ndarray]]:
    """Yield (path, place in the block, mask) of everything that is shown; a step of a curve is `path#step`."""
    ones, gaussian = np.ones(size, "f4"), map_controls.centred_gaussian(size).astype("f4")
    for place, row in enumerate(at):
        general = {"ones": ones, "half": ones / 2, "centre": gaussian}
        region = plan.regions.get(int(plan.rows[row]))
        if region is not None:
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
            if not has_curves(plan):
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
    plan: Plan, frames: Frames, fill: str, at: np.ndarray
) -> tuple[list[tuple[str, int]], np.ndarray]:
    """Score everything that is shown of some maps.

    Returns
    -------
    wanted : list of (path, place in the block), n
    values : (n,) float64 array
        Probability of the map's classes, or similarity of the pair.
    """
    wanted: list[tuple[str, int]] = []
    pixels, image = frames.pixels, frames.row

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

    def embed(x: masking.Pixels, _places: np.ndarray) -> masking.Pixels:
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
