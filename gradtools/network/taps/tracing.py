"""One forward pass, watched: which modules run, in which order, and what their outputs look like."""

import collections
import dataclasses
import math

import torch
from torch import nn
from torch.overrides import TorchFunctionMode
from torch.utils.weak import WeakTensorKeyDictionary

from gradtools.errors import GradtoolsError

RELUS = ("relu", "relu_")
ATTENTION = ("scaled_dot_product_attention", "multi_head_attention_forward")
SPATIAL = ("conv2d", "batch_norm", "group_norm", "instance_norm", "interpolate")
RESHAPING = ("view", "reshape", "transpose", "swapaxes", "movedim", "unflatten", "unfold", "matmul", "bmm", "einsum",
             "__get__")
# What may stand between the classifier and the logits.
AFTER_CLASSIFIER = RELUS + ("dropout", "flatten", "view", "reshape", "squeeze", "mean", "contiguous",
                            "adaptive_avg_pool2d", "avg_pool2d", "adaptive_max_pool2d", "max_pool2d", "softmax",
                            "log_softmax", "sigmoid")
MAX_PREFIX = 16  # class, distillation and register tokens before the patches


@dataclasses.dataclass(frozen=True)
class Call:
    """One call of one module.

    `layout` is 'nchw', 'nhwc', 'tokens' (N, T, C), 'vector' (N, C), or None where the output is no single tensor with
    the images first. `convolution` is 'plain', 'grouped', 'parallel' (reads what an earlier one has read), or ''.
    `output` numbers the output tensors: calls with equal numbers gave the very same values.
    """

    name: str
    index: int
    calls: int
    kind: str
    shape: tuple | None
    layout: str | None
    channels: int
    height: int
    width: int
    prefix: int
    container: bool
    parameters: bool
    convolution: str
    output: int
    relu_follows: bool


@dataclasses.dataclass(frozen=True)
class Trace:
    """Calls in the order in which they end, and what was seen around them; shapes include the batch."""

    calls: tuple
    uncalled: tuple
    input_shape: tuple
    output_shape: tuple
    classifier: str | None
    attention: bool


def blank(module, shape):
    """One black image (1, C, H, W) of the module's type and device, where only shapes matter."""
    return torch.zeros(1, *shape).to(next(module.parameters(), torch.empty(0)))


def trace(module, example):
    """Watch one forward pass.

    Parameters
    ----------
    module : torch.nn.Module
        In eval mode.
    example : (N, 3, H, W) tensor

    Returns
    -------
    Trace

    Raises
    ------
    GradtoolsError
        Where the pass fails, or gives anything but one tensor with the images first.
    """
    watch = _Watch(len(example))
    handles = []
    for name, child in module.named_modules():
        if name:
            handles.append(child.register_forward_pre_hook(lambda child, _, name=name: watch.enter(name, child)))
            handles.append(child.register_forward_hook(lambda child, _, output: watch.leave(child, output)))
    try:
        with torch.no_grad(), watch:
            output = module(example)
    except Exception as error:  # whatever the network's own code raises
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise GradtoolsError(f"the network does not run on an input of {tuple(example.shape)}: {reason}") from error
    finally:
        for handle in handles:
            handle.remove()
    if not torch.is_tensor(output) or output.dim() < 2 or len(output) != len(example):
        got = f"shape {tuple(output.shape)}" if torch.is_tensor(output) else f"a {type(output).__name__}"
        raise GradtoolsError(f"the network gives {got} for an input of {tuple(example.shape)}, where one tensor "
                             "(images, classes) is needed: wrap it in a file.py:callable that returns the logits")
    return watch.finish(module, example, output)


@dataclasses.dataclass
class _Seen:
    """What is known of a tensor while it lives."""

    layout: str | None = None
    origin: nn.Module | None = None
    version: int = -1
    number: int = -1
    calls: list = dataclasses.field(default_factory=list)


class _Watch(TorchFunctionMode):
    """Sees every module call through hooks, and every function between them as a torch function mode."""

    def __init__(self, batch):
        super().__init__()
        self.batch = batch
        self.stack = []
        self.seen = WeakTensorKeyDictionary()
        self.read_by_convolution = WeakTensorKeyDictionary()
        self.records = []
        self.names = {}
        self.relu_follows = set()
        self.attention = False
        self.grid = None
        self.numbers = 0

    def __torch_function__(self, function, types, args=(), kwargs=None):
        name = getattr(function, "__name__", "")
        tensors = [value for value in _flat(args) if torch.is_tensor(value)]
        first = self.seen.get(tensors[0]) if tensors else None
        if name in RELUS and first is not None:
            self.relu_follows.update(first.calls)
        if name in ATTENTION or (name == "softmax" and tensors and tensors[0].dim() > 2):
            self.attention = True
        if name == "conv2d":
            self._note_convolution(tensors[0])
        version = tensors[0]._version if tensors else -1
        output = function(*args, **(kwargs or {}))
        same = bool(tensors) and output is tensors[0] and output._version == version  # as of dropout in eval mode
        if torch.is_tensor(output) and name != "__get__" and not same:
            self.seen[output] = self._describe(name, args, kwargs or {}, tensors, output)
        return output

    def _note_convolution(self, tensor):
        """Whether the running convolution reads what an earlier one has read, as a shortcut's does."""
        self.parallel = self.read_by_convolution.get(tensor) == tensor._version
        self.read_by_convolution[tensor] = tensor._version

    def _describe(self, name, args, kwargs, tensors, output):
        """Layout of a function's output and, where it can still be the logits, the classifier that it comes from."""
        before = self.seen.get(tensors[0], _Seen()) if tensors else _Seen()
        layout, origin = None, None
        if output.dim() == 4:
            layout = self._layout(name, args, kwargs, tensors)
        if name == "linear" or (name == "conv2d" and tensors[1].shape[2:] == (1, 1)):
            origin = self.stack[-1][1] if self.stack else None
        elif name in AFTER_CLASSIFIER:
            origin = before.origin
        return _Seen(layout, origin)

    def _layout(self, name, args, kwargs, tensors):
        if name in SPATIAL or "pool" in name:
            return "nchw"
        if name in ("linear", "layer_norm"):
            return "nhwc"
        if name == "permute":
            dims = tuple(_flat(kwargs.get("dims", args[1:])))
            return {(0, 3, 1, 2): "nchw", (0, 2, 3, 1): "nhwc"}.get(tuple(dim % 4 for dim in dims))
        if name in RESHAPING:
            return None
        return next(
            (self.seen[tensor].layout for tensor in tensors if tensor in self.seen and self.seen[tensor].layout), None)

    def enter(self, name, module):
        self.stack.append((name, module))

    def leave(self, module, output):
        name, _ = self.stack.pop()
        self.names[module] = name
        number, seen = -1, None
        if torch.is_tensor(output):
            seen = self._number(output)
            number = seen.number
            seen.calls.append(len(self.records))
        convolution = _convolution(module, getattr(self, "parallel", False))
        self.records.append((name, module, number, convolution, self._shape(output, seen)))

    def _number(self, output):
        """What is known of a module's output, numbered anew where an in-place operation has changed it."""
        seen = self.seen.setdefault(output, _Seen())
        if seen.version != output._version:
            self.numbers += 1
            seen.version, seen.number, seen.calls = output._version, self.numbers, []
        return seen

    def _shape(self, output, seen):
        """(shape, layout, channels, height, width, prefix) of an output."""
        if seen is None or output.dim() < 2 or len(output) != self.batch:
            return (tuple(output.shape) if seen else None, None, 0, 0, 0, 0)
        shape = tuple(output.shape)
        if output.dim() == 2:
            return shape, "vector", shape[1], 1, 1, 0
        if output.dim() == 3:
            height, width, prefix = _grid(shape[1], self.grid)
            return shape, "tokens", shape[2], height, width, prefix
        if output.dim() != 4:
            return shape, None, 0, 0, 0, 0
        layout = seen.layout or "nchw"
        channels, height, width = (shape[1:] if layout == "nchw" else (shape[3], shape[1], shape[2]))
        if height * width > 1:
            self.grid = (height, width)
        return shape, layout, channels, height, width, 0

    def finish(self, module, example, output):
        totals = collections.Counter(record[0] for record in self.records)
        counts = collections.Counter()
        calls = []
        for order, (name, child, number, convolution, shape) in enumerate(self.records):
            calls.append(
                Call(name,
                     counts[name],
                     totals[name],
                     type(child).__name__,
                     *shape,
                     container=any(True for _ in child.children()),
                     parameters=any(True for _ in child.parameters()),
                     convolution=convolution,
                     output=number,
                     relu_follows=order in self.relu_follows))
            counts[name] += 1
        uncalled = tuple(name for name, _ in module.named_modules() if name and name not in totals)
        return Trace(tuple(calls), uncalled, tuple(example.shape), tuple(output.shape), self._classifier(output),
                     self.attention)

    def _classifier(self, output):
        """Name of the last linear layer or 1x1 convolution whose rows are the output's classes, or None."""
        origin = self.seen.get(output, _Seen()).origin
        if isinstance(origin, (nn.Linear, nn.Conv2d)) and output.dim() == 2 and len(origin.weight) == output.shape[1]:
            return self.names[origin]
        return None


def _convolution(module, parallel):
    """'plain', 'grouped' or 'parallel' (reads what an earlier convolution has read) for a Conv2d, else ''."""
    if not isinstance(module, nn.Conv2d):
        return ""
    return "grouped" if module.groups > 1 else "parallel" if parallel else "plain"


def _grid(tokens, last):
    """(height, width, prefix) of a sequence of tokens, from the last map seen, else as a square, else as one row."""
    square = math.isqrt(tokens)
    for height, width in ([last] if last else []) + [(square, square)]:
        if 0 <= tokens - height * width <= MAX_PREFIX:
            return height, width, tokens - height * width
    return 1, tokens, 0


def _flat(values):
    """Arguments with lists and tuples opened."""
    for value in values:
        if isinstance(value, (list, tuple)):
            yield from _flat(value)
        else:
            yield value
