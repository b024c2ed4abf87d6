"""What goes from before a tap to behind it, when one image lies before it and many activations of it behind."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, cast

import torch
from torch.utils.weak import WeakTensorKeyDictionary

from gradtools.network.taps.tracing import RELUS, EveryFunction

if TYPE_CHECKING:
    from gradtools.network.taps.tail import Earlier
    from gradtools.network.taps.tracing.watch import Nested


class Crossing(EveryFunction):
    """Sees every function: what depends on the tap has `count` images, all else one, and is repeated, once each, where the two meet."""

    def __init__(self, activations: torch.Tensor, count: int):
        super().__init__()
        self.activations, self.count = activations, count
        self.reached = False
        self.expected: torch.Tensor | None = None
        self.before = (
            WeakTensorKeyDictionary()
        )  # tensor -> itself repeated, None as long as nobody has asked
        self.behind = WeakTensorKeyDictionary()  # tensors that depend on the tap
        self.keys = WeakTensorKeyDictionary()  # output of an earlier call -> its key
        self.read: set[tuple[str, int]] = set()
        self.largest = activations.nbytes

    def cross(self) -> torch.Tensor:
        """Return the tap's activations: it is reached."""
        self.reached = True
        self.behind[self.activations] = None
        return self.activations

    def expect(self, tensor: torch.Tensor) -> torch.Tensor:
        """Wait for the tap at the ReLU that is next applied to this tensor."""
        self.expected = tensor
        return tensor

    def earlier(
        self, call: Earlier, outputs: Mapping[tuple[str, int], Nested], rows: slice
    ) -> Nested:
        """Return the recorded output of an earlier call, of one image."""
        if call.stand_in is not None:
            return call.stand_in
        given = mapped(lambda tensor: tensor[rows].clone(), outputs[call.key])
        mapped(lambda tensor: self.keys.__setitem__(tensor, call.key), given)
        return given

    def called(self, name: str, function: Callable, args: tuple, kwargs: Mapping) -> torch.Tensor:
        """Call a function for one image, or for every activation where its arguments depend on the tap."""
        given = args, kwargs
        if name in RELUS and args and args[0] is self.expected:
            return self.cross()
        mapped(self._note, given)
        if not self.reached:
            return self._of_trunk(function, given)
        if not self._reads_the_tap(given):
            with contextlib.suppress(
                RuntimeError
            ):  # it can stand beside a tensor that was made in the shape of the many
                output = self._of_trunk(function, given)
                if _tensors(output):
                    return output
            # A shape, say: that of the many.
            return self._of_trunk(function, _both(mapped(self._expanded, given)))
        args, kwargs = _both(mapped(self._repeated, given))
        output = function(*args, **kwargs)
        mapped(self._behind, output)
        return output

    def _of_trunk(self, function: Callable, given: tuple) -> torch.Tensor:
        """Return what does not depend on the tap."""
        output = function(*given[0], **given[1])
        mapped(lambda tensor: self.before.setdefault(tensor, None), output)
        return output

    def _reads_the_tap(self, given: tuple) -> bool:
        """Return True if a function's arguments depend on the tap."""
        return self.reached and any(
            tensor in self.behind or self.before.get(tensor) is not None
            for tensor in _tensors(given)
        )

    def _behind(self, tensor: torch.Tensor) -> None:
        self.behind[tensor] = None
        self.largest = max(self.largest, tensor.nbytes)

    def _note(self, tensor: torch.Tensor) -> None:
        if tensor in self.keys:
            self.read.add(self.keys[tensor])

    def _of_one(self, tensor: torch.Tensor) -> bool:
        return self.count > 1 and tensor in self.before and tensor.shape[:1] == (1,)

    def _expanded(self, tensor: torch.Tensor) -> torch.Tensor:
        """Return a tensor from before the tap as if it were there for every activation."""
        return tensor.expand(self.count, *tensor.shape[1:]) if self._of_one(tensor) else tensor

    def _repeated(self, tensor: torch.Tensor) -> torch.Tensor:
        """Return a tensor from before the tap once for every activation."""
        if not self._of_one(tensor):
            return tensor
        if self.before[tensor] is None:
            self.before[tensor] = torch.cat([tensor] * self.count)
        return self.before[tensor]


def mapped(function: Callable[[torch.Tensor], Nested], value: Nested) -> Nested:
    """Apply a function to every tensor in nested lists, tuples and dictionaries."""
    if torch.is_tensor(value):
        return function(value)
    if isinstance(value, (list, tuple)) and type(value) in (list, tuple):
        return type(value)([mapped(function, item) for item in value])
    if isinstance(value, dict) and type(value) is dict:
        return {key: mapped(function, item) for key, item in value.items()}
    return value


def _both(given: Nested) -> tuple[tuple, dict]:
    """Return arguments and named arguments, which `mapped` has kept apart."""
    args, kwargs = cast(tuple[tuple, dict], given)
    return args, kwargs


def _tensors(value: Nested) -> list[torch.Tensor]:
    """Return every tensor in nested lists, tuples and dictionaries."""
    tensors: list[torch.Tensor] = []
    mapped(tensors.append, value)
    return tensors
