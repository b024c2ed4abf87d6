"""The blocks that a command lacks, handed out to the workers of a Dask cluster and kept as they come back."""

import contextlib
import dataclasses
import importlib.util
import itertools
import os
import re
import signal
import sys
import threading
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING

from gradtools import __version__, store
from gradtools.errors import GradtoolsError, UsageError
from gradtools.stages.remote import worker
from gradtools.stages.remote.serving import Message, Running, comparable

if TYPE_CHECKING:
    from concurrent.futures import Future

    from distributed import Client

AHEAD = 2  # blocks that a worker has waiting beside the one it computes
ANSWER, FIRST_WORKER = (
    10,
    30,
)  # seconds that a scheduler may take to answer, and to get its first worker
MOMENT = 1.0  # seconds between two looks for signals and for lost workers
TRIES = 2  # more, where the process that computes a block dies
ENVIRONMENT = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")
PREFIX = "GRADTOOLS_"
VERSION = "__import__('gradtools').__version__"  # asked before anything of ours is sent


@dataclasses.dataclass(frozen=True)
class Scheduler:
    """A Dask cluster, and the command whose blocks it computes.

    Attributes
    ----------
    address : str
        `local:N`, processes of this machine, or a scheduler's, as tcp://HOST:PORT.
    words : sequence of str
        The command line, from the command's name on.
    """

    address: str
    words: Sequence[str]
    serves = False
    threads = None

    def grown(
        self, growth: store.Growth, opened: AbstractContextManager[store.Part], run: Running
    ) -> AbstractContextManager[store.Part]:
        """Return the part that `opened` gives, with its blocks computed on the cluster."""
        return self._filled(growth, opened, run)

    @contextlib.contextmanager
    def _filled(
        self, growth: store.Growth, opened: AbstractContextManager[store.Part], run: Running
    ) -> Iterator[store.Part]:
        with opened as part:
            if part.left:
                self._fill(part, growth, run)
            yield part

    def _fill(self, part: store.Part, growth: store.Growth, run: Running) -> None:
        """Compute what is left: the common blocks, and then those behind them."""
        with connected(self.address) as client:
            _check_versions(client, self.address)
            task = self._task(growth, run)
            try:
                _check_commands(client.run(worker.prepare, task, on_error="return"))
                lost = False
                with run.progress(part.entries, part.committed, growth.units) as advance:
                    for left in _stretches(part.left, growth.common):
                        known = _known(client, part, growth, left)
                        for answered in _answers(client, task, left, known):
                            if answered is None:
                                advance(0)  # looks for signals
                                lost = _say_lost(client, lost, run.say)
                                continue
                            block, answer = answered
                            _keep(part, block, answer, run.say)
                            advance(len(block))
            finally:
                with contextlib.suppress(Exception):  # a cluster that has gone
                    client.run(worker.release, task["key"])

    def _task(self, growth: store.Growth, run: Running) -> Message:
        """What a worker needs to run the command: words and numbers alone."""
        names = {*ENVIRONMENT, *(name for name in os.environ if name.startswith(PREFIX))}
        return {
            "key": uuid.uuid4().hex,
            "words": list(self.words),
            "folder": os.getcwd(),
            "environment": {name: os.environ.get(name) for name in names},
            "threads": run.threads or _threads(),
            "command": comparable(growth.command),
        }


def parse(text: str, words: Sequence[str]) -> Scheduler:
    """
    Read `--scheduler`.

    Parameters
    ----------
    text : str
        `local:N`, or the address of a Dask scheduler.
    words : sequence of str
        The command line.

    Raises
    ------
    UsageError
        It is neither, or Dask is not installed.
    """
    if not re.fullmatch(r"local:[1-9]\d*|(tcp|tls|ucx|ws|wss)://[^/\s]+:\d+", text):
        raise UsageError(
            f"--scheduler {text}: write local:N, as in local:2, or the address that a Dask scheduler "
            "printed, as in tcp://HOST:8786"
        )
    if importlib.util.find_spec("distributed") is None:
        raise UsageError("--scheduler needs Dask: pip install 'gradtools[dask]'")
    return Scheduler(text, words)


@contextlib.contextmanager
def connected(address: str) -> "Iterator[Client]":
    """Yield a client of a cluster that has workers; one of this machine is started and stopped.

    Raises
    ------
    GradtoolsError
        No scheduler answers, or it has no workers.
    """
    import distributed

    with contextlib.ExitStack() as stack:
        if address.startswith("local:"):
            with _without_interrupts():
                cluster = stack.enter_context(
                    distributed.LocalCluster(
                        n_workers=int(address.removeprefix("local:")),
                        threads_per_worker=1,
                        memory_limit=None,
                        dashboard_address=None,
                        silence_logs="CRITICAL",
                    )
                )
            yield stack.enter_context(distributed.Client(cluster))
            return
        try:
            client = stack.enter_context(distributed.Client(address, timeout=ANSWER))
        except (OSError, TimeoutError) as error:
            raise GradtoolsError(
                f"--scheduler {address}: no Dask scheduler answers there"
            ) from error
        try:
            client.wait_for_workers(1, timeout=FIRST_WORKER)
        except TimeoutError as error:
            raise GradtoolsError(
                f"--scheduler {address}: it has no workers: start some with `dask worker {address}`"
            ) from error
        yield client


@contextlib.contextmanager
def _without_interrupts() -> Iterator[None]:
    """Let processes that start here ignore a terminal's Ctrl-C: it is the command's to answer."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _threads() -> int | None:
    """Threads that torch computes with, where the command has loaded it: workers take as many."""
    if "torch" not in sys.modules:
        return None
    from gradtools.network import passes

    return passes.use_threads()


def _check_versions(client: "Client", address: str) -> None:
    """Refuse workers that have no gradtools, or another version of it.

    Raises
    ------
    GradtoolsError
    """
    for name, version in client.run(eval, VERSION, on_error="return").items():
        if version == __version__:
            continue
        has = f"gradtools {version}" if isinstance(version, str) else "no gradtools"
        raise GradtoolsError(
            f"--scheduler {address}: worker {name} has {has}, and this is {__version__}: install the same on all"
        )


def _check_commands(answers: dict[str, Message | Exception]) -> None:
    """Refuse workers on which the command is another one or does not run."""
    for name, answer in answers.items():
        if isinstance(answer, Exception):  # it died, or left
            raise GradtoolsError(f"worker {name}: {type(answer).__name__}: {answer}") from answer
        if "error" in answer:
            raise GradtoolsError(f"worker {name}: {answer['error']}")


def _stretches(left: Sequence[store.Block], common: int) -> Iterator[list[store.Block]]:
    """Yield the blocks that every other one may rest on, and then the others."""
    for behind in (False, True):
        stretch = [block for block in left if (block.start >= common) == behind]
        if stretch:
            yield stretch


def _known(
    client: "Client", part: store.Part, growth: store.Growth, blocks: Sequence[store.Block]
) -> Mapping | None:
    """The columns that these blocks are computed from, sent to each worker once; None of none."""
    if not growth.known or blocks[0].start < growth.common:
        return None
    return client.scatter({path: part.values(path) for path in growth.known}, hash=False)


def _answers(
    client: "Client", task: Message, blocks: Iterable[store.Block], known: object
) -> Iterator[tuple[store.Block, Message] | None]:
    """Yield blocks with what workers made of them, as they come, and None every moment in which none has.

    No more are asked for than keep the workers busy.
    """
    from distributed import wait

    waiting, busy = iter(blocks), {}

    def ask(count: int) -> None:
        for block in itertools.islice(waiting, count):
            future = client.submit(
                worker.compute,
                *(task, block.number, known),
                key=f"gradtools-{task['key']}-{block.number}",
                retries=TRIES,
                pure=False,
            )
            busy[future] = block

    ask((1 + AHEAD) * len(client.ncores()))
    while busy:
        try:
            done = wait(list(busy), timeout=MOMENT, return_when="FIRST_COMPLETED").done
        except TimeoutError:
            yield None
            continue
        for future in done:
            block = busy.pop(future)
            answer = _result(future, block)
            future.release()
            ask(1)
            yield block, answer


def _result(future: "Future", block: store.Block) -> Message:
    """What a worker answered.

    Raises
    ------
    GradtoolsError
        It failed, more often than tries are made.
    """
    try:
        return future.result()
    except Exception as error:
        line = " ".join(str(error).split())
        raise GradtoolsError(
            f"entries {block.start} to {block.stop} could not be computed on the cluster: {type(error).__name__}: {line}"
        ) from error


def _say_lost(client: "Client", before: bool, say: Callable[[str], None]) -> bool:
    """Say once that no worker is left, and return whether that is so."""
    lost = not client.ncores()
    if lost and not before:
        say("no worker is left: waiting for one (Ctrl-C stops, and the same command resumes)")
    return lost


def _keep(
    part: store.Part, block: store.Block, answer: Message, say: Callable[[str], None]
) -> None:
    """Keep a block as if it had been computed here, with what was said of it."""
    if "error" in answer:
        raise GradtoolsError(answer["error"])
    for line in answer["lines"]:
        say(line)
    limit = answer["facts"].get(store.BATCH_LIMIT)
    if limit is not None:
        part.limit_batches(min(limit, part.batch_limit or limit))
    part.commit(block, answer["arrays"])
