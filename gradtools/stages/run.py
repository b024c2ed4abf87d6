"""The one skeleton of a command's work: check the output, begin, carry the input on, compute block by block, note the step.

run = begin(output, [source], force=True, say=console.say)
with run.written("clusters", source, keep, replacing, seed=0) as sink:  # short work: one file in one go
    ...
with run.grown(growth) as part:                                         # long jobs: block by block
    run.compute(part, compute)
    with part.finish(run.progress) as sink:
        ...
        run.note(sink, [source], seed=0)
"""

import contextlib
import dataclasses
import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Protocol, TypedDict

import numpy as np

from gradtools import interrupt, store
from gradtools.errors import GradtoolsError, UsageError
from gradtools.store import provenance

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from gradtools.network.models import Model

Say = Callable[[str], None]
Progress = Callable[..., AbstractContextManager[Callable[[int], None]]]
Compute = Callable[[store.Block], dict[str, np.ndarray]]


class Computing(Protocol):
    """Who computes the blocks of a long job instead of this process alone."""

    @property
    def serves(self) -> bool:
        """Whether another process asks for blocks and writes the output."""

    @property
    def threads(self) -> int | None:
        """Threads of the computation, where the command does not say."""

    def grown(
        self, growth: store.Growth, opened: AbstractContextManager[store.Part], run: "Run"
    ) -> AbstractContextManager[store.Part]:
        """Return the part that `opened` gives, or that takes its place."""


@dataclasses.dataclass(frozen=True)
class Run:
    """What a command is given beside the options that decide values.

    Attributes
    ----------
    output : str or None
        Path of the store or '-'; None computes only.
    carry : bool
        Copy everything of the input.
    force : bool
        Replace an output that exists.
    restart : bool
        Drop what a stopped run of another command left.
    threads : int, optional
        Of the computation; by default torch's own number.
    workers : int
        Threads that read and decode images.
    max_skipped : str
        Unreadable images allowed: a number or a percentage.
    strict : bool
        Allow no image whose file ends early.
    say : callable
        Takes one line for the user.
    shard : Share, optional
        Compute this share alone; the output is then a shard (see `begin`).
    scheduler : Scheduler or Served, optional
        Who computes the blocks of long jobs, see `stages.remote`; by default this process.
    progress : callable
        `progress(total, done, what)` gives a context manager that yields `advance(n)`.
    begun : tuple
        As of `provenance.begin`.
    """

    output: str | None = None
    carry: bool = False
    force: bool = False
    restart: bool = False
    threads: int | None = None
    workers: int = 2
    max_skipped: str = "1%"
    shard: store.Share | None = None
    strict: bool = False
    scheduler: "Computing | None" = None
    say: Say = print
    progress: Progress = interrupt.unwatched
    begun: tuple = dataclasses.field(default_factory=provenance.begin)

    def carry_on(
        self,
        sink: store.Sink,
        source: store.Store,
        keep: np.ndarray,
        replacing: Sequence[str] = (),
    ) -> None:
        """Copy what comes from the input, and name the results that a subset leaves out (see `Sink.carry`)."""
        left_out = sink.carry(source, keep, self.carry, replacing)
        if left_out:
            self.say(f"not copied (computed from samples excluded here): {', '.join(left_out)}")

    def note(
        self, sink: store.Sink, inputs: Sequence[store.Store] = (), /, **facts: provenance.Fact
    ) -> None:
        """Write the steps of the inputs and this one into the history."""
        sink.history(inputs, provenance.step(self.begun, inputs, **facts))

    @contextlib.contextmanager
    def written(
        self,
        kind: str,
        source: store.Store,
        keep: np.ndarray,
        replacing: Sequence[str] = (),
        **facts: provenance.Fact,
    ) -> Iterator[store.Sink]:
        """Write the output in one go, from what is carried on of the input to the step in its history."""
        with store.create(self.target, kind, force=self.force) as sink:
            self.carry_on(sink, source, keep, replacing)
            yield sink
            self.note(sink, [source], **{"rows": int(keep.sum()), **facts})

    def grown(self, growth: store.Growth) -> AbstractContextManager[store.Part]:
        """Write the output block by block, resuming where the same command was stopped (see `store.grow`)."""
        output, force, restart = self.target, self.force, self.restart
        if self.shard is not None:
            growth = dataclasses.replace(growth, share=self.shard)
            if not growth.shared:
                raise GradtoolsError(
                    f"--shard {self.shard.number}/{self.shard.of}: the job has too few blocks of {growth.units} for so many shares, and "
                    "this one is empty: ask for fewer"
                )
            self.say(
                f"share {self.shard.number} of {self.shard.of}: {sum(map(len, growth.shared)):,} of "
                f"{growth.entries - growth.common:,} entries, written to {output}"
            )
        opened = store.grow(output, growth, force=force, restart=restart, say=self.say)
        return opened if self.scheduler is None else self.scheduler.grown(growth, opened, self)

    @property
    def serves(self) -> bool:
        """Return True if blocks alone are wanted: another process asks for them and writes the output."""
        return self.scheduler is not None and self.scheduler.serves

    @property
    def target(self) -> str:
        """Return the output of a run that writes."""
        if self.output is None:
            raise ValueError("a run without an output computes only")
        return self.output

    def compute(self, part: store.Part, compute: Compute, what: str = "rows") -> None:
        """Compute and keep the blocks that are left, each by the numbers of its own rows."""
        for turn in part.turns(part.growth.blocks):
            with self.progress(part.entries, part.committed, what) as advance:
                for block in turn:
                    part.commit(block, compute(block))
                    advance(len(block))


class Working(TypedDict, total=False):
    """How a command works: fields of `Run` that no command decides by itself."""

    force: bool
    restart: bool
    threads: int | None
    workers: int
    max_skipped: str
    strict: bool
    say: Say
    progress: Progress


class How(Working, total=False):
    """What a stage takes beside the options that decide values: see `Run`."""

    carry: bool
    shard: store.Share | None
    scheduler: "Computing | None"


def begin(output: str | None, inputs: Sequence[store.Store] = (), **how: "Unpack[How]") -> Run:
    """Begin a command: refuse early what could not be written in the end.

    Parameters
    ----------
    how
        Fields of `Run`; with a `shard` the output gets the share's name, as in a.3-of-8.h5.
    """
    shard = how.get("shard")
    if shard is not None:
        if output is None or output == "-":
            raise UsageError("--shard writes a file of its own: name the whole one with -o")
        output = shard.output(output)
    scheduler = how.get("scheduler")
    if shard is not None and scheduler is not None:
        raise UsageError("--scheduler divides the job by itself: leave --shard out")
    if scheduler is not None and scheduler.serves:
        how["threads"] = how.get("threads") or scheduler.threads
    run = Run(output, **how)
    if output is not None:
        store.check_output(output, run.force, inputs)
        if run.carry:
            _warn_of_room(run, output, sum(source.nbytes for source in inputs))
    return run


def _warn_of_room(run: Run, output: str, carried: int) -> None:
    """Say before anything is computed that what is carried on does not fit on the disk."""
    free = store.free_bytes(output)
    if carried > free:
        place, way = (
            ("TMPDIR, where stores of pipes are kept,", "set it to a folder with more room")
            if output == "-"
            else (output, "free some, or leave it with --no-carry")
        )
        run.say(
            f"{place} takes up to {carried / 1e9:.2f} GB that are carried on of the input, and {free / 1e9:.2f} GB are free: "
            f"the command may run out of space at its end; {way}"
        )


def of_images(
    unreadable: np.ndarray, model: "Model", ended_early: np.ndarray | None = None
) -> dict[str, provenance.Fact]:
    """Return what the history says of a pass over images: how many were read and skipped, and by which network.

    Parameters
    ----------
    unreadable : (n,) bool array
    model : models.Model
    ended_early : (n,) bool array, optional
        Files that end before their image does, and were read as far as they go.
    """
    skipped = int(unreadable.sum())
    early = 0 if ended_early is None else int(ended_early.sum())
    return {
        "read": len(unreadable) - skipped,
        "skipped": skipped,
        **({"ended_early": early} if early else {}),
        "weights_sha256": model.weights_sha256,
    }


def allowance(text: str, total: int) -> int:
    """Return how many of `total` inputs `N` or `P%` allows; a percentage at least one.

    Raises
    ------
    UsageError
        The text is neither.
    """
    try:
        number = float(text[:-1]) if text.endswith("%") else int(text)
    except ValueError:
        number = -1
    if not 0 <= number <= (100 if text.endswith("%") else math.inf):
        raise UsageError(f"--max-skipped {text}: write a number or a percentage, as in 10 or 1%")
    return max(1, int(number * total / 100)) if text.endswith("%") else int(number)
