"""What a network returns: its tensors by name, the one to take, and what entered the softmax that a tensor came from."""

from collections.abc import Callable, Iterable, Mapping
from typing import cast

import torch
from torch.utils.weak import WeakTensorKeyDictionary

from gradtools.errors import UsageError
from gradtools.network.taps.tracing import EveryFunction, Nested

ENDS = ("softmax", "log_softmax", "sigmoid", "sigmoid_", "logsigmoid")
CARRYING = ("log", "view", "reshape", "flatten", "squeeze", "contiguous", "clone", "__getitem__")


def by_name(returned: Nested) -> dict[str, torch.Tensor]:
    """Return the tensors among a network's outputs, by the name under which one is asked for."""
    if torch.is_tensor(returned):
        return {}
    items: Iterable[tuple]
    if isinstance(returned, dict):
        items = returned.items()
    elif isinstance(returned, (tuple, list)):
        fields = getattr(returned, "_fields", range(len(returned)))
        items = zip(fields, returned)
    else:
        items = vars(returned).items() if hasattr(returned, "__dict__") else ()
    return {str(name): value for name, value in items if torch.is_tensor(value)}


def checked_entry(returned: Nested, entry: str | None) -> str | None:
    """Return the name of the output to take: `entry`, or the only one; None where the network returns one tensor.

    Raises
    ------
    UsageError
        There is no such output, or several and no `entry`.
    """
    entries = by_name(returned)
    if torch.is_tensor(returned):
        if entry is not None:
            raise UsageError(
                f"--output-entry {entry}: the network returns one tensor, there is nothing to choose"
            )
        return None
    shapes = ", ".join(f"{name} {tuple(value.shape)}" for name, value in entries.items())
    if entry is None and len(entries) == 1:
        return next(iter(entries))
    if entry is None:
        raise UsageError(
            f"the network returns a {type(returned).__name__} of {shapes or 'no tensors'}: "
            + (
                "name the one to take with --output-entry"
                if entries
                else "wrap it in a file.py:callable that returns the logits"
            )
        )
    names = list(entries)
    if (
        entry not in entries
        and entry.lstrip("-").isdecimal()
        and -len(names) <= int(entry) < len(names)
    ):
        return names[int(entry)]
    if entry not in entries:
        raise UsageError(f"--output-entry {entry}: the network returns {shapes or 'no tensors'}")
    return entry


def select(returned: Nested, entry: str | None) -> torch.Tensor:
    """Return the tensor of a name; without one what the network returns."""
    return cast(torch.Tensor, returned) if entry is None else by_name(returned)[entry]


class Entered(EveryFunction):
    """Records for every tensor that came out of a softmax or sigmoid, or of a change of shape after one, what had entered."""

    def __init__(self) -> None:
        super().__init__()
        self.inputs = WeakTensorKeyDictionary()

    def called(self, name: str, function: Callable, args: tuple, kwargs: Mapping) -> torch.Tensor:
        """Call a function, and record what entered it."""
        first = args[0] if args and torch.is_tensor(args[0]) else None
        if name == "sigmoid_" and first is not None:
            first = first.clone()
        output = function(*args, **kwargs)
        if first is not None and torch.is_tensor(output) and name in ENDS + CARRYING:
            if name != "__getitem__" or output.numel() == first.numel():
                self.inputs[output] = name, first
        return output

    def follow(self, output: torch.Tensor) -> tuple[str, torch.Tensor]:
        """Return the function that an output ends in ('' for none) and the tensor that entered it, in the output's shape."""
        tensor = output
        while tensor in self.inputs:
            name, tensor = self.inputs[tensor]
            if name in ENDS:
                same = (
                    tensor.shape == output.shape
                )  # a view would be another tensor to whoever watches
                return name.rstrip("_"), tensor if same else tensor.reshape(output.shape)
        return "", output
