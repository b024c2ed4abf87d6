"""What a generator must be and what is made of it: latents by seed and class, images in 0..1 (mathematics#generators)."""

import dataclasses
import inspect
from collections.abc import Callable, Sequence
from typing import Protocol

import numpy as np
import torch

from gradtools.errors import GradtoolsError, UsageError

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

    def latent(self, w: torch.Tensor, name: str) -> torch.Tensor:
        """Return another latent of w, one of those that `latents` names."""

    def synth_latent(self, x: torch.Tensor, name: str) -> torch.Tensor:
        """Draw images from it."""


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
    latent : str
        Where latents are read and set: w, z, or a name of its own (`latents.at`).
    psi : float
        Truncation of what z is mapped with.
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
    latent: str = "w"
    psi: float = 1.0

    @property
    def needs_class(self) -> bool:
        """Whether a latent alone is no picture: z of a conditional generator, which is mapped under a class."""
        return self.latent == "z" and self.n_classes is not None

    @property
    def has_features(self) -> bool:
        """Whether it gives the maps of its layers."""
        drawn = self.latent in ("w", "z")
        return drawn and callable(getattr(self.source, "features", None))

    @torch.inference_mode()
    def draw(
        self,
        seeds: Sequence[int],
        classes: Sequence[int] | np.ndarray | None = None,
        psi: float = 1.0,
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
        z = torch.cat(rows)
        if self.latent == "z":
            return z.to(torch.float32)
        w = self.to_w(z, given, psi)
        return w if self.latent == "w" else self.named(w)

    def named(self, w: torch.Tensor) -> torch.Tensor:
        """Return the latents (N, d) of its own name of w."""
        return torch.as_tensor(self.source.latent(w, self.latent)).to(torch.float32)

    def example(self, psi: float = 1.0) -> torch.Tensor:
        """Return the pictures (2, C, H, W) in 0..1 of two samples, of its first class."""
        classes = [0, 0] if self.n_classes else None
        return self.synth(self.draw([0, 1], classes, psi), classes)[0]

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
    def synth(
        self, latents: torch.Tensor, classes: Sequence[int] | np.ndarray | None = None
    ) -> tuple[torch.Tensor, int]:
        """Return the images (N, C, H, W) float32 in 0..1 of latents (N, d), and how many values were clipped.

        Parameters
        ----------
        latents : (N, d) tensor
        classes : (N,) integers, optional
            Where `needs_class`.
        """
        raw = self.raw(latents, classes)
        scaled = (raw - self.low) / (self.high - self.low)
        outside = (scaled < -TOLERANCE) | (scaled > 1 + TOLERANCE)
        return scaled.clamp(0, 1), int(outside.sum())

    def render(
        self, latents: np.ndarray, batch_size: int = 64, classes: np.ndarray | None = None
    ) -> torch.Tensor:
        """Return the pictures (N, C, H, W) in 0..1 of latents (N, d) of any float type, a batch at a time (see `synth`)."""
        rows = torch.from_numpy(np.ascontiguousarray(latents, dtype="f4"))
        return torch.cat(
            [
                self.synth(part, None if classes is None else classes[start : start + len(part)])[0]
                for start, part in zip(range(0, len(rows), batch_size), rows.split(batch_size))
            ]
        )

    def raw(
        self, latents: torch.Tensor, classes: Sequence[int] | np.ndarray | None = None
    ) -> torch.Tensor:
        """Return what the generator draws, (N, C, H, W) float32 of its range."""
        if self.latent in ("w", "z"):
            images = self.source.synth(self.as_w(latents, classes))
        else:
            images = self.source.synth_latent(latents, self.latent)
        images = torch.as_tensor(images).to(torch.float32)
        if len(images) != len(latents):
            raise GradtoolsError(
                f"generator {self.spec}: synth gives {len(images)} images for {len(latents)} latents"
            )
        return images.reshape(len(latents), *self.shape)

    def as_w(
        self, latents: torch.Tensor, classes: Sequence[int] | np.ndarray | None = None
    ) -> torch.Tensor:
        """Return w (N, d) of latents that are w or z."""
        if self.latent == "w":
            return latents
        given = None if classes is None else np.asarray(classes, np.int64)
        return self.to_w(latents, given, self.psi)

    @torch.inference_mode()
    def features(
        self, latents: np.ndarray, classes: np.ndarray | None = None
    ) -> list[torch.Tensor]:
        """Return the maps (N, C, H, W) of the generator's layers of latents (N, d)."""
        rows = torch.from_numpy(np.ascontiguousarray(latents, dtype="f4"))
        maps = self.source.features(self.as_w(rows, classes))
        return [torch.as_tensor(part).to(torch.float32) for part in maps]

    @torch.inference_mode()
    def masks(self, latents: np.ndarray, classes: np.ndarray | None = None) -> np.ndarray:
        """Return the exact masks of latents (N, d), (N, H, W) integers: places in `parts`."""
        rows = torch.from_numpy(np.ascontiguousarray(latents, dtype="f4"))
        masks = self.source.masks(self.as_w(rows, classes))
        return np.asarray(torch.as_tensor(masks).cpu())


def _call(
    function: Callable, *values: torch.Tensor | int, **named: np.ndarray | float | None
) -> torch.Tensor:
    """Return what a function gives for those named values that it takes and that are not None."""
    try:
        parameters = dict(inspect.signature(function).parameters)
    except (TypeError, ValueError):
        parameters = {}
    takes_all = any(
        parameter.kind is inspect.Parameter.VAR_KEYWORD for parameter in parameters.values()
    )
    accepted = {
        name: value
        for name, value in named.items()
        if value is not None and (takes_all or name in parameters)
    }
    return function(*values, **accepted)
