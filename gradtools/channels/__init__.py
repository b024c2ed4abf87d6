"""features -> channel tables: how the channels of each tap are distributed and ranked, for every class and over all (SPEC 3).

Everything here follows from the gradients, activations and contributions that `extract` stored; no network is run.
"""

import dataclasses
import fnmatch

from gradtools import interrupt, provenance, samples, store
from gradtools.channels import groups as grouping, tables
from gradtools.channels.measuring import Measured, measure
from gradtools.channels.top import top
from gradtools.errors import GradtoolsError, UsageError
from gradtools.store import paths

__all__ = ["Found", "Measured", "Options", "channels", "describe", "taps_of", "top"]


@dataclasses.dataclass(frozen=True)
class Options:
    """What decides the values."""

    tap: tuple = ()          # names and globs of the store's taps; all without any
    by: str = "target"       # what a class is: target, label
    of: str | None = None    # one class or image instead of all
    where: tuple = ()
    bins: int = 61
    resamples: int = 1000
    seed: int = 0


@dataclasses.dataclass(frozen=True)
class Found:
    """What was measured, over which groups of images."""

    groups: grouping.Groups
    taps: list
    outcomes: list


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
    if output is not None:
        with store.create(output, "channels", force=force) as sink:
            behind = sink.carry(source, found.groups.keep, carry, [outcome.path for outcome in found.outcomes])
            if behind:
                say(f"left behind, for they rest on samples that are left out here: {', '.join(behind)}")
            for outcome in found.outcomes:
                outcome.write(sink)
            sink.history([source], provenance.step(begun, [source], seed=options.seed, rows=int(found.groups.keep.sum())))
    return found


def describe(source, options, *, say=print, progress=None):
    """Measure the channels of every tap (see `channels`).

    Returns
    -------
    Found
    """
    chosen = taps_of(source, options.tap)
    groups = (grouping.of_one(source, options.by, options.of, options.where) if options.of
              else grouping.of_every_class(source, options.by, options.where))
    if samples.target_leaks(source):
        say("target=label (leaks): the gradients were taken for the true label, so they tell it by construction")
    found = []
    with (progress or interrupt.unwatched)(len(chosen), 0, "taps") as advance:
        for tap in chosen:
            found.append(measure(source, tap, groups, options))
            advance(1)
    facts = {"by": options.by, "resamples": options.resamples, "seed": options.seed, "bins": options.bins,
             "left_out": int((samples.originals(source) & ~groups.keep).sum())}
    outcomes = [*(tables.Values(one, groups) for one in found), tables.distribution(found, groups, facts),
                tables.agreement(found, groups, facts)]
    return Found(groups, found, outcomes)


def taps_of(source, requests=()):
    """Taps (list of str) of a store that the requests name, in order of execution; all without a request.

    Parameters
    ----------
    requests : sequence of str
        Names and globs, auto:last-conv, auto:last-block, auto:blocks.

    Raises
    ------
    UsageError, GradtoolsError
    """
    if not source.taps:
        raise GradtoolsError(f"{source.name} has no taps: gradtools extract makes a store of features")
    wanted = set()
    for request in requests or ("*",):
        named = _automatic(source, request) if request.startswith("auto:") else fnmatch.filter(source.taps, request)
        if not named:
            raise UsageError(f"--tap {request}: {source.name} has {', '.join(source.taps)}; gradtools extract --tap {request} adds more")
        wanted |= set(named)
    return [tap for tap in source.taps if tap in wanted]


def _automatic(source, request):
    """The taps of an auto: name that the store tells."""
    attributes = source.attributes(paths.TAPS)
    if request == "auto:blocks":
        import json

        return json.loads(attributes.get("blocks", "[]"))
    key = {"auto:last-conv": "default_gradient", "auto:last-block": "default_activation"}.get(request)
    return [attributes[key]] if key in attributes else []
