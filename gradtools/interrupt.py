"""SIGINT and SIGTERM while a long job runs: remembered, and acted on between two batches.

An exception raised inside HDF5 can be swallowed and leave a file half written, so a handler only sets a flag.
"""

import contextlib
import os
import signal
import threading
from collections.abc import Callable, Iterator
from types import FrameType
from typing import NoReturn


class Interrupted(BaseException):
    """The job was asked to stop and did; `exit_status` is 130 or 143. No `Exception`: nothing on the way may swallow it.

    `kept` says what is left of the job and how to resume it, '' where nothing is.
    """

    def __init__(self, number: int):
        super().__init__()
        self.exit_status = 128 + number
        self.kept = ""


def raised(number: int, frame: FrameType | None) -> NoReturn:
    """Leave where short work stands: a handler of signals."""
    raise Interrupted(number)


@contextlib.contextmanager
def deferred() -> Iterator[Callable[[], None]]:
    """Yield a function that raises `Interrupted` if a signal came; a second signal leaves at once."""
    seen: list[int] = []

    def remember(number: int, frame: FrameType | None) -> None:
        if seen:
            os._exit(128 + number)
        seen.append(number)

    def check() -> None:
        if seen:
            raise Interrupted(seen[0])

    if (
        threading.current_thread() is not threading.main_thread()
    ):  # only the main thread may set handlers
        yield check
        return
    previous = {
        number: signal.signal(number, remember) for number in (signal.SIGINT, signal.SIGTERM)
    }
    try:
        yield check
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)


@contextlib.contextmanager
def unwatched(total: int, done: int = 0, what: str = "") -> Iterator[Callable[[int], None]]:
    """Yield an `advance(n)` that does nothing: the progress of a job that nobody watches."""
    yield lambda n: None
