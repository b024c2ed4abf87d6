"""Try a generator on a first batch: what is missing, wrong or declared otherwise is refused (mathematics#generators)."""

import dataclasses
import math
from collections.abc import Callable

import torch

from gradtools.errors import GradtoolsError, UsageError
from gradtools.network.generators.contract import TOLERANCE, Generator, Source

OUTSIDE = (
    0.2  # share of values outside the declared range that is a wrong declaration, not an overshoot
)


def accept(source: Source, spec: str, sha256: str, seed: int = 0) -> Generator:
    """Try a generator on a first batch of two, and say what it is.

    Raises
    ------
    GradtoolsError
        It does not keep its contract: the line says what it gave and what to declare.
    """
    for name in ("sample", "synth"):
        if not callable(getattr(source, name, None)):
            raise GradtoolsError(
                f"generator {spec}: its object has no {name}(): it needs sample(n, seed, cls=None) and synth(w)"
            )
    n_classes = getattr(source, "n_classes", None) or None
    classes = tuple(map(str, getattr(source, "classes", ())))
    if n_classes and classes and len(classes) != n_classes:
        raise GradtoolsError(
            f"generator {spec}: {len(classes)} names in classes for n_classes = {n_classes}"
        )
    low, high = _range(source, spec)
    parts = tuple(map(str, getattr(source, "parts", ()))) if hasattr(source, "masks") else ()
    trial = Generator(source, spec, sha256, n_classes, classes, low, high, (0, 0, 0), parts=parts)
    labels = [0, 0] if n_classes else None
    w = _tried(spec, "sample or to_w", lambda: trial.draw([seed, seed + 1], labels))
    _check_latents(trial, w, labels, seed)
    images = _tried(spec, "synth", lambda: torch.as_tensor(source.synth(w)).to(torch.float32))
    shape = _shape(source, images, spec)
    whole = dataclasses.replace(trial, shape=shape, width=w.shape[1])
    _check_images(whole, w)
    return whole


def _range(source: Source, spec: str) -> tuple[float, float]:
    """Return the declared range, (0, 1) by default."""
    try:
        low, high = map(float, getattr(source, "range", (0.0, 1.0)))
    except (TypeError, ValueError):
        low, high = math.inf, -math.inf
    if not low < high:
        raise GradtoolsError(
            f"generator {spec}: range is two numbers, the values of black and white, as in range = (-1, 1)"
        )
    return low, high


def _tried(spec: str, what: str, run: Callable[[], torch.Tensor]) -> torch.Tensor:
    """Return what a method of the user's gives; its error as one line."""
    try:
        with torch.inference_mode():
            return run()
    except (GradtoolsError, UsageError):
        raise
    except Exception as error:
        raise GradtoolsError(
            f"generator {spec}: {what} fails on the first batch: {type(error).__name__}: {error}"
        ) from error


def _check_latents(
    generator: Generator, w: torch.Tensor, labels: list[int] | None, seed: int
) -> None:
    """Refuse latents that are not rows of finite numbers by seed."""
    spec = generator.spec
    if w.dim() != 2 or len(w) != 2:
        raise GradtoolsError(
            f"generator {spec}: its latents have shape {tuple(w.shape)} for 2 samples: one row a sample is needed (2, d); "
            "of repeated or flattened layers let to_w give one, and synth repeat it"
        )
    if not w.isfinite().all():
        raise GradtoolsError(f"generator {spec}: its latents are NaN or infinite")
    again = generator.draw([seed], labels and labels[:1])
    if not torch.allclose(again, w[:1], rtol=TOLERANCE, atol=1e-6):
        raise GradtoolsError(
            f"generator {spec}: two samples of one seed differ: sample must draw from its seed alone, "
            "as torch.Generator().manual_seed(seed) does"
        )
    if torch.equal(w[0], w[1]):
        raise GradtoolsError(
            f"generator {spec}: samples of two seeds are equal: sample must use its seed"
        )


def _shape(source: Source, images: torch.Tensor, spec: str) -> tuple[int, int, int]:
    """Return (C, H, W) of an image: declared, or of a flat row a square."""
    declared = getattr(source, "shape", None)
    size = images[0].numel()
    if declared is not None:
        shape = tuple(map(int, declared))
        if len(shape) != 3 or math.prod(shape) != size or shape[0] not in (1, 3):
            raise GradtoolsError(
                f"generator {spec}: shape = {declared} does not fit images of {tuple(images.shape[1:])}: write (C, H, W) with C 1 or 3"
            )
        return shape[0], shape[1], shape[2]
    if images.dim() == 3:
        return 1, images.shape[1], images.shape[2]
    if images.dim() == 4 and images.shape[1] in (1, 3):
        return images.shape[1], images.shape[2], images.shape[3]
    if images.dim() == 2:
        for channels in (1, 3):
            side = math.isqrt(size // channels)
            if channels * side * side == size:
                return channels, side, side
    raise GradtoolsError(
        f"generator {spec}: synth gives {tuple(images.shape)} for 2 latents: (N, C, H, W) with C 1 or 3, (N, H, W) or flat squares are "
        "understood; declare another layout with shape = (C, H, W), rows in that order"
    )


def _check_images(generator: Generator, w: torch.Tensor) -> None:
    """Refuse images outside the declared range, equal ones, and those that depend on their batch."""
    spec, low, high = generator.spec, generator.low, generator.high
    with torch.inference_mode():
        both, alone = generator.raw(w), generator.raw(w[:1])
    if not both.isfinite().all():
        raise GradtoolsError(f"generator {spec}: its images are NaN or infinite")
    span = high - low
    outside = (both < low - TOLERANCE * span) | (both > high + TOLERANCE * span)
    if float(outside.float().mean()) > OUTSIDE:
        raise GradtoolsError(
            f"generator {spec}: {float(outside.float().mean()):.0%} of the values lie outside its range ({low:g}, {high:g}), they reach "
            f"{float(both.min()):.3g} to {float(both.max()):.3g}: declare range = (black, white)"
        )
    if float(both.max()) <= low + 0.02 * span < low + span:
        raise GradtoolsError(
            f"generator {spec}: its images reach {float(both.max()):.3g} of a range ({low:g}, {high:g}), so they are read as nearly "
            "black: declare range = (black, white)"
        )
    if float((both[:1] - alone).abs().max()) > TOLERANCE * span:
        raise GradtoolsError(
            f"generator {spec}: an image beside another differs from the same alone, or is drawn at random: synth must depend on w "
            "alone (eval mode, constant noise)"
        )
    if torch.equal(both[0], both[1]):
        raise GradtoolsError(f"generator {spec}: two latents give the same image")
