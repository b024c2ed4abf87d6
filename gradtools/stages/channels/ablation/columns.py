"""How what is measured of channels lies in its store."""

import json

from gradtools import store
from gradtools.network import taps
from gradtools.network.ablation import subsets
from gradtools.network.passes import schema
from gradtools.store import paths

FILLED = {
    "zero": "zero",
    "mean": "the mean of its own map",
    "dataset": "its mean over the data set",
}


def columns(plan):
    """The datasets that grow, one row an image."""
    found = schema.columns(plan.job) + [
        store.Column(paths.TARGET, (), [], "i4", "class the score is about"),
        store.Column(paths.SCORE, (), [], "f4", "score of the target, all channels there"),
    ]
    return found + [column for place in plan.places for column in _of_place(plan, place)]


def _of_place(plan, place):
    """The datasets of one tap."""
    tap, fills = place.tap, plan.job.options.ablate

    def column(name, tail, dims, dtype, text):
        return store.Column(paths.tap(tap.name, name), tail, dims, dtype, text)

    found = schema.tap_columns(tap, plan.job)
    found += [
        column(
            f"ablation_{fill}",
            (tap.channels,),
            ["channel"],
            "f4",
            f"fall of the score when the channel is set to {FILLED[fill]}",
        )
        for fill in fills
    ]
    if place.kernels:
        found.append(
            column(
                "kernel_gradient",
                (tap.channels,),
                ["channel"],
                "f4",
                "norm of the cross-entropy's gradient at the channel's kernel",
            )
        )
    count = 2 * len(plan.subsets)
    if count:
        found += [
            column("subset_channels", (count,), ["subset"], "i4", "channels of the subset"),
            column(
                "subset_contribution",
                (count,),
                ["subset"],
                "f4",
                "sum of the subset's contributions",
            ),
            column(
                "subset_score",
                (count, 2),
                ["subset", "side"],
                "f4",
                "score when only the subset stays, when it goes",
            ),
            column(
                "subset_unchanged",
                (count, 2),
                ["subset", "side"],
                "u1",
                "whether the answer stays the same then",
            ),
        ]
    shape = len(plan.rankings), len(place.counts)
    for name, text in (
        (("deletion", "without"), ("insertion", "with only")) if plan.rankings else ()
    ):
        found.append(
            column(
                name,
                shape,
                ["ranking", "step"],
                "f4",
                f"score {text} the first channels of a ranking",
            )
        )
    return found


def command(plan):
    """What must be the same for a stopped job to go on."""
    means = [
        None if place.dataset_mean is None else place.dataset_mean.tolist() for place in plan.places
    ]
    return schema.command(plan.job) | {
        "dataset means": schema.sha(means),
        "kernels": [[tap.name for tap in place.kernels] for place in plan.places],
    }


def begin(part, plan, source, keep):
    """Carry what the input holds, then write what does not grow."""
    if source is not None:
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
                ["step"],
                "channels taken at each step",
            )
