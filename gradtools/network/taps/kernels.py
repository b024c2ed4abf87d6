"""Which convolution's kernels make the channels of a tap: read from the graph that autograd records."""

import contextlib
import dataclasses
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import torch
from torch import nn

from gradtools.errors import GradtoolsError
from gradtools.network.taps.grammar import Tap
from gradtools.network.taps.tracing import first_map

if TYPE_CHECKING:
    from torch.autograd.graph import Node

# What changes the values of a channel and never mixes two of them.
CHANNELWISE = (
    "NativeBatchNorm",
    "CudnnBatchNorm",
    "MiopenBatchNorm",
    "Relu",
    "Relu6",
    "Hardtanh",
    "Clamp",
    "ClampMin",
    "LeakyRelu",
    "Elu",
    "Gelu",
    "Silu",
    "Hardswish",
    "Prelu",
    "Sigmoid",
    "Tanh",
    "MaxPool2DWithIndices",
    "AvgPool2D",
    "AdaptiveAvgPool2D",
    "MeanDim",
    "Mul",
    "Div",
    "Clone",
    "Alias",
    "Contiguous",
    "UpsampleNearest2D",
    "UpsampleBilinear2D",
    "NativeDropout",
    "ToCopy",
)
CHANNEL_AXES = (1, 2**64 - 3, -3)


@dataclasses.dataclass(frozen=True)
class Kernels:
    """Convolutions (names of modules) whose kernels make a tap's channels, one after the other; `summed` where others are added to them."""

    modules: tuple
    summed: bool


def find(network: nn.Module, tap: Tap, example: torch.Tensor) -> Kernels:
    """Find the kernels that make a tap's channels.

    Parameters
    ----------
    network : torch.nn.Module
    tap : Tap
    example : (1, 3, H, W) tensor

    Returns
    -------
    Kernels
        Through concatenations (fire modules, dense blocks) the convolutions that lie side by side; of a residual sum the convolution
        of the branch that runs last, with `summed`.

    Raises
    ------
    GradtoolsError
        Where the channels are not made one by one by kernels of convolutions.
    """
    convolutions = {
        name: module for name, module in network.named_modules() if isinstance(module, nn.Conv2d)
    }
    order, node = _watched(network, tap, example, convolutions)
    names = {id(module.weight): name for name, module in convolutions.items()}
    if node is None:
        raise GradtoolsError(
            f"kernel gradients: no convolution lies below tap {tap.name}; choose a later --tap"
        )
    walk = _Walk(tap, names, {name: place for place, name in enumerate(order)})
    sources = walk.sources(node)
    if sum(convolutions[name].out_channels for name in sources) != tap.channels:
        raise GradtoolsError(
            f"kernel gradients: the {tap.channels} channels of tap {tap.name} are not those of {', '.join(sources)}; "
            "tap a convolution or what follows one"
        )
    repeated = [name for name in sources if order.count(name) > 1]
    if repeated:
        raise GradtoolsError(
            f"kernel gradients: {repeated[0]} below tap {tap.name} runs {order.count(repeated[0])} times with the same kernels; "
            "choose another --tap"
        )
    return Kernels(tuple(sources), walk.summed)


def _watched(
    network: nn.Module, tap: Tap, example: torch.Tensor, convolutions: Mapping[str, nn.Module]
) -> "tuple[list[str], Node | None]":
    """Return the convolutions (names) in the order in which they ran, and the graph's node of the tap."""
    order, nodes = [], []
    frozen = [module.weight for module in convolutions.values() if not module.weight.requires_grad]
    with contextlib.ExitStack() as stack, torch.enable_grad():
        for weight in frozen:
            stack.callback(weight.requires_grad_(True).requires_grad_, False)
        for name, module in convolutions.items():
            stack.callback(
                module.register_forward_hook(
                    lambda _module, _inputs, _output, name=name: order.append(name)
                ).remove
            )
        if tap.module:
            node = network.get_submodule(tap.module).register_forward_hook(
                lambda module, _inputs, output: nodes.append(first_map(module, output)[0].grad_fn)
            )
            stack.callback(node.remove)
        network(example)
    return order, nodes[tap.call] if tap.module else None


class _Walk:
    """Goes down the graph from a tap to the convolutions that make its channels."""

    def __init__(self, tap: Tap, names: dict[int, str], order: dict[str, int]) -> None:
        self.tap, self.names, self.order = tap, names, order
        self.summed = False

    def sources(self, node: "Node") -> list[str]:
        """Return the convolutions (list of names) that make a node's channels, in their order."""
        kind = type(node).__name__.rstrip("0123456789").removesuffix("Backward")
        before = [parent for parent, _ in node.next_functions if parent is not None]
        if "Convolution" in kind:
            return [self._own(before)]
        if kind == "Cat" and getattr(node, "_saved_dim", None) in CHANNEL_AXES:
            return [name for parent in before for name in self.sources(parent)]
        if kind == "Add":
            self.summed = self.summed or len(before) > 1
            return self._of_sum(before)
        if kind in CHANNELWISE and before:
            return self.sources(before[0])
        raise GradtoolsError(
            f"kernel gradients: the channels of tap {self.tap.name} are not made one by one by convolutions ({kind} stands "
            "between); tap a convolution or what follows one"
        )

    def _of_sum(self, before: "Sequence[Node]") -> list[str]:
        """Return the convolutions of the branch whose last one runs last; a shortcut without convolutions is passed over."""
        branches: list[list[str]] = []
        refused: GradtoolsError | None = None
        for parent in before:
            try:
                branches.append(self.sources(parent))
            except GradtoolsError as error:
                refused = error
        if refused is not None and not branches:
            raise refused
        return max(branches, key=lambda names: max(self.order[name] for name in names))

    def _own(self, before: "Sequence[Node]") -> str:
        """Return the convolution whose kernels are among the inputs of a node."""
        for parent in before:
            kernels = id(getattr(parent, "variable", None))
            if kernels in self.names:
                return self.names[kernels]
        raise GradtoolsError(
            f"kernel gradients: the kernels below tap {self.tap.name} belong to no module; tap a convolution"
        )
