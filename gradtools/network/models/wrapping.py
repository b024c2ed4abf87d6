"""What is put around networks and must come off before their modules are read: compilers, parallel wrappers; and what cannot be read."""

import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

from torch import nn

from gradtools.errors import GradtoolsError

if TYPE_CHECKING:
    from gradtools.network.taps.tracing import Nested

R = TypeVar("R")

QUANTISED = ("torch.ao.nn.quantized", "torch.nn.quantized", "torch.ao.nn.intrinsic.quantized")
WRAPPERS = ("DataParallel", "DistributedDataParallel", "AveragedModel")


def unwrapped(module: nn.Module) -> nn.Module:
    """Return the network without `torch.compile`, `DataParallel` and weight averaging around it or its parts."""
    while hasattr(module, "_orig_mod") or type(module).__name__ in WRAPPERS:
        inner = getattr(module, "_orig_mod", None) or module.module
        assert isinstance(inner, nn.Module)  # as these wrappers have
        module = inner
    for parent in list(module.modules()):
        for name, child in list(parent.named_children()):
            if hasattr(child, "_orig_mod"):
                setattr(parent, name, child._orig_mod)
        if getattr(parent, "_compiled_call_impl", None) is not None:  # module.compile()
            parent._compiled_call_impl = None
    return module


def without_checkpointing(module: nn.Module) -> None:
    """Let the network's code keep its activations: one that is computed anew in the backward pass runs past the taps inside it.

    torch's `checkpoint` gives way, wherever the packages of the network's classes have it by name, to a call of the function itself.
    """
    torch_checkpoint = sys.modules.get("torch.utils.checkpoint")
    if torch_checkpoint is None:
        return
    packages = {type(child).__module__.partition(".")[0] for child in module.modules()} - {"torch"}
    files = {type(child).__module__ for child in module.modules()}
    for name, namespace in list(sys.modules.items()):
        if name in files or name.partition(".")[0] in packages or namespace is torch_checkpoint:
            for key, value in list(getattr(namespace, "__dict__", {}).items()):
                if getattr(value, "__module__", "") == "torch.utils.checkpoint" and (
                    getattr(value, "__name__", "") == "checkpoint"
                ):
                    setattr(namespace, key, _called)


def _called(
    function: Callable[..., R],
    *args: "Nested",
    use_reentrant: bool | None = None,
    context_fn: Callable | None = None,
    determinism_check: str | None = None,
    debug: bool | None = None,
    preserve_rng_state: bool | None = None,
    early_stop: bool | None = None,
    **kwargs: "Nested",
) -> R:
    """Call the function that torch's `checkpoint` is given, without checkpointing."""
    return function(*args, **kwargs)


def refuse_quantised(module: nn.Module, spec: str) -> None:
    """Refuse networks converted to whole numbers, through which no gradient passes.

    Raises
    ------
    GradtoolsError
    """
    for name, child in module.named_modules():
        if type(child).__module__.startswith(QUANTISED):
            raise GradtoolsError(
                f"model {spec} is a converted quantised network ({name} is a {type(child).__name__} of {type(child).__module__}): "
                "no gradient passes through whole numbers; return the float network it was made from"
            )
