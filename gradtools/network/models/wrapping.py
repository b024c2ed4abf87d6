"""What is put around networks and must come off before their modules are read: compilers, parallel wrappers; and what cannot be read."""

from torch import nn

from gradtools.errors import GradtoolsError

QUANTISED = ("torch.ao.nn.quantized", "torch.nn.quantized", "torch.ao.nn.intrinsic.quantized")
WRAPPERS = ("DataParallel", "DistributedDataParallel", "AveragedModel")


def unwrapped(module: nn.Module) -> nn.Module:
    """The network without `torch.compile`, `DataParallel` and weight averaging around it or its parts."""
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
