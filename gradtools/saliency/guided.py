"""Guided backpropagation (Springenberg et al. 2015): every ReLU passes only gradients above 0, and only where its output is above 0."""

import contextlib

from torch.overrides import TorchFunctionMode

from gradtools.errors import GradtoolsError

RECTIFIERS = ("relu", "relu_", "relu6", "relu6_")
BOUNDED = ("clamp", "clamp_", "clamp_min", "clamp_min_", "clip", "clip_", "hardtanh", "hardtanh_")  # nn.ReLU6 is a hardtanh from 0


@contextlib.contextmanager
def guided_relus(spec):
    """Within it, forward passes are made whose backward passes are guided.

    Parameters
    ----------
    spec : str
        The model's name, for messages.

    Raises
    ------
    GradtoolsError
        At the end, where no ReLU was reached.
    """
    mode = _Guided()
    with mode:
        yield
    if not mode.reached:
        raise GradtoolsError(f"guided-backprop: no ReLU of {spec} can be reached (it has others, or hides them in compiled code); "
                             "--method gradient reads the input's gradient of any network")


class _Guided(TorchFunctionMode):
    """Sees every function, so modules, functional ReLUs and those that change their input alike."""

    def __init__(self):
        super().__init__()
        self.reached = 0

    def __torch_function__(self, function, types, args=(), kwargs=None):
        output = function(*args, **(kwargs or {}))
        if _rectifies(getattr(function, "__name__", ""), args, kwargs or {}) and output.requires_grad:
            self.reached += 1
            output.register_hook(lambda gradient: gradient.clamp(min=0))
        return output


def _rectifies(name, args, kwargs):
    """Whether a function is a ReLU, also one written as a bound at 0."""
    lower = kwargs.get("min", kwargs.get("min_val", args[1] if len(args) > 1 else None))
    return name in RECTIFIERS or (name in BOUNDED and isinstance(lower, (int, float)) and lower == 0)
