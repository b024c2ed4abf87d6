"""features -> channel tables: how the channels of each tap are distributed and ranked, for every class and over all (mathematics#channels).

Everything here follows from the gradients, activations and contributions that `extract` stored; no network is run.
"""

import dataclasses
import fnmatch

from gradtools import interrupt, store
from gradtools.errors import GradtoolsError, UsageError
from gradtools.selection import samples
from gradtools.stages.channels import groups as grouping
from gradtools.stages.channels import pictures, profiles, tables
from gradtools.stages.channels.activating import Activating, check_maps, most_activating
from gradtools.stages.channels.distribution import Measured, measure
from gradtools.stages.channels.top import Top, top
from gradtools.store import paths, provenance
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


def channels(source, output, options, *, carry=False, force=False, say=print, progress=None):
    """Measure the channels of an open store and, where there is an output, write the tables.

    Parameters
    ----------
    source : store.Store
    output : str or None
        Path or '-'; None computes only.
    options : Options
    carry : bool
        Copy everything of the input.

    Returns
    -------
    Found
    """
    begun = provenance.begin()
    if output is not None:
        store.check_output(output, force, [source])
    found = describe(source, options, say=say, progress=progress)
    if options.profiles and output is not None:
        profiles.write(source, output, found, options, force=force, begun=begun)
    elif output is not None:
        with store.create(output, "channels", force=force) as sink:
            behind = sink.carry(
                source, found.groups.keep, carry, [outcome.path for outcome in found.outcomes]
            )
            if behind:
                say(
                    f"left behind, for they rest on samples that are left out here: {', '.join(behind)}"
                )
            for outcome in found.outcomes:
                outcome.write(sink)
            sink.history(
                [source],
                provenance.step(
                    begun, [source], seed=options.seed, rows=int(found.groups.keep.sum())
                ),
            )
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
    wanted = set()
    for request in requests or ("*",):
        named = (
            _automatic(source, request)
            if request.startswith("auto:")
            else fnmatch.filter(source.taps, request)
        )
        if not named:
            raise UsageError(
                f"--tap {request}: {source.name} has {', '.join(source.taps)}; gradtools extract --tap {request} adds more"
            )
        wanted |= set(named)
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
