"""What a generator must be and what is made of it: latents by seed and class, images in 0..1 (mathematics#generators)."""

import dataclasses
import inspect
import math
from collections.abc import Callable, Sequence
from typing import Protocol

import numpy as np
import torch

from gradtools.errors import GradtoolsError, UsageError

OUTSIDE = (
    0.2  # share of values outside the declared range that is a wrong declaration, not an overshoot
)
TOLERANCE = 1e-4  # float32 rounding in another batch, of the range

Pictures = torch.Tensor  # (N, C, H, W) in 0..1


class Source(Protocol):
    """A user's generator; `to_w`, `features`, `masks` and the attributes of `Generator` are optional (the contract says which)."""

    def sample(self, n: int, seed: int) -> torch.Tensor:
        """Draw z."""

    def synth(self, w: torch.Tensor) -> torch.Tensor:
        """Draw images."""

    def features(self, w: torch.Tensor) -> list[torch.Tensor]:
        """Return the maps of the layers."""

    def masks(self, w: torch.Tensor) -> torch.Tensor:
        """Return the exact masks."""


@dataclasses.dataclass(frozen=True)
class Generator:
    """A generator that kept its contract on a first batch.

    Attributes
    ----------
    source : Source
        The user's object.
    spec : str
        As --generator names it.
    sha256 : str
        Of its code and weights.
    n_classes : int or None
        None: unconditional.
    classes : tuple of str
        Names of the classes, empty where it gives none.
    low, high : float
        Of the values that its images have.
    shape : tuple of int
        (C, H, W) of an image.
    width : int
        Numbers of a latent w.
    parts : tuple of str
        Names of the labels of its exact masks, background first; empty where it has none.
    """

    source: Source
    spec: str
    sha256: str
    n_classes: int | None
    classes: tuple[str, ...]
    low: float
    high: float
    shape: tuple[int, int, int]
    width: int = 0
    parts: tuple[str, ...] = ()

    @property
    def has_features(self) -> bool:
        """Whether it gives the maps of its layers."""
        return callable(getattr(self.source, "features", None))

    @torch.inference_mode()
    def draw(
        self, seeds: Sequence[int], classes: Sequence[int] | None = None, psi: float = 1.0
    ) -> torch.Tensor:
        """Return the latents of samples, each by its seed alone: a sample is the same in every batch and job.

        Parameters
        ----------
        seeds : (N,) integers
        classes : (N,) integers, optional
            Of a conditional generator.
        psi : float
            Truncation, 1 for none.

        Returns
        -------
        (N, d) float32 tensor
        """
        given = None if classes is None else np.asarray(classes, np.int64)
        rows = []
        for place, seed in enumerate(seeds):
            cls = None if given is None else given[place : place + 1]
            z = _call(self.source.sample, 1, int(seed), cls=cls)
            rows.append(torch.as_tensor(np.asarray(z) if not torch.is_tensor(z) else z))
        return self.to_w(torch.cat(rows), given, psi)

    def to_w(
        self, z: torch.Tensor, classes: np.ndarray | None = None, psi: float = 1.0
    ) -> torch.Tensor:
        """Return the latents w (N, d) of z, z itself where the generator has no mapping."""
        mapping = getattr(self.source, "to_w", None)
        if mapping is None:
            if psi != 1:
                raise UsageError(
                    f"--psi {psi:g}: generator {self.spec} has no to_w, so nothing draws its samples towards a centre: leave --psi out"
                )
            w = z
        else:
            w = _call(mapping, z, cls=classes, psi=psi)
        return torch.as_tensor(w).to(torch.float32)

    @torch.inference_mode()
    def synth(self, w: torch.Tensor) -> tuple[torch.Tensor, int]:
        """Return the images (N, C, H, W) float32 in 0..1 of latents (N, d), and how many values were clipped."""
        raw = self.raw(w)
        scaled = (raw - self.low) / (self.high - self.low)
        outside = (scaled < -TOLERANCE) | (scaled > 1 + TOLERANCE)
        return scaled.clamp(0, 1), int(outside.sum())

    def render(self, w: np.ndarray, batch_size: int = 64) -> torch.Tensor:
        """Return the pictures (N, C, H, W) in 0..1 of latents (N, d) of any float type, a batch at a time."""
        rows = torch.from_numpy(np.ascontiguousarray(w, dtype="f4"))
        return torch.cat([self.synth(part)[0] for part in rows.split(batch_size)])

    def raw(self, w: torch.Tensor) -> torch.Tensor:
        """Return what the generator draws, (N, C, H, W) float32 of its range."""
        images = self.source.synth(w)
        images = torch.as_tensor(images).to(torch.float32)
        if len(images) != len(w):
            raise GradtoolsError(
                f"generator {self.spec}: synth gives {len(images)} images for {len(w)} latents"
            )
        return images.reshape(len(w), *self.shape)

    @torch.inference_mode()
    def features(self, w: np.ndarray) -> list[torch.Tensor]:
        """Return the maps (N, C, H, W) of the generator's layers of latents (N, d)."""
        rows = torch.from_numpy(np.ascontiguousarray(w, dtype="f4"))
        return [torch.as_tensor(maps).to(torch.float32) for maps in self.source.features(rows)]

    @torch.inference_mode()
    def masks(self, w: np.ndarray) -> np.ndarray:
        """Return the exact masks of latents (N, d), (N, H, W) integers: places in `parts`."""
        masks = self.source.masks(torch.from_numpy(np.ascontiguousarray(w, dtype="f4")))
        return np.asarray(torch.as_tensor(masks).cpu())


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


def _range(source, spec):
    """The declared range, (0, 1) by default."""
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
    """What a method of the user's gives; its error as one line."""
    try:
        with torch.inference_mode():
            return run()
    except (GradtoolsError, UsageError):
        raise
    except Exception as error:
        raise GradtoolsError(
            f"generator {spec}: {what} fails on the first batch: {type(error).__name__}: {error}"
        ) from error


def _check_latents(generator, w, labels, seed):
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


def _shape(source, images, spec):
    """(C, H, W) of an image: declared, or of a flat row a square."""
    declared = getattr(source, "shape", None)
    size = images[0].numel()
    if declared is not None:
        shape = tuple(map(int, declared))
        if len(shape) != 3 or math.prod(shape) != size or shape[0] not in (1, 3):
            raise GradtoolsError(
                f"generator {spec}: shape = {declared} does not fit images of {tuple(images.shape[1:])}: write (C, H, W) with C 1 or 3"
            )
        return shape
    if images.dim() == 3:
        return (1, *images.shape[1:])
    if images.dim() == 4 and images.shape[1] in (1, 3):
        return tuple(images.shape[1:])
    if images.dim() == 2:
        for channels in (1, 3):
            side = math.isqrt(size // channels)
            if channels * side * side == size:
                return channels, side, side
    raise GradtoolsError(
        f"generator {spec}: synth gives {tuple(images.shape)} for 2 latents: (N, C, H, W) with C 1 or 3, (N, H, W) or flat squares are "
        "understood; declare another layout with shape = (C, H, W), rows in that order"
    )


def _check_images(generator, w):
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


def _call(function: Callable, *values, **named):
    """What a function gives for those named values that it takes and that are not None."""
    try:
        taken = dict(inspect.signature(function).parameters)
    except (TypeError, ValueError):
        taken = {}
    every = any(one.kind is inspect.Parameter.VAR_KEYWORD for one in taken.values())
    kept = {
        name: value
        for name, value in named.items()
        if value is not None and (every or name in taken)
    }
    return function(*values, **kept)
