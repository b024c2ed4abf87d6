"""The images a network takes: how many channels, and a size at which it runs."""

from collections.abc import Callable, Iterator

import numpy as np
from torch import nn

from gradtools.errors import GradtoolsError, UsageError
from gradtools.network import taps
from gradtools.network.models import preprocessing

SIDES = (
    32,
    64,
    96,
    128,
    224,
    28,
    48,
    160,
    192,
    256,
    299,
    384,
    512,
)  # tried in turn where nothing says the size


def find(
    module: nn.Module,
    rules: dict | Callable,
    sample: Callable | None = None,
    size: tuple[int, int] | None = None,
) -> tuple[int, int, int] | None:
    """Find (channels, height, width) at which a network runs.

    Parameters
    ----------
    module : torch.nn.Module
        In eval mode.
    rules : dict or callable
        The preprocessing.
    sample : callable, optional
        Gives the first image of the data preprocessed by rules, (C, H, W).
    size : (int, int), optional
        Height and width, over what the rules say.

    Returns
    -------
    tuple or None
        None where nothing says the size, and the network runs at none of the common ones.

    Raises
    ------
    GradtoolsError
        Where the network does not run on the data's own images, or at the size given.
    """
    if sample is not None:
        shape = np.shape(sample(rules))
        if not isinstance(rules, dict):
            taps.watched(module, taps.blank(module, shape))
            return tuple(shape)
        size = shape[1:]
    declared = (
        preprocessing.channels(rules) if isinstance(rules, dict) and "channels" in rules else None
    )
    known = size or preprocessing.size(rules)
    refused: GradtoolsError | None = None
    for height, width in [known] if known else [(side, side) for side in SIDES]:
        for count in (declared,) if declared else _counts(module, height, width):
            try:
                taps.watched(module, taps.blank(module, (count, height, width)))
                return count, height, width
            except GradtoolsError as error:
                refused = refused or error
    if size is not None and refused is not None:
        raise refused
    return None


def _counts(module: nn.Module, height: int, width: int) -> Iterator[int]:
    """Yield the channels to try: three, what the first convolution reads, one."""
    read = []
    handles = [
        child.register_forward_pre_hook(lambda child, _: read.append(child.in_channels))
        for child in module.modules()
        if isinstance(child, nn.Conv2d)
    ]
    yield 3
    for handle in handles:
        handle.remove()
    yield from dict.fromkeys([*read[:1], 1])


def fitting(rules: dict | Callable, channels: int, spec: str) -> tuple[dict | Callable, list[str]]:
    """Return the preprocessing for a network that reads so many channels, and what to say of it.

    Raises
    ------
    UsageError
        Where image files have no such channels.
    """
    if not isinstance(rules, dict) or channels == preprocessing.channels(rules):
        return rules, []
    if channels == 1:
        return preprocessing.grey(rules), ["the network reads one channel: images are read as grey"]
    raise UsageError(
        f"model {spec} reads {channels} channels, and an image file is read as 3 (RGB) or 1 (grey): write "
        f"preprocess(image) into its file, which takes a PIL image and returns a ({channels}, height, width) tensor"
    )
