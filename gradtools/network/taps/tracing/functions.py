"""How every function of torch that a pass calls is seen, whether a module calls it or the network's own code."""

import abc
from collections.abc import Callable, Collection, Mapping

import torch
from torch.overrides import TorchFunctionMode


class EveryFunction(TorchFunctionMode, abc.ABC):
    """Hands every function of a pass to `called`, which calls it."""

    def __torch_function__(
        self,
        function: Callable,
        types: Collection[type],
        args: tuple = (),
        kwargs: Mapping | None = None,
    ) -> torch.Tensor:
        return self.called(getattr(function, "__name__", ""), function, args, kwargs or {})

    @abc.abstractmethod
    def called(self, name: str, function: Callable, args: tuple, kwargs: Mapping) -> torch.Tensor:
        """Return what the function of this name gives ('' without one), or something in its place."""
