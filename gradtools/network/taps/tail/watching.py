"""Which calls of a network's modules have finished when a tap is reached."""

import collections
import contextlib
from collections.abc import Callable, Mapping

import torch
from torch import nn

from gradtools.network.taps.grammar import Tap
from gradtools.network.taps.tracing import RELUS, EveryFunction


def finished(network: nn.Module, tap: Tap, example: torch.Tensor) -> tuple[tuple[str, int], ...]:
    """Return the outermost calls, (name, call), that have finished when the tap is reached, in that order."""
    watch = _Watching(tap)
    with contextlib.ExitStack() as stack, watch:
        for name, module in network.named_modules():
            if name:
                stack.callback(
                    module.register_forward_pre_hook(
                        lambda _module, _inputs, name=name: watch.enter(name)
                    ).remove
                )
                stack.callback(
                    module.register_forward_hook(
                        lambda _module, _inputs, output: watch.leave(output)
                    ).remove
                )
        network(example)
    return tuple(watch.finished or ())


class _Watching(EveryFunction):
    """Follows which calls are open and which have finished, until the tap is reached."""

    def __init__(self, tap: Tap) -> None:
        super().__init__()
        self.tap = tap
        self.open: list[list[tuple[str, int]]] = [
            []
        ]  # of every open call what has finished directly within it; the first is the network's own
        self.names: list[tuple[str, int]] = []
        self.calls: collections.Counter[str] = collections.Counter()
        self.expected: torch.Tensor | None = None
        self.finished: list[tuple[str, int]] | None = None

    def enter(self, name: str) -> None:
        self.names.append((name, self.calls[name]))
        self.calls[name] += 1
        self.open.append([])

    def leave(self, output: torch.Tensor) -> None:
        key = self.names.pop()
        self.open.pop()
        if key == (self.tap.module, self.tap.call) and not self.tap.relu:
            self._reach()
        elif key == (self.tap.module, self.tap.call):
            self.expected = output
        self.open[-1].append(key)

    def _reach(self) -> None:
        self.finished = self.finished or [key for finished in self.open for key in finished]

    def called(self, name: str, function: Callable, args: tuple, kwargs: Mapping) -> torch.Tensor:
        if name in RELUS and args and args[0] is self.expected and self.finished is None:
            self._reach()
        return function(*args, **kwargs)
