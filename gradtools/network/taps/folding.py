"""BatchNorm folded into the convolution before it (mathematics#batchnorm-folding): the same network, in eval mode, with less to compute."""

import collections
import copy
import logging
from collections.abc import Sequence
from typing import TYPE_CHECKING, cast

import torch
from torch import fx, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from gradtools.network.taps.capture import forward

if TYPE_CHECKING:
    from gradtools.network.taps.grammar import Tap

TOLERANCE = 1e-5  # of the largest value
log = logging.getLogger(__name__)


def fold_batchnorm(module: nn.Module, example: torch.Tensor, taps: list) -> nn.Module:
    """Return a copy of the network with BatchNorm folded where only it reads a convolution, and no tap stands between.

    Parameters
    ----------
    module : torch.nn.Module
        In eval mode.
    example : (N, C, H, W) tensor
    taps : sequence of Tap

    Returns
    -------
    torch.nn.Module
        `module` itself where nothing can be folded, where folding fails in any way, or where output or taps on the example change by
        more than rounding.
    """
    tapped = {tap.module for tap in taps}
    pairs = [pair for pair in _pairs(module) if pair[0] not in tapped]
    if not pairs:
        return module
    try:
        folded = _folded(module, pairs)
        change = _change(module, folded, example, taps)
    except (
        Exception
    ) as error:  # whatever a network's own layers do when they are copied or replaced
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        log.info("BatchNorm is not folded into convolutions: %s", reason)
        return module
    if not change <= TOLERANCE:
        log.info("BatchNorm is not folded into convolutions: values would change by %.1e", change)
        return module
    return folded


def _folded(module: nn.Module, pairs: Sequence[tuple[str, str]]) -> nn.Module:
    folded = copy.deepcopy(module)
    for convolution, norm in pairs:
        fused = fuse_conv_bn_eval(
            cast(nn.Conv2d, folded.get_submodule(convolution)),
            cast(nn.BatchNorm2d, folded.get_submodule(norm)),
        )
        replace_module(folded, convolution, fused)
        replace_module(folded, norm, nn.Identity())
    return folded.eval().requires_grad_(False)


def _pairs(module: nn.Module) -> list[tuple[str, str]]:
    """Return [(convolution, norm)]: names of modules that run once each, the second the only reader of the first."""
    if not any(isinstance(child, nn.BatchNorm2d) for child in module.modules()):
        return []
    try:
        graph = fx.Tracer().trace(module)
    except (
        Exception
    ):  # a forward that depends on values cannot be traced symbolically, and fails in its own way
        return []
    nodes = [node for node in graph.nodes if node.op == "call_module"]
    runs = collections.Counter(node.target for node in nodes)
    kinds = {node: type(module.get_submodule(node.target)) for node in nodes}
    pairs = [(node.args[0], node) for node in nodes if kinds[node] is nn.BatchNorm2d and node.args]
    return [
        (before.target, node.target)
        for before, node in pairs
        if kinds.get(before) is nn.Conv2d
        and len(before.users) == 1
        and runs[before.target] == runs[node.target] == 1
        and module.get_submodule(node.target).track_running_stats
    ]


def replace_module(module: nn.Module, name: str, child: nn.Module) -> None:
    """Put another module in the place of the one of that name."""
    parent, _, last = name.rpartition(".")
    setattr(module.get_submodule(parent), last, child)


def _change(
    module: nn.Module, folded: nn.Module, example: torch.Tensor, taps: "Sequence[Tap]"
) -> float:
    """Return the largest change of output or taps on the example, as a share of the largest value."""
    output, tapped = forward(module, example, taps)
    other, others = forward(folded, example, taps)
    pairs = [(output, other)] + [(tapped[name], others[name]) for name in tapped]
    return max(
        _largest(plain - other) / max(_largest(plain), torch.finfo(plain.dtype).tiny)
        for plain, other in pairs
    )


def _largest(tensor: torch.Tensor) -> float:
    return float(tensor.detach().abs().max())
