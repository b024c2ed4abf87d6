"""What finds the parts of a generator's pictures: its own masks, a threshold, a callable, or a few-shot network on its features."""

import dataclasses
from collections.abc import Callable

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from gradtools.errors import GradtoolsError, UsageError
from gradtools.network.generators.contract import Generator
from gradtools.network.models import specs

SIDE = 128  # pixels that a few-shot network works on, at most
WIDTHS, DILATIONS = (128, 64, 64, 32), (1, 2, 1, 2, 1)
EPOCHS = 100

Find = Callable[[np.ndarray, torch.Tensor, np.ndarray | None], np.ndarray]


@dataclasses.dataclass(frozen=True)
class Segmenter:
    """Finds parts.

    Attributes
    ----------
    parts : tuple of str
        Their names, background first.
    find : callable
        (latents (N, d), pictures (N, C, H, W) in 0..1, classes (N,) or None) -> (N, H, W) integers, places among the parts;
        classes where the generator's latents need them.
    """

    parts: tuple[str, ...]
    find: Find


def find(text: str, generator: Generator, say: Callable[[str], None] = print) -> Segmenter:
    """Return the segmenter that `--segmenter` names (mathematics#quantification).

    Parameters
    ----------
    text : str
        auto (the generator's own masks, else a threshold), generator, threshold, threshold:T, few-shot:FILE.npz, FILE.py:NAME,
        package.module:NAME.

    Raises
    ------
    UsageError, GradtoolsError
    """
    if text == "auto":
        text = "generator" if generator.parts else "threshold"
        kind = "the generator's own masks" if generator.parts else "pixels above .5"
        say(f"parts are {kind} (--segmenter)")
    if text == "generator":
        if not generator.parts:
            raise UsageError(
                f"--segmenter generator: {generator.spec} has no masks(w) with names in parts"
            )
        return Segmenter(generator.parts, lambda w, pictures, classes: generator.masks(w, classes))
    name, _, rest = text.partition(":")
    if name == "threshold":
        return _by_threshold(rest or "0.5")
    if name == "few-shot":
        return _few_shot(rest, generator, say)
    return _by_callable(text)


def _by_threshold(text: str) -> Segmenter:
    """Return the pixels whose mean over channels is above a value."""
    try:
        limit = float(text)
    except ValueError:
        raise UsageError(f"--segmenter threshold:{text}: write a number in 0..1") from None
    return Segmenter(
        ("background", "object"),
        lambda w, pictures, classes: (pictures.mean(1) > limit).long().cpu().numpy(),
    )


def _by_callable(text: str) -> Segmenter:
    """Return a callable of the user's: a picture (H, W, 3) float in 0..1 to a mask (H, W) of integers."""
    where, colon, name = text.rpartition(":")
    if not colon:
        raise UsageError(
            f"--segmenter {text}: write auto, generator, threshold:T, few-shot:FILE.npz, FILE.py:NAME or package.module:NAME"
        )
    namespace = specs.namespace(where, "segmenter")
    function = getattr(namespace, name, None)
    if not callable(function):
        raise UsageError(f"--segmenter {text}: {where} has no callable {name!r}")
    parts = tuple(map(str, getattr(namespace, "PARTS", ())))
    if not parts:
        raise UsageError(
            f"--segmenter {text}: {where} must name the parts: PARTS = ('background', ...)"
        )

    def masks(w: np.ndarray, pictures: torch.Tensor, classes: np.ndarray | None) -> np.ndarray:
        rgb = pictures.expand(-1, 3, -1, -1).permute(0, 2, 3, 1).cpu().numpy()
        answers = [np.asarray(function(picture)) for picture in rgb]
        for mask in answers:
            if (
                mask.shape != rgb.shape[1:3]
                or mask.dtype.kind not in "iub"
                or mask.max() >= len(parts)
            ):
                raise GradtoolsError(
                    f"segmenter {text}: a mask must be (H, W) = {rgb.shape[1:3]} integers below {len(parts)}, it is {mask.dtype} {mask.shape}"
                )
        return np.stack(answers).astype(int)

    return Segmenter(parts, masks)


class FewShot(nn.Module):
    """Five 3x3 convolutions with dilation on a generator's feature maps (Tritrong et al. 2021, size S)."""

    def __init__(self, channels: int, parts: int):
        super().__init__()
        sizes = (channels, *WIDTHS, parts)
        layers: list[nn.Module] = []
        for before, after, dilation in zip(sizes, sizes[1:], DILATIONS):
            layers += [nn.Conv2d(before, after, 3, padding=dilation, dilation=dilation)]
            layers += [nn.LeakyReLU(0.2)]
        self.layers = nn.Sequential(*layers[:-1])

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return the logits of the parts at every position."""
        return self.layers(x)


def _side(generator: Generator) -> int:
    """Return the side of the square that features are resized to: 128 pixels, or that of smaller pictures."""
    return min(SIDE, max(generator.shape[1:]))


def _stacked(
    generator: Generator, w: np.ndarray, classes: np.ndarray | None = None
) -> torch.Tensor:
    """Return every second of the generator's maps, resized to a square and put together, (N, C, side, side)."""
    maps, side = generator.features(w, classes)[::2], _side(generator)
    return torch.cat(
        [functional.interpolate(features, (side, side), mode="nearest") for features in maps], 1
    )


def _few_shot(path: str, generator: Generator, say: Callable[[str], None]) -> Segmenter:
    """Return a network trained on a few annotated pictures of the generator."""
    if generator.latent != "w":
        raise UsageError(
            f"--segmenter few-shot: its file has w, and this link is of latent {generator.latent}: take another segmenter"
        )
    if not generator.has_features:
        raise UsageError(f"--segmenter few-shot: {generator.spec} has no features(w)")
    try:
        with np.load(path, allow_pickle=False) as file:
            w, mask = file["w"], torch.from_numpy(file["mask"]).long()
            parts = tuple(map(str, file["parts"]))
    except (OSError, ValueError, KeyError) as error:
        raise UsageError(
            f"--segmenter few-shot:{path}: it must be NPZ with w (n, d), mask (n, H, W) integers and parts: {error}"
        ) from error
    network = train_few_shot(generator, w, mask, len(parts))
    say(f"a few-shot segmenter was trained on {len(w)} annotated pictures, {len(parts)} parts")
    size = generator.shape[1:]

    @torch.inference_mode()
    def masks(w: np.ndarray, pictures: torch.Tensor, classes: np.ndarray | None) -> np.ndarray:
        logits = network(_stacked(generator, w, classes))
        return functional.interpolate(logits, size, mode="nearest").argmax(1).numpy()

    return Segmenter(parts, masks)


def train_few_shot(
    generator: Generator, w: np.ndarray, mask: torch.Tensor, parts: int, seed: int = 0
) -> FewShot:
    """Train a few-shot segmenter: cross-entropy, Adam 1e-3, weight decay 1e-3, a tenth of the rate after 50 epochs, 100 epochs of one picture.

    Parameters
    ----------
    w : (n, d) array
    mask : (n, H, W) int64 tensor
    parts : int
    """
    inputs = _stacked(generator, w).clone()
    side = inputs.shape[-1]
    target = functional.interpolate(mask[:, None].float(), (side, side), mode="nearest")
    target = target[:, 0].long()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = FewShot(inputs.shape[1], parts)
        optimizer = torch.optim.Adam(network.parameters(), lr=1e-3, weight_decay=1e-3)
        schedule = torch.optim.lr_scheduler.StepLR(optimizer, 50, 0.1)
        for _ in range(EPOCHS):
            for row in torch.randperm(len(inputs)):
                optimizer.zero_grad()
                functional.cross_entropy(network(inputs[row][None]), target[row][None]).backward()
                optimizer.step()
            schedule.step()
    return network.eval().requires_grad_(False)
