"""What commands print: tables, and on stderr lines and progress."""

import contextlib
import dataclasses
import shutil
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, TextIO

from gradtools import interrupt
from gradtools.errors import printable

if TYPE_CHECKING:
    from rich.progress import ProgressColumn, Task
    from rich.text import Text

    from gradtools.tables.model import Table

MINUTE = 60  # seconds


class Console:
    """stderr of one command, quiet or not; verbose, it has what the library logs as well."""

    def __init__(self, quiet: bool = False, verbose: int = 0) -> None:
        self.quiet = quiet
        if verbose:
            import logging

            logging.basicConfig(format="%(message)s", stream=sys.stderr)
            logging.getLogger("gradtools").setLevel(logging.INFO)

    def say(self, line: str) -> None:
        """Print one line for the user, unless quiet."""
        if not self.quiet:
            print(printable(" ".join(str(line).split())), file=sys.stderr)

    @contextlib.contextmanager
    def progress(
        self, total: int, done: int = 0, what: str = "images"
    ) -> Iterator[Callable[[int], None]]:
        """Show a bar on a terminal, with rate and time left; yields `advance(n)`, which stops the job after a signal."""
        with interrupt.deferred() as check, self._bar(total, done, what) as move:

            def advance(n: int) -> None:
                move(n)
                check()

            yield advance

    @contextlib.contextmanager
    def _bar(self, total: int, done: int, what: str) -> Iterator[Callable]:
        if self.quiet:
            yield lambda n: None
            return
        if not sys.stderr.isatty():
            yield Minutes(total, done, what, self.say).advance
            return
        from rich import progress
        from rich.console import Console as Terminal

        columns = (
            progress.TextColumn(what),
            progress.BarColumn(),
            progress.MofNCompleteColumn(),
            rate_column(),
            progress.TimeRemainingColumn(),
        )
        with progress.Progress(*columns, console=Terminal(stderr=True), transient=True) as bar:
            task = bar.add_task(what, total=total, completed=done)
            yield lambda n: bar.advance(task, n)


class Minutes:
    """Progress where stderr is not a terminal, as in logs: one line a minute, none of a job that ends within one."""

    def __init__(
        self,
        total: int,
        done: int,
        what: str,
        say: Callable[[str], None],
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self.total, self.done, self.what, self.say, self.now = total, done, what, say, now
        self.began, self.first, self.said = now(), done, now()

    def advance(self, n: int) -> None:
        """Count n more entries, and say where the job is if a minute has passed."""
        self.done += n
        now = self.now()
        if now - self.said < MINUTE:
            return
        self.said = now
        rate = (self.done - self.first) / (now - self.began)
        line = (
            f"{self.done:,} of {self.total:,} {self.what}"
            if self.total
            else f"{self.done:,} {self.what}"
        )
        line += f", {rate:.1f}/s"
        if self.total and rate > 0:
            line += f", {(self.total - self.done) / rate / MINUTE:.0f} min left"
        self.say(line)


def width(stream: TextIO | None = None) -> int | None:
    """Return the columns of the terminal that text goes to (int); None where it is none."""
    stream = sys.stdout if stream is None else stream
    return shutil.get_terminal_size().columns if stream.isatty() else None


def print_tables(
    tables: "Iterable[Table]",
    form: str | None = None,
    stream: TextIO | None = None,
    least: int | None = None,
    notes: tuple[str, ...] = (),
) -> None:
    """Print tables; where they go to a terminal, in parts that fit its width.

    Parameters
    ----------
    tables : iterable of tables.model.Table
    form : one of tables.wording.FORMS
        Text by default.
    stream : text stream
        Standard output by default.
    least : int, optional
        Columns where they do not go to a terminal; by default every line has its full width.
    notes : tuple of str
        Further notes under the first table.
    """
    from gradtools.tables.render import write_tables

    stream = sys.stdout if stream is None else stream
    if notes:
        first, *others = tables
        tables = [dataclasses.replace(first, notes=(*first.notes, *notes)), *others]
    write_tables(tables, form or "text", stream, width(stream) or least)


def rate_column() -> "ProgressColumn":
    """Return a column that shows items a second."""

    from rich.progress import ProgressColumn

    class PerSecond(ProgressColumn):
        def render(self, task: "Task") -> "Text":
            from rich.text import Text

            return Text(f"{task.speed:.1f}/s" if task.speed else "")

    return PerSecond()
