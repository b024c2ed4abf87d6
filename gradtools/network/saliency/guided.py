"""Guided backpropagation (Springenberg et al. 2015): every ReLU passes only gradients above 0, and only where its output is above 0 (mathematics#methods-beside-the-methods)."""

import contextlib
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import TYPE_CHECKING

import torch

from gradtools.errors import GradtoolsError
from gradtools.network.taps.tracing import EveryFunction

if TYPE_CHECKING:
    from torch.autograd.graph import Node

RECTIFIERS = ("relu", "relu_", "relu6", "relu6_")
# What else rectifies, and what hides it, as autograd names them: a network that is guided in part only has no name.
RECTIFYING = (
    "Relu",
    "Hardtanh",
    "Threshold",
    "LeakyRelu",
    "Prelu",
    "Rrelu",
    "Elu",
    "Gelu",
    "Silu",
    "Hardswish",
    "Mish",
    "Softplus",
    "CompiledFunction",
    "DifferentiableGraph",
)
BOUNDED = (
    "clamp",
    "clamp_",
    "clamp_min",
    "clamp_min_",
    "clip",
    "clip_",
    "hardtanh",
    "hardtanh_",
)  # nn.ReLU6 is a hardtanh from 0


@contextlib.contextmanager
def guided_relus(spec: str) -> Iterator[None]:
    """Make the backward passes of forward passes within it guided ones.

    Parameters
    ----------
    spec : str
        The model's name, for messages.

    Raises
    ------
    GradtoolsError
        At the end, where no ReLU was reached, or something else rectifies as well.
    """
    mode = _Guided()
    with mode:
        yield
    others = _unreached(mode.last, mode.nodes)
    if others:
        raise GradtoolsError(
            f"guided-backprop: {spec} rectifies by {', '.join(others)} where no ReLU can be reached, and would be guided in "
            "part only; --method gradient reads the input's gradient of any network"
        )
    if not mode.reached:
        raise GradtoolsError(
            f"guided-backprop: no ReLU of {spec} can be reached (it has others, or hides them in compiled code); "
            "--method gradient reads the input's gradient of any network"
        )


class _Guided(EveryFunction):
    """Sees every function, so modules, functional ReLUs and those that change their input alike."""

    def __init__(self) -> None:
        super().__init__()
        self.reached = 0
        self.nodes: set[Node] = set()
        self.last: Node | None = None

    def called(self, name: str, function: Callable, args: tuple, kwargs: Mapping) -> torch.Tensor:
        output = function(*args, **kwargs)
        if _rectifies(name, args, kwargs) and output.requires_grad:
            self.reached += 1
            self.nodes.add(output.grad_fn)
            output.register_hook(lambda gradient: gradient.clamp(min=0))
        self.last = getattr(output, "grad_fn", None) or self.last
        return output


def _unreached(last: "Node | None", reached: "Collection[Node]") -> list[str]:
    """Return what rectifies in the graph that ends in a node, beside the nodes that were reached (sorted list of str)."""
    rectifying: set[str] = set()
    seen, waiting = {last}, [last] if last is not None else []
    while waiting:
        node = waiting.pop()
        name = node.name().removeprefix("torch::autograd::")
        if node not in reached:
            rectifying |= {known for known in RECTIFYING if name.startswith(known)}
        new = {before for before, _ in node.next_functions if before is not None} - seen
        seen |= new
        waiting += new
    return sorted(rectifying)


def _rectifies(name: str, args: tuple, kwargs: Mapping) -> bool:
    """Return True if a function is a ReLU, also one written as a bound at 0."""
    lower = kwargs.get("min", kwargs.get("min_val", args[1] if len(args) > 1 else None))
    return name in RECTIFIERS or (
        name in BOUNDED and isinstance(lower, (int, float)) and lower == 0
    )
