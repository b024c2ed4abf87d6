"""Networks whose parameters are made random, group by group from the output down.

Adebayo et al., Sanity checks for saliency maps (NeurIPS 2018): a map that does not change when the
network's parameters do cannot show what they have learned.
"""

import copy
import dataclasses
import hashlib

import torch
from torch import nn

from gradtools.network import taps
from gradtools.network.models import Model

MODES = ("cascade", "independent", "full")


@dataclasses.dataclass(frozen=True)
class Variant:
    """A network with some random groups.

    Attributes
    ----------
    mode : one of MODES
    step : int
        From 0, the group nearest to the output; of `full` the last.
    groups : tuple of str
        What is random.
    seed : int
    """

    mode: str
    step: int
    groups: tuple[str, ...]
    seed: int


def groups(network: nn.Module, trace: taps.Trace) -> list[str]:
    """Return the modules that are made random together, from the output to the input.

    They are the network's children; a child that holds several of its blocks gives way to its own.
    """
    blocks = [tap.name for tap in taps.resolve(trace, ["auto:blocks"])]
    names = _children(network, "", blocks)
    order = {name: place for place, name in enumerate(call.name for call in trace.calls)}
    last = {
        name: max(
            (
                place
                for called, place in order.items()
                if called == name or called.startswith(f"{name}.")
            ),
            default=-1,
        )
        for name in names
    }
    return sorted(names, key=lambda name: last[name], reverse=True)


def _children(module: nn.Module, prefix: str, blocks: list[str]) -> list[str]:
    """Return the names of the groups below a module that have parameters."""
    names = []
    for name, child in module.named_children():
        full = f"{prefix}{name}"
        inside = [block for block in blocks if block.startswith(f"{full}.")]
        if len(inside) > 1:
            names += _children(child, f"{full}.", blocks)
        elif next(child.parameters(), None) is not None:
            names.append(full)
    return names


def variants(names: list[str], modes: tuple[str, ...], seeds: int) -> list[Variant]:
    """Return every random network of the modes, for every seed."""
    every = []
    for mode in modes:
        sets: dict[str, list[tuple[str, ...]]] = {
            "cascade": [tuple(names[: step + 1]) for step in range(len(names))],
            "independent": [(name,) for name in names],
            "full": [tuple(names)],
        }
        first = len(names) - 1 if mode == "full" else 0
        every += [
            Variant(mode, first + step, modules, seed)
            for step, modules in enumerate(sets[mode])
            for seed in range(seeds)
        ]
    return every


def randomised(model: Model, variant: Variant, init: str = "torch") -> Model:
    """Return a copy of a model with random parameters in the groups of a variant, and its own digest.

    Layers are reset as torch makes them, BatchNorm with its running statistics; parameters of other
    modules are drawn with their own mean and deviation. Before anything is folded. With `init` he,
    weights of convolutions and linear layers are normal with variance 2 / fan-in, biases zero.
    """
    module = copy.deepcopy(model.module)
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.manual_seed(variant.seed)
        for name in variant.groups:
            for part in module.get_submodule(name).modules():
                reset(part)
                if init == "he" and isinstance(part, (nn.Linear, nn.modules.conv._ConvNd)):
                    _he_normal(part)
    text = f"{model.weights_sha256} {variant.groups} {variant.seed} {init}"
    digest = hashlib.sha256(text.encode()).hexdigest()
    return dataclasses.replace(
        model, module=module.eval().requires_grad_(False), weights_sha256=digest, notes=[]
    )


def _he_normal(module: nn.Linear | nn.modules.conv._ConvNd) -> None:
    """Draw the weights of one layer as He et al. (ICCV 2015) do."""
    nn.init.kaiming_normal_(module.weight)
    if module.bias is not None:
        nn.init.zeros_(module.bias)


def reset(module: nn.Module) -> None:
    """Make the parameters of one module, without those of its children, random."""
    parameters = list(module.parameters(recurse=False))
    if not parameters:
        return
    reset = getattr(module, "reset_parameters", None) or getattr(module, "_reset_parameters", None)
    if callable(reset):
        reset()
        return
    for parameter in parameters:
        deviation = float(parameter.std()) if parameter.numel() > 1 else 0.0
        parameter.normal_(float(parameter.mean()), deviation or 1.0)
