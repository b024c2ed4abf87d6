"""The tables of faithfulness, made of the scores of all maps: by the process that scored them, or of its shards by merge."""

import dataclasses
import json

import numpy as np

from gradtools import store
from gradtools.math.pairs.bootstrap import RESAMPLING
from gradtools.math.regions import faithfulness, means
from gradtools.selection.results import Result
from gradtools.stages.faithfulness.plan import CURVES, GENERAL, MASKS, Plan, has_curves
from gradtools.stages.faithfulness.shown import ShardRows, with_counts
from gradtools.store import joining, paths


@dataclasses.dataclass(frozen=True)
class Facts:
    """What the tables are of, and how they are made: see `plan.Options`; `steps` is 0 where there are no curves."""

    kinds: tuple[str, ...]
    fill: tuple[str, ...]
    both: bool
    steps: int
    resamples: int
    seed: int
    target: str

    @classmethod
    def of(cls, plan: Plan) -> "Facts":
        """Return the facts of a plan."""
        options = plan.options
        return cls(
            tuple(plan.kinds),
            options.fill,
            options.both,
            options.steps if has_curves(plan) else 0,
            options.resamples,
            options.seed,
            str(plan.source.attributes(paths.MAPS).get("target", "")),
        )

    @classmethod
    def parse(cls, text: str) -> "Facts":
        """Read the facts that a shard keeps."""
        values = json.loads(text)
        return cls(**values | {name: tuple(values[name]) for name in ("kinds", "fill")})

    @property
    def text(self) -> str:
        """The facts as JSON."""
        return json.dumps(dataclasses.asdict(self))


@dataclasses.dataclass(frozen=True)
class Rows:
    """Of each map its image, the other image of its pair (-1 none), and the object's share of the frame: (M,) arrays as in `plan.Plan`."""

    sample: np.ndarray
    partner: np.ndarray
    share: np.ndarray
    both: np.ndarray


def summarise(facts: Facts, rows: Rows, scores: dict[str, np.ndarray]) -> list[Result]:
    """Return ADP, PIC and the areas under the curves of every kind of map and fill.

    Parameters
    ----------
    facts : Facts
    rows : Rows
    scores : dict of str to (M, ...) array
        By path.
    """
    results = []
    for fill in facts.fill:
        before = scores[paths.faithfulness(GENERAL["ones"], fill, "map")].astype(float)
        for kind in (*facts.kinds, *GENERAL.values()):
            at = {name: paths.faithfulness(kind, fill, name) for name in (*MASKS, *CURVES)}
            after = {
                "" if name == "map" else f"_{name}": scores[at[name]].astype(float)
                for name in MASKS
                if at[name] in scores
            }
            curves = {name: scores[at[name]] for name in CURVES if at[name] in scores}
            values = faithfulness.statistics(before, after, curves)
            results.append(_result(facts, rows, kind, fill, values, before))
    return results


def _result(
    facts: Facts,
    rows: Rows,
    kind: str,
    fill: str,
    values: dict[str, np.ndarray],
    before: np.ndarray,
) -> Result:
    """Return the statistics of one kind of map under one fill, of all objects and, where they are known, the small ones."""
    if not np.isnan(rows.share).all():
        values = means.of_subsets(values, rows.share, rows.both)
    columns, replicates = means.table(
        values, rows.sample, facts.resamples, facts.seed, rows.partner
    )
    about: dict[str, str | int | float] = {
        "fill": fill,
        "maps": len(rows.sample),
        "images": len(np.unique(rows.sample)),
        "not_positive": int((before <= 0).sum()),
        "both": int(facts.both),
        "steps": facts.steps,
        "resamples": facts.resamples,
        "resampling": RESAMPLING,
        "seed": facts.seed,
        "target": facts.target,
    }
    path = paths.faithfulness(kind, fill)
    title = f"what the score does under {kind}, {fill} fill"
    return Result(path, kind, "", fill, columns, about, title, replicates)


def keep_in_shard(facts: Facts, rows: Rows, sink: store.Sink, own: ShardRows) -> None:
    """Write into a shard what the tables of all shards are made from beside their scores."""
    sink.put(paths.shard("partner"), own.partner.astype("i4"))
    sink.put(paths.shard("share"), rows.share[own.numbers])
    sink.put(paths.shard("share_of_both"), rows.both[own.numbers])
    sink.put(paths.shard("ended_early"), own.ended_early.astype("i4"))
    sink.attributes(paths.SHARD, tables=facts.text)


def of_shards(stores: list[store.Store]) -> list[Result]:
    """Return the tables of all shards (from `joining.ordered`) together."""

    def every(path: str) -> np.ndarray:
        return np.concatenate([source.needed(path) for source in stores])

    text = stores[0].attributes(paths.SHARD)["tables"]
    sample, early = (
        every(paths.inside(paths.FAITHFULNESS, "sample")),
        every(paths.shard("ended_early")),
    )
    rows = Rows(
        sample, *(every(paths.shard(name)) for name in ("partner", "share", "share_of_both"))
    )
    grown = joining.grown_paths(stores[0])
    scores = {path: every(path) for path in grown if path.startswith(paths.FAITHFULNESS)}
    results = summarise(Facts.parse(str(text)), rows, scores)
    return with_counts(results, len(np.unique(sample[early != 0])))
