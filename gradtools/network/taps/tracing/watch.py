"""What is seen of one forward pass: every module's calls through hooks, every function between them as a torch function mode."""

import collections
import dataclasses
from collections.abc import Callable, Iterator, Mapping, Sequence

import torch
from torch import nn
from torch.utils.weak import WeakTensorKeyDictionary

from gradtools.network.taps.tracing import layouts
from gradtools.network.taps.tracing.flow import Flow
from gradtools.network.taps.tracing.functions import EveryFunction
from gradtools.network.taps.tracing.layouts import Axes

# What modules and functions take and give: tensors in lists, tuples and dictionaries, and other values.
Nested = torch.Tensor | float | str | None | Sequence["Nested"] | Mapping[str, "Nested"]
RELUS = ("relu", "relu_")
ATTENTION = ("scaled_dot_product_attention", "multi_head_attention_forward")
SCALING = ("mul", "mul_", "__mul__", "__rmul__", "div", "div_", "__truediv__", "true_divide")
RESHAPES = ("flatten", "view", "reshape", "squeeze", "contiguous", "__getitem__", "clone")
# What may stand between the classifier and the logits.
AFTER_CLASSIFIER = (
    *RELUS,
    *RESHAPES,
    "dropout",
    "mean",
    "adaptive_avg_pool2d",
    "avg_pool2d",
    "adaptive_max_pool2d",
    "max_pool2d",
    "interpolate",
    "softmax",
    "log_softmax",
    "sigmoid",
)


@dataclasses.dataclass
class Seen:
    """What is known of a tensor while it lives. `alike` are tensors whose axes are its own, known as soon as its are."""

    axes: Axes = dataclasses.field(default_factory=Axes)
    origin: nn.Module | None = None
    version: int = -1
    number: int = -1
    calls: list = dataclasses.field(default_factory=list)
    alike: list = dataclasses.field(default_factory=list)


@dataclasses.dataclass
class Record:
    """One finished call: its output's shape, what is known of it, its number in the graph and among outputs.

    `grids` are the sizes of maps that functions had made until then.
    """

    name: str
    module: nn.Module
    depth: tuple  # places of the calls around it, in order of their beginning
    place: int
    shape: tuple | None
    element: bool
    seen: Seen | None
    node: int | None
    output: int
    convolution: str
    grids: tuple


class Watch(EveryFunction):
    """Follows a pass from its input to its output."""

    def __init__(self, example: torch.Tensor):
        super().__init__()
        self.stack: list[tuple[str, nn.Module, int, list[torch.Tensor]]] = []
        self.seen = WeakTensorKeyDictionary()
        self.read_by_convolution = WeakTensorKeyDictionary()
        self.flow = Flow()
        self.records: list[Record] = []
        self.names: dict[nn.Module, str] = {}
        self.relu_follows: set[int] = set()
        self.attention = False
        self.parallel = False
        self.outputs = 0
        self.grids: tuple[tuple[int, int], ...] = ()
        self.begun = 0
        self._begin(example)

    def _begin(self, example: torch.Tensor) -> None:
        self.flow.begin(example)
        self.seen[example] = Seen(Axes(1, example.dim() == 4))
        if example.dim() == 4:
            height, width = example.shape[2:]
            self.grids = ((height, width),)

    def called(self, name: str, function: Callable, args: tuple, kwargs: Mapping) -> torch.Tensor:
        """Call a function, and note what it reads and what it makes."""
        given = list(tensors((args, kwargs)))
        first = self.seen.get(given[0]) if given else None
        if name in RELUS and first is not None:
            self.relu_follows.update(first.calls)
        if name in ATTENTION or (name == "softmax" and given and given[0].dim() > 2):
            self.attention = True
        if name == "conv2d":
            self._note_convolution(given[0])
        if given:
            self._learn(given[0], layouts.read_as(name, given[0], args))
        version = given[0]._version if given else -1
        output = function(*args, **kwargs)
        made = list(tensors(output))
        if not made:
            if name == "__setitem__":
                self.flow.add(given, given[:1])
            return output
        if given and output is given[0] and output._version == version:
            return output  # as of dropout in eval mode
        self.flow.add(given, made)
        for tensor in made:
            self.seen[tensor] = self._describe(name, args, kwargs, given, tensor)
        return output

    def _note_convolution(self, tensor: torch.Tensor) -> None:
        """Note whether the running convolution reads what an earlier one has read, as a shortcut's does."""
        self.parallel = self.read_by_convolution.get(tensor) == tensor._version
        self.read_by_convolution[tensor] = tensor._version

    def _learn(self, tensor: torch.Tensor, axes: Axes | None) -> None:
        """Give a tensor, and those alike, the axes that a function reads it with, where they are unknown."""
        seen = self.seen.get(tensor)
        waiting = [seen] if axes is not None and seen is not None else []
        while waiting:
            unknown = waiting.pop()
            if unknown.axes.channel is None:
                unknown.axes = axes
                waiting += unknown.alike

    def _describe(
        self,
        name: str,
        args: tuple,
        kwargs: Mapping,
        given: Sequence[torch.Tensor],
        output: torch.Tensor,
    ) -> Seen:
        """Return the axes of a function's output and, where it can still be the logits, the classifier that it comes from."""
        before = [(tensor, self.seen[tensor].axes) for tensor in given if tensor in self.seen]
        axes = layouts.follow(name, args, kwargs, before, output) if output.dim() > 2 else Axes()
        if output.dim() == 4 and axes.spatial and axes.channel in (1, 3):
            height, width = [output.shape[axis] for axis in (1, 2, 3) if axis != axes.channel]
            self.grids = (
                *(grid for grid in self.grids if grid != (height, width)),
                (height, width),
            )
        alike = [
            self.seen[tensor]
            for tensor, axes_before in before
            if axes_before.channel is None and tensor.shape == output.shape
        ]
        if name in layouts.MIXING or name in layouts.VIEWS or name in ("permute", "transpose"):
            alike = []
        return Seen(axes, self._origin(name, given, output), alike=alike)

    def _origin(
        self, name: str, given: Sequence[torch.Tensor], output: torch.Tensor
    ) -> nn.Module | None:
        """Return the layer whose rows the output is made of."""
        if name == "linear" or (name == "conv2d" and given[1].shape[2:] == (1, 1)):
            return self.stack[-1][1] if self.stack else None
        before = self.seen.get(given[0]) if given else None
        if before is None:
            return None
        if name in RESHAPES and output.numel() != given[0].numel():
            return None
        scaled = name in SCALING and all(tensor.numel() == 1 for tensor in given[1:])
        return before.origin if name in AFTER_CLASSIFIER or scaled else None

    def enter(self, name: str, module: nn.Module, args: tuple, kwargs: Mapping) -> None:
        """Note that a module begins to run, and the tensors it is given."""
        self.stack.append((name, module, self.begun, list(tensors((args, kwargs)))))
        self.begun += 1

    def leave(self, module: nn.Module, output: Nested) -> None:
        """Record the call of a module that has run."""
        name, _, place, given = self.stack.pop()
        self.names[module] = name
        tensor, element = first_map(module, output)
        seen, number = None, -1
        if tensor is not None:
            if self.flow.number(tensor) is None:  # made by code that no function mode sees
                self.flow.add(given, [tensor])
            seen = self._number(tensor)
            number = seen.number
            if not element:
                seen.calls.append(len(self.records))
        self.records.append(
            Record(
                name,
                module,
                tuple(entry[2] for entry in self.stack),
                place,
                None if tensor is None else tuple(tensor.shape),
                element,
                seen,
                None if tensor is None else self.flow.number(tensor),
                number,
                _convolution(module, self.parallel),
                self.grids,
            )
        )

    def _number(self, output: torch.Tensor) -> Seen:
        """Return what is known of a module's output, numbered anew where an in-place operation has changed it."""
        seen = self.seen.setdefault(output, Seen())
        if seen.version != output._version:
            self.outputs += 1
            seen.version, seen.number, seen.calls = output._version, self.outputs, []
        return seen

    def origin(self, output: torch.Tensor) -> tuple[str | None, int]:
        """Return the name of the layer whose rows a tensor is made of, and how many rows it has; None and 0 where there is none."""
        origin = self.seen.get(output, Seen()).origin
        weight = getattr(origin, "weight", None)
        if torch.is_tensor(weight) and weight.dim() in (2, 4):
            return self.names[origin], len(weight)
        return None, 0

    def classifier(self, output: torch.Tensor) -> str | None:
        """Return the name of the last layer whose rows are the output's classes, or None."""
        name, rows = self.origin(output)
        return name if output.dim() == 2 and rows == output.shape[1] else None

    def counts(self) -> collections.Counter[str]:
        """Return how often each module was called."""
        return collections.Counter(record.name for record in self.records)


def tensors(value: Nested) -> Iterator[torch.Tensor]:
    """Yield every tensor in nested lists, tuples and dictionaries."""
    if torch.is_tensor(value):
        yield value
    elif isinstance(value, (list, tuple)):
        for item in value:
            yield from tensors(item)
    elif isinstance(value, dict):
        for item in value.values():
            yield from tensors(item)


def first_map(module: nn.Module, output: Nested) -> tuple:
    """Return the tensor that a module's output is, or begins with.

    Returns
    -------
    tensor or None
        None where it is neither; torch's own modules that return several tensors (attention, recurrent ones) give no map.
    element : bool
        Whether it is the first of a tuple or list.
    """
    if torch.is_tensor(output):
        return output, False
    of_user = not type(module).__module__.startswith("torch.nn.")
    if of_user and isinstance(output, (tuple, list)) and type(output) in (tuple, list):
        first = output[0] if output else None
        if torch.is_tensor(first):
            return first, True
    return None, False


def _convolution(module: nn.Module, parallel: bool) -> str:
    """Return 'plain', 'grouped' or 'parallel' (reads what an earlier convolution has read) for a Conv2d, else ''."""
    if not isinstance(module, nn.Conv2d):
        return ""
    return "grouped" if module.groups > 1 else "parallel" if parallel else "plain"
