"""features -> channel tables: how the channels of each tap are distributed and ranked, for every class and over all (mathematics#channels).

Everything here follows from the gradients, activations and contributions that `extract` stored; no network is run.
"""

import dataclasses
from collections.abc import Callable, Sequence

from gradtools import interrupt, store
from gradtools.errors import GradtoolsError
from gradtools.selection import groups as grouping
from gradtools.selection import names, samples
from gradtools.selection.channels import ChannelResults
from gradtools.stages.channels import pictures, profiles, tables
from gradtools.stages.channels.distribution import measure
from gradtools.stages.channels.top import top
from gradtools.stages.channels.top_images import check_maps, most_activating
from gradtools.store import paths, provenance
from gradtools.store.reading import Store
from gradtools.tables.wording import RANDOM_WEIGHTS

__all__ = ["Options", "channels", "check_maps", "describe", "most_activating", "taps_of", "top"]


@dataclasses.dataclass(frozen=True)
class Options:
    """Options of the command that decide the values."""

    tap: tuple[
        str, ...
    ] = ()  # names and globs of the store's taps; without any all, of one class the last convolution
    by: str = "target"  # what a class is: target, label
    of: str | None = None  # one class or image instead of all
    where: tuple[str, ...] = ()
    bins: int = 61
    resamples: int = 1000
    seed: int = 0
    profiles: bool = False  # the output's samples are the channels


def channels(
    source: Store,
    output: str | None,
    options: Options,
    *,
    carry: bool = False,
    force: bool = False,
    say: Callable[[str], None] = print,
    progress: Callable | None = None,
) -> ChannelResults:
    """Measure the channels of an open store and, where there is an output, write the tables.

    Parameters
    ----------
    output
        Path or '-'; None computes only.
    carry
        Copy everything of the input.
    """
    begun = provenance.begin()
    if output is not None:
        store.check_output(output, force, [source])
    results = describe(source, options, say=say, progress=progress)
    if options.profiles and output is not None:
        profiles.write(source, output, results, options, force=force, begun=begun)
    elif output is not None:
        _write(source, output, results, options, carry, force, say, begun)
    return results


def _write(source, output, results, options, carry, force, say, begun):
    """Write the values of every tap and the tables."""
    groups = results.groups
    written = [paths.channels(channels.tap) for channels in results.taps]
    written += [table.path for table in results.tables.values()]
    with store.create(output, "channels", force=force) as sink:
        dropped = sink.carry(source, groups.keep, carry, written)
        if dropped:
            say(f"not copied (computed from samples excluded here): {', '.join(dropped)}")
        for channels in results.taps:
            tables.write_values(sink, channels, groups)
        for table in results.tables.values():
            table.write(sink)
        step = provenance.step(begun, [source], seed=options.seed, rows=int(groups.keep.sum()))
        sink.history([source], step)


def describe(
    source: Store,
    options: Options,
    *,
    say: Callable[[str], None] = print,
    progress: Callable | None = None,
) -> ChannelResults:
    """Measure the channels of every tap (see `channels`)."""
    only_maps = not source.taps and not options.of and pictures.taps_of(source, options.tap)
    chosen = [] if only_maps else taps_of(source, options.tap, options.of is not None)
    groups = _groups(source, options, only_maps)
    warnings = tuple(_warnings(source))
    for line in warnings:
        say(line)
    measured = []
    with (progress or interrupt.unwatched)(len(chosen), 0, "taps") as advance:
        for tap in chosen:
            measured.append(measure(source, tap, groups, options))
            advance(1)
    of_pictures = pictures.describe(source, groups.keep, options)
    results = _tables(source, measured, of_pictures, groups, options)
    return ChannelResults(groups, measured, of_pictures, results, warnings)


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


def _tables(source, measured, of_pictures, groups, options):
    """The tables of an output, by name."""
    facts = {
        "by": options.by,
        "resamples": options.resamples,
        "seed": options.seed,
        "bins": options.bins,
        "left_out": int((samples.originals(source) & ~groups.keep).sum()),
    }
    made = []
    if measured:
        made = [
            tables.distribution(measured, groups, facts),
            tables.agreement(measured, groups, facts),
        ]
    if of_pictures:
        made.append(pictures.as_table(of_pictures, facts))
    return {table.method: table for table in made}


def taps_of(source: Store, requests: Sequence[str] = (), one: bool = False) -> list[str]:
    """Return the taps of a store that the requests name, in order of execution; all without a request.

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
