"""How what is measured of channels lies in its store."""

import json
from typing import TYPE_CHECKING

from gradtools import store
from gradtools.network import taps
from gradtools.network.ablation import subsets
from gradtools.network.passes import schema
from gradtools.store import Store, paths
from gradtools.store.provenance import Fact

if TYPE_CHECKING:
    import numpy as np

    from gradtools.network.ablation.plan import Place, Plan


def columns(plan: "Plan") -> list[store.Column]:
    """Return the datasets that grow, one row an image."""
    grown = schema.columns(plan.job) + [
        store.Column(paths.TARGET, dtype="i4", long_name="class the score is about"),
        store.Column(paths.SCORE),
    ]
    return grown + [column for place in plan.places for column in _of_place(plan, place)]


def _of_place(plan: "Plan", place: "Place") -> list[store.Column]:
    """The datasets of one tap."""
    tap = place.tap

    def column(name: str, *tail: int, dtype: str = "f4") -> store.Column:
        return store.Column(paths.tap(tap.name, name), tail, dtype=dtype)

    grown = schema.tap_columns(tap, plan.job)
    grown += [column(f"ablation_{fill}", tap.channels) for fill in plan.job.options.ablate]
    if place.kernels:
        grown.append(column("kernel_gradient", tap.channels))
    count = 2 * len(plan.subsets)
    if count:
        grown += [
            column("subset_channels", count, dtype="i4"),
            column("subset_contribution", count),
            column("subset_score", count, 2),
            column("subset_unchanged", count, 2, dtype="u1"),
        ]
    if plan.rankings:
        shape = len(plan.rankings), len(place.counts)
        grown += [column(name, *shape) for name in ("deletion", "insertion")]
    return grown


def command(plan: "Plan") -> dict[str, Fact]:
    """Return the options and inputs that must match for a job to resume."""
    means = [
        None if place.dataset_mean is None else place.dataset_mean.tolist() for place in plan.places
    ]
    return schema.command(plan.job) | {
        "dataset means": schema.sha(means),
        "kernels": [[tap.name for tap in place.kernels] for place in plan.places],
    }


def begin(part: store.Sink, plan: "Plan", source: Store | None, keep: "np.ndarray | None") -> None:
    """Carry what the input holds, then write what does not grow."""
    if source is not None and keep is not None:
        part.carry(
            source,
            keep,
            whole=True,
            replacing=(*(column.path for column in columns(plan)), paths.TABLES),
        )
    schema.begin(part, plan.job)
    schema.begin_taps(part, plan.job)
    if source is not None:
        every = taps.resolve(
            plan.job.trace, [*source.taps, *(place.tap.name for place in plan.places)]
        )
        part.attributes(
            paths.TAPS,
            **source.attributes(paths.TAPS) | {"order": json.dumps([tap.name for tap in every])},
        )
    for place in plan.places:
        part.attributes(
            paths.tap(place.tap.name),
            subsets=json.dumps(subsets.names(plan.subsets)),
            rankings=json.dumps(plan.rankings),
            sides=json.dumps(["stay", "go"]),
            linear=int(place.linear),
            tail=int(place.tail.short),
            kernels=json.dumps([tap.name for tap in place.kernels]),
        )
        if len(place.counts):
            part.put(
                paths.tap(place.tap.name, "step_channels"),
                place.counts.astype("i4"),
            )
