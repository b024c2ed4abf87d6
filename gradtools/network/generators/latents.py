"""Latent taps of a generator: w, z, and what it names itself, such as W+ or style space (mathematics#latent-taps)."""

import dataclasses

import torch

from gradtools.errors import GradtoolsError, UsageError, suggest
from gradtools.network.generators.contract import Generator

SAME = 1e-3  # of the range: how far a picture of a latent may be from that of its w


def names(generator: Generator) -> tuple[str, ...]:
    """Return the names of a generator's latents: w, z, and those that it has `latents` for."""
    return ("w", "z", *map(str, getattr(generator.source, "latents", ())))


def at(generator: Generator, name: str, psi: float = 1.0) -> Generator:
    """Return a generator whose latents are read and set at a tap, tried on a first batch of two.

    Parameters
    ----------
    generator : Generator
        At w.
    name : str
    psi : float
        Truncation of what z is mapped with.

    Raises
    ------
    UsageError
        It has no such latent.
    GradtoolsError
        The latent gives no rows of finite numbers, or other pictures than w does.
    """
    known = names(generator)
    if name not in known:
        raise UsageError(
            f"--latent {name}: generator {generator.spec} has no such latent; {suggest(name, list(known))}"
        )
    parts = generator.parts if name in ("w", "z") else ()
    tapped = dataclasses.replace(generator, latent=name, psi=psi, parts=parts)
    if name == "w":
        return tapped
    for method in ("latent", "synth_latent"):
        if name != "z" and not callable(getattr(generator.source, method, None)):
            raise GradtoolsError(
                f"generator {generator.spec}: it names latents and has no {method}(): see gradtools help mathematics#latent-taps"
            )
    classes = [0, 0] if generator.n_classes else None
    rows = tapped.draw([0, 1], classes, psi)
    _check_rows(tapped, rows)
    _check_pictures(tapped, rows, generator.draw([0, 1], classes, psi), classes)
    return dataclasses.replace(tapped, width=rows.shape[1])


def _check_rows(generator: Generator, rows: torch.Tensor) -> None:
    """Refuse latents that are not one row of finite numbers a sample."""
    if rows.dim() != 2 or len(rows) != 2 or not rows.isfinite().all():
        raise GradtoolsError(
            f"generator {generator.spec}: its latent {generator.latent} has shape {tuple(rows.shape)} for 2 samples: "
            "one row of finite numbers a sample is needed (2, d)"
        )


def _check_pictures(
    generator: Generator, rows: torch.Tensor, w: torch.Tensor, classes: list[int] | None
) -> None:
    """Refuse a latent whose pictures are not those of w."""
    with torch.inference_mode():
        drawn = generator.raw(rows, classes)
        expected = torch.as_tensor(generator.source.synth(w)).to(drawn).reshape(drawn.shape)
    if float((drawn - expected).abs().max()) > SAME * (generator.high - generator.low):
        raise GradtoolsError(
            f"generator {generator.spec}: synth_latent of latent {generator.latent} draws another picture than synth of the same w"
        )
