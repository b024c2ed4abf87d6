"""Channels as samples: what every channel is worth to every class, as features that the other commands take as they are."""

import json
from typing import TYPE_CHECKING

import numpy as np

from gradtools import store
from gradtools.errors import GradtoolsError
from gradtools.store import paths

if TYPE_CHECKING:
    from gradtools.selection.channels import ChannelResults
    from gradtools.stages.channels import Options
    from gradtools.stages.run import Run

TAP = "profile"  # the features' place: contribution@profile
KINDS = ("contribution", "gradient", "activation")


def write(job: "Run", source: store.Store, results: "ChannelResults", options: "Options") -> None:
    """Write a store of features whose samples are the channels of all measured taps and whose columns are classes.

    Parameters
    ----------
    job : run.Run
    source : store.Store
    results : selection.channels.ChannelResults
    options : channels.Options

    Raises
    ------
    GradtoolsError
        There are not two classes.
    """
    if len(results.groups.names) < 2:
        raise GradtoolsError(
            f"{source.name}: a channel's profile is over classes, and its images have {len(results.groups.names)} "
            f"by {options.by}: choose another --by or --where, or extract more images"
        )
    with store.create(
        job.target, "features", force=job.force, root=source.attributes("/")["root"]
    ) as sink:
        _samples(sink, source, results)
        for kind in KINDS:
            rows = np.concatenate(
                [tap.values[kind][1:].T for tap in results.taps]
            )  # (channels, classes)
            sink.put(
                paths.tap(TAP, kind),
                rows.astype("f4"),
                long_name=f"{kind} of a channel, mean over the images of each class",
            )
        sink.put(paths.tap(TAP, "class"), results.groups.names)
        sink.put(
            paths.tap(TAP, "images"),
            results.taps[0].images[1:].astype("i4"),
        )
        sink.attributes(paths.MODEL, **source.model)
        sink.attributes(paths.TAPS, order=json.dumps([TAP]))
        sink.attributes(
            paths.tap(TAP), shape=np.array([len(results.groups.names), 1, 1], "i4"), by=options.by
        )
        job.note(sink, [source], seed=options.seed, rows=int(results.groups.keep.sum()))


def _samples(sink: store.Sink, source: store.Store, results: "ChannelResults") -> None:
    """The channels: `features.12/17`, and the tap of each as its class."""
    taps = [(tap.tap, tap.values["gradient"].shape[1]) for tap in results.taps]
    sink.attributes(paths.SAMPLES, unit="channel")
    sink.put(
        paths.ID,
        [f"{tap}/{channel}" for tap, count in taps for channel in range(count)],
        long_name="tap and number of the channel",
    )
    sink.put(
        paths.LABEL,
        np.repeat(np.arange(len(taps), dtype="i4"), [count for _, count in taps]),
        long_name="tap",
    )
    weights = source.model.get("weights_sha256", "")
    sink.put(
        paths.DIGEST,
        np.concatenate([store.unit_digests(weights, tap, count) for tap, count in taps]),
        long_name="SHA-256 of the weights' digest, the tap and the channel",
    )
    sink.put(paths.CLASS_NAME, [tap for tap, _ in taps], long_name="tap")
