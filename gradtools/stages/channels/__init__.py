"""features -> channel tables: how the channels of each tap are distributed and ranked, for every class and over all (mathematics#channels).

Everything here follows from the gradients, activations and contributions that `extract` stored; no network is run.
"""

import dataclasses

from gradtools import interrupt
from gradtools.errors import GradtoolsError
from gradtools.selection import names, samples
from gradtools.stages import run
from gradtools.stages.channels import groups as grouping
from gradtools.stages.channels import pictures, profiles, tables
from gradtools.stages.channels.activating import Activating, check_maps, most_activating
from gradtools.stages.channels.distribution import Measured, measure
from gradtools.stages.channels.top import Top, top
from gradtools.store import paths
from gradtools.tables.wording import RANDOM_WEIGHTS

__all__ = [
    "Activating",
    "Found",
    "Measured",
    "Options",
    "Top",
    "channels",
    "check_maps",
    "describe",
    "most_activating",
    "taps_of",
    "top",
]


@dataclasses.dataclass(frozen=True)
class Options:
    """What decides the values."""

    tap: tuple = ()  # names and globs of the store's taps; without any all, of one class the last convolution
    by: str = "target"  # what a class is: target, label
    of: str | None = None  # one class or image instead of all
    where: tuple = ()
    bins: int = 61
    resamples: int = 1000
    seed: int = 0
    profiles: bool = False  # the output's samples are the channels


@dataclasses.dataclass(frozen=True)
class Found:
    """What was measured, over which groups of images."""

    groups: grouping.Groups
    taps: list  # of Measured
    pictures: list  # of Pictures: taps that the store has maps of
    outcomes: list
    warnings: tuple = ()  # what the values do not mean, a sentence each


def channels(source, output, options, **how):
    """Measure the channels of an open store and, where there is an output, write the tables.

    Parameters
    ----------
    source : store.Store
    output : str or None
        Path or '-'; None computes only.
    options : Options
    how
        Fields of `run.Run`: carry, force, say, progress.

    Returns
    -------
    Found
    """
    job = run.begin(output, [source], **how)
    found = describe(source, options, say=job.say, progress=job.progress)
    if options.profiles and output is not None:
        profiles.write(job, source, found, options)
    elif output is not None:
        replacing = [outcome.path for outcome in found.outcomes]
        keep = found.groups.keep
        with job.written("channels", source, keep, replacing, seed=options.seed) as sink:
            for outcome in found.outcomes:
                outcome.write(sink)
    return found


def describe(source, options, *, say=print, progress=None):
    """Measure the channels of every tap (see `channels`).

    Returns
    -------
    Found
    """
    only_maps = not source.taps and not options.of and pictures.taps_of(source, options.tap)
    chosen = [] if only_maps else taps_of(source, options.tap, options.of is not None)
    groups = _groups(source, options, only_maps)
    warnings = tuple(_warnings(source))
    for line in warnings:
        say(line)
    found = []
    with (progress or interrupt.unwatched)(len(chosen), 0, "taps") as advance:
        for tap in chosen:
            found.append(measure(source, tap, groups, options))
            advance(1)
    drawn = pictures.describe(source, groups.keep, options)
    return Found(groups, found, drawn, _outcomes(source, found, drawn, groups, options), warnings)


def _warnings(source):
    """What stands below every table."""
    if samples.target_leaks(source):
        yield "target=label (leaks): the gradients were taken for the true label, so they tell it by construction"
    if source.model.get("weights") == "random":
        yield RANDOM_WEIGHTS


def _groups(source, options, only_maps):
    """Which images, and their classes."""
    if only_maps:
        return grouping.of_all(source, options.where)
    if options.of:
        return grouping.of_one(source, options.by, options.of, options.where)
    return grouping.of_every_class(source, options.by, options.where)


def _outcomes(source, found, drawn, groups, options):
    """What goes into the output."""
    facts = {
        "by": options.by,
        "resamples": options.resamples,
        "seed": options.seed,
        "bins": options.bins,
        "left_out": int((samples.originals(source) & ~groups.keep).sum()),
    }
    outcomes = [tables.Values(one, groups) for one in found]
    if found:
        outcomes += [
            tables.distribution(found, groups, facts),
            tables.agreement(found, groups, facts),
        ]
    return outcomes + ([pictures.outcome(drawn, facts)] if drawn else [])


def taps_of(source, requests=(), one=False):
    """Taps (list of str) of a store that the requests name, in order of execution; all without a request.

    Parameters
    ----------
    requests : sequence of str
        Names and globs, auto:last-conv, auto:last-block, auto:blocks.
    one : bool
        Whether no request means the last convolution (or where that was not extracted the last tap), not all of them.

    Raises
    ------
    UsageError, GradtoolsError
    """
    if source.unit != "image":
        raise GradtoolsError(
            f"{source.name}: its samples are of the kind {source.unit}, and channels are of images: "
            "gradtools extract makes a store of these"
        )
    if not source.taps:
        raise GradtoolsError(
            f"{source.name} has no taps: gradtools extract makes a store of features"
        )
    if one and not requests:
        return _automatic(source, "auto:last-conv") or source.taps[-1:]
    wanted = names.resolve(
        requests or ("*",),
        source.taps,
        lambda request: (
            f"--tap {request}: {source.name} has no such tap (gradtools extract --tap {request} adds it)"
        ),
        expand=lambda request: _automatic(source, request),
    )
    return [tap for tap in source.taps if tap in wanted]


def _automatic(source, request):
    """The taps of an auto: name that the store tells."""
    attributes = source.attributes(paths.TAPS)
    if request == "auto:blocks":
        import json

        return json.loads(attributes.get("blocks", "[]"))
    key = {"auto:last-conv": "default_gradient", "auto:last-block": "default_activation"}.get(
        request
    )
    return [attributes[key]] if key in attributes else []
