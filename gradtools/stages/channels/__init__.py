"""features -> channel tables: how the channels of each tap are distributed and ranked, for every class and over all (mathematics#channels).

Everything here follows from the gradients, activations and contributions that `extract` stored; no network is run.
"""

import dataclasses
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

from gradtools import interrupt
from gradtools.errors import GradtoolsError
from gradtools.selection import compared, names, samples
from gradtools.selection import groups as grouping
from gradtools.selection.channels import ChannelResults
from gradtools.stages import run
from gradtools.stages.channels import pictures, profiles, tables
from gradtools.stages.channels.distribution import measure
from gradtools.stages.channels.top import top
from gradtools.stages.channels.top_images import check_maps, most_activating
from gradtools.store import paths
from gradtools.store.reading import Store
from gradtools.tables.wording import RANDOM_WEIGHTS

if TYPE_CHECKING:
    from typing_extensions import Unpack

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
    source: Store, output: str | None, options: Options, **how: "Unpack[run.How]"
) -> ChannelResults:
    """Measure the channels of an open store and, where there is an output, write the tables.

    Parameters
    ----------
    output
        Path or '-'; None computes only.
    how
        Fields of `run.Run`: carry, force, say, progress.
    """
    job = run.begin(output, [source], **how)
    results = describe(source, options, say=job.say, progress=job.progress)
    if options.profiles and output is not None:
        profiles.write(job, source, results, options)
    elif output is not None:
        _write(job, source, results, options)
    return results


def _write(job: run.Run, source: Store, results: ChannelResults, options: Options) -> None:
    """Write the values of every tap and the tables."""
    groups = results.groups
    written = [paths.channels(channels.tap) for channels in results.taps]
    written += [table.path for table in results.tables.values()]
    with job.written("channels", source, groups.keep, written, seed=options.seed) as sink:
        for channels in results.taps:
            tables.write_values(sink, channels, groups)
        for table in results.tables.values():
            table.write(sink)


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


def _warnings(source: Store) -> Iterator[str]:
    """What stands below every table."""
    if compared.target_leaks(source):
        yield "target=label (leaks): the gradients were taken for the true label, so they depend on it by construction"
    if source.model.get("weights") == "random":
        yield RANDOM_WEIGHTS


def _groups(source: Store, options: Options, only_maps: bool | list[str]) -> grouping.Groups:
    """Which images, and their classes."""
    if only_maps:
        return grouping.of_all(source, options.where)
    if options.of:
        return grouping.of_one(source, options.by, options.of, options.where)
    return grouping.of_every_class(source, options.by, options.where)


def _tables(
    source: Store,
    measured: list[tables.TapChannels],
    of_pictures: list[pictures.Pictures],
    groups: grouping.Groups,
    options: Options,
) -> dict[str, tables.Result]:
    """The tables of an output, by name."""
    facts: tables.Facts = {
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


def _automatic(source: Store, request: str) -> list[str]:
    """The taps of an auto: name that the store records."""
    attributes = source.attributes(paths.TAPS)
    if request == "auto:blocks":
        import json

        return json.loads(attributes.get("blocks", "[]"))
    key = {"auto:last-conv": "default_gradient", "auto:last-block": "default_activation"}.get(
        request
    )
    return [attributes[key]] if key in attributes else []
