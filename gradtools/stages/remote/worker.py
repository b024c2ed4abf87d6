"""What runs in a Dask worker: it keeps one serving process a command, asks it for blocks, and starts it anew where it died."""

import contextlib
import os
import subprocess
import sys
import threading

import numpy as np

from gradtools.stages.remote import serving
from gradtools.stages.remote.serving import Message

_lock = threading.Lock()  # a worker may have several threads, a serving process has one
_serving: dict[str, "Server"] = {}  # by the key of its task; one at most
_released: set[str] = set()  # keys of tasks that have ended


class Server:
    """A process that serves the blocks of one command.

    Attributes
    ----------
    answer : dict
        error: why the command does not run here, or is another one; empty where it waits for blocks.
    """

    def __init__(self, task: Message):
        environment = {
            name: value for name, value in os.environ.items() if name not in task["environment"]
        } | {name: value for name, value in task["environment"].items() if value is not None}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "gradtools.cli.serve"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=environment | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
            start_new_session=True,  # a terminal's Ctrl-C is the client's to answer
        )
        self.informed = False
        self.answer = self._begun(task)

    def _begun(self, task: Message) -> Message:
        """The first answer, which is an error where the command there is not the one meant."""
        try:
            answer = self.ask({**task, "command": None})
        except EOFError:
            return {"error": f"the command ended with status {self.process.wait()}"}
        if "error" in answer:
            return answer
        differing = serving.difference(task["command"], serving.comparable(answer["command"]))
        return {"error": f"the command is another one there: {differing}"} if differing else {}

    def ask(self, message: Message) -> Message:
        """Send a message and wait for its answer.

        Raises
        ------
        EOFError
            The process has died.
        """
        assert self.process.stdin is not None and self.process.stdout is not None
        try:
            serving.send(self.process.stdin, message)
            return serving.receive(self.process.stdout)
        except OSError as error:
            raise EOFError(str(error)) from error

    def end(self) -> None:
        """Close its input, which it leaves at, and wait no longer than a moment."""
        for stream in (self.process.stdin, self.process.stdout):
            with contextlib.suppress(OSError):
                if stream is not None:
                    stream.close()
        try:
            self.process.wait(1)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def prepare(task: Message) -> Message:
    """Run a command up to its blocks, once; returns why it does not (error), or nothing."""
    with _lock:
        return _server(task).answer


def compute(task: Message, number: int, known: dict[str, np.ndarray] | None = None) -> Message:
    """Compute one block.

    Parameters
    ----------
    task : dict
        The command, see `client.task`.
    number : int
        Of the block.
    known : dict of str to array, optional
        What it is computed from, see `Growth.known`.

    Returns
    -------
    dict
        arrays, facts and lines, or error.

    Raises
    ------
    RuntimeError
        The process died; another try starts it anew.
    """
    with _lock:
        if task["key"] in _released:
            return {"error": "the command has ended"}
        server = _server(task)
        if "error" in server.answer:
            return server.answer
        try:
            answer = server.ask({"block": number, "known": None if server.informed else known})
        except EOFError as error:
            _serving.pop(task["key"]).end()
            raise RuntimeError(f"the process that computed block {number} died") from error
        server.informed |= known is not None
        if "error" in answer:
            _serving.pop(task["key"]).end()
        return answer


def release(key: str) -> None:
    """Stop the process that serves a command, also one that computes: nobody waits for its block."""
    _released.add(key)
    server = _serving.get(key)
    if server is not None:
        server.process.kill()
    with _lock:
        server = _serving.pop(key, None)
        if server is not None:
            server.end()


def _server(task: Message) -> Server:
    """The process of a command, started where there is none or it died; that of another command ends."""
    server = _serving.get(task["key"])
    if server is None or server.process.poll() is not None:
        for other in list(_serving):
            _serving.pop(other).end()
        server = _serving[task["key"]] = Server(task)
    return server
