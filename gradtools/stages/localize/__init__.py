"""maps + boxes or masks -> how well maps find what they are about.

Every measure is of read maps in the network's frame. Measures without a threshold rest on all maps;
a threshold is chosen on a hold-out of images and frozen, and only its figures leave the hold-out out.
Beside every map stand the centre of the frame and the map of another image.
"""

import dataclasses
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from gradtools.errors import GradtoolsError, UsageError
from gradtools.math.pairs.bootstrap import RESAMPLING
from gradtools.math.regions import localization, means
from gradtools.selection import maps as stored
from gradtools.selection import regions, samples
from gradtools.selection.results import Facts, Result
from gradtools.stages import run
from gradtools.stages.localize import measuring
from gradtools.stages.localize.measuring import Measures
from gradtools.store import Sink, Store, paths

if TYPE_CHECKING:
    from typing_extensions import Unpack

METHOD = "localization"
ROWS = ("energy", "pointing", "precision", "box_iou", "mask_iou")


@dataclasses.dataclass(frozen=True)
class Options:
    """What decides the values.

    Attributes
    ----------
    feature : tuple of str
        Maps by name or glob; all by default.
    layers : tuple of int or None
        Numbers of last taps that are fused; every number up to the store's by default.
    fuse : tuple of str
        Ways to fuse them: mean, max, product, or weights.
    where : tuple of str
    boxes : str or None
        `any`, or one data class; by default those of the map's label.
    holdout : str or None
        File of the ids of the images that thresholds are chosen on; by default a fifth, drawn.
    resamples, seed : int
    """

    feature: tuple[str, ...] = ()
    layers: tuple[int, ...] | None = None
    fuse: tuple[str, ...] = ("mean",)
    where: tuple[str, ...] = ()
    boxes: str | None = None
    holdout: str | None = None
    resamples: int = 1000
    seed: int = 0


def hold_out(source: Store, known: regions.MapRegions, options: Options) -> np.ndarray:
    """Return the hold-outs that thresholds are chosen on, the first of them the one that counts.

    Returns
    -------
    (S, M) bool array
        One row where a file names the images, else `localization.SPLITS`.
    """
    images = known.images
    if len(np.unique(images)) < 2:
        raise GradtoolsError(
            f"{source.name}: need at least 2 annotated images to hold one out for the threshold, "
            f"got {len(np.unique(images))}"
        )
    if options.holdout is None:
        return localization.hold_outs(images, seed=options.seed)
    named = samples.select(source, (f"list={options.holdout}",))[images]
    if named.all() or not named.any():
        raise UsageError(
            f"--holdout {options.holdout} names {int(named.sum())} of {len(named)} annotated maps: "
            "leave some on either side"
        )
    return named[None]


def localize(
    source: Store, output: str | None, options: Options, **how: "Unpack[run.How]"
) -> list[Result]:
    """Measure the maps of an open store and, where there is an output, write the measures.

    Parameters
    ----------
    source : store.Store
        With maps, and boxes or masks.
    output : str or None
        Path or '-'; None measures only.
    options : Options
    how
        Fields of `run.Run`.

    Returns
    -------
    list of Result
        One a kind of map, the controls last: `localization` of its statistics.

    Raises
    ------
    GradtoolsError, UsageError
    """
    this = run.begin(output, [source], **how)
    kinds = stored.kinds(source, options.feature, options.layers, options.fuse)
    rows = samples.select_maps(source, options.where)
    known = regions.of_maps(source, rows, options.boxes)
    for line in (*known.notes, *_left_out(known)):
        this.say(line)
    if not known.regions:
        raise GradtoolsError(f"{source.name}: no map has a box or mask to find in its frame")
    splits = hold_out(source, known, options)
    measured: dict[str, Measures] = {}
    with this.progress(len(kinds) + 1, 0, "kinds of maps") as advance:
        for name, (feature, fuse) in kinds.items():
            of_kind = source, feature, fuse, known.regions
            alike = measuring.discrimination(*of_kind, options.seed)
            measured[name] = dataclasses.replace(
                measuring.measure(*of_kind),
                alike=alike,
                negative=measuring.outweighed(source, feature, known.regions),
            )
            advance(1)
        feature, fuse = next(iter(kinds.values()))
        measured |= measuring.controls(source, feature, fuse, known.regions, options.seed)
        advance(1)
    results = [_result(name, one, known, splits, options) for name, one in measured.items()]
    if output is not None:
        keep = samples.select(source, options.where)
        facts = {"seed": options.seed, "rows": len(known.regions)}
        replacing = [paths.LOCALIZATION]
        with this.written("localization", source, keep, replacing, **facts) as sink:
            _write_rows(sink, keep, known.regions, measured)
            for result in results:
                result.write(sink)
    return results


class Drawn(NamedTuple):
    """What can be drawn: the kinds of maps, and the regions they were held against."""

    kinds: dict[str, tuple[stored.Feature, str]]
    located: list[regions.Region]


def drawn(source: Store, options: Options) -> Drawn:
    """Return what `localize` measures with these options."""
    kinds = stored.kinds(source, options.feature, options.layers, options.fuse)
    rows = samples.select_maps(source, options.where)
    return Drawn(kinds, regions.of_maps(source, rows, options.boxes).regions)


def _left_out(known: regions.MapRegions) -> list[str]:
    """Say which maps have no region, and why."""
    return [
        f"{count} map{'s' * (count != 1)} left out: {reason}"
        for reason, count in known.left_out.items()
    ]


def _result(
    name: str, of_kind: Measures, known: regions.MapRegions, splits: np.ndarray, options: Options
) -> Result:
    """Return the statistics of one kind of map, of all objects and of the small ones."""
    rows, thresholds = localization.frozen(of_kind.box_iou, of_kind.mask_iou, splits)
    rows |= {name: getattr(of_kind, name) for name in ("energy", "pointing", "precision")}
    share, both = known.shares
    if of_kind.negative is not None:
        rows["negative"] = of_kind.negative
    rows = means.of_subsets(rows, share, both) | of_kind.alike
    images, partners = known.images, known.partners
    columns, replicates = means.table(rows, images, options.resamples, options.seed, partners)
    facts: Facts = {
        **thresholds,
        "splits": len(splits),
        "held_out": int(splits[0].sum()),
        "maps": len(images),
        "images": len(np.unique(images)),
        "left_out": sum(known.left_out.values()),
        "degenerate": of_kind.degenerate,
        "resamples": options.resamples,
        "resampling": RESAMPLING,
        "seed": options.seed,
        "target": known.target,
    }
    return Result(
        paths.localization(name),
        feature=name,
        method=METHOD,
        columns=columns,
        facts=facts,
        title=f"how well {name} finds its object",
        replicates=replicates,
    )


def _write_rows(
    sink: Sink,
    keep: np.ndarray,
    shown: list[regions.Region],
    measured: dict[str, Measures],
) -> None:
    """Write which region each row is of, and the measures of every row."""
    place = np.cumsum(keep) - 1
    about = {
        "sample": place[[region.sample for region in shown]].astype("i4"),
        "label": np.array([region.label for region in shown], "i4"),
        "map": np.array([region.row for region in shown], "i4"),
        "share": np.array([region.share for region in shown], "f4"),
        "at": localization.THRESHOLDS,
    }
    for name, values in about.items():
        sink.put(paths.inside(paths.LOCALIZATION, name), values)
    for kind, of_kind in measured.items():
        for name in ROWS:
            sink.put(
                paths.inside(paths.localization(kind), name), getattr(of_kind, name).astype("f4")
            )
