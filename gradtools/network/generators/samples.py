"""Samples of a generator as image files in class folders, named by their seeds."""

import csv
import io
import os
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from gradtools.errors import GradtoolsError
from gradtools.network.generators.contract import Generator
from gradtools.network.generators.viewing import pil

if TYPE_CHECKING:
    from PIL import Image

BATCH = 64


def seed_of(seed: int, entry: int) -> int:
    """Return the seed of the sample at a place: jobs of different --seed share none up to a million samples."""
    return (seed * 1_000_003 + entry) % (2**31 - 1)


def write_samples(
    generator: Generator,
    folder: str,
    per_class: int,
    seed: int,
    psi: float,
    classes: Sequence[int] | None = None,
    say: Callable[[str], None] = print,
) -> str:
    """Draw samples and write them as 8-bit PNG, CLASS/SEED.png, and manifest.csv with path, label, seed and psi.

    An image that is there with its bytes stays as it is, so that a job over the folder resumes.

    Parameters
    ----------
    per_class : int
        Samples a class; of an unconditional generator in all.
    classes : sequence of int, optional
        By default all.

    Returns
    -------
    str
        The manifest; images of an unconditional generator have no label in it.

    Raises
    ------
    GradtoolsError
        The folder cannot be written.
    """
    numbers = list(classes) if classes is not None else list(range(generator.n_classes or 1))
    entries = [(cls, cls * per_class + k) for cls in numbers for k in range(per_class)]
    rows, clipped = [], 0
    for start in range(0, len(entries), BATCH):
        part = entries[start : start + BATCH]
        seeds = [seed_of(seed, entry) for _, entry in part]
        given = [cls for cls, _ in part] if generator.n_classes else None
        pictures, cut = generator.synth(generator.draw(seeds, given, psi))
        clipped += cut
        for (cls, _), sample_seed, picture in zip(part, seeds, pil(pictures.cpu())):
            name = class_name(generator, cls) if generator.n_classes else ""
            path = os.path.join(name, f"{sample_seed:010d}.png")
            _save(picture, os.path.join(folder, path))
            rows.append((path, name, sample_seed, psi))
    say_clipped(generator, clipped, len(entries), say)
    return _manifest(folder, rows)


def class_name(generator: Generator, cls: int) -> str:
    """Return the name of a class; its number where the generator names none."""
    return generator.classes[cls] if generator.classes else str(cls)


def say_clipped(generator: Generator, clipped: int, count: int, say: Callable[[str], None]) -> None:
    """Say once how many values of the samples were outside the range."""
    if clipped:
        values = count * int(np.prod(generator.shape))
        say(
            f"{clipped:,} of {values:,} values of the samples were outside ({generator.low:g}, {generator.high:g}) and clipped"
        )


def _save(picture: "Image.Image", path: str) -> None:
    """Write a picture unless the same is there."""
    stream = io.BytesIO()
    picture.save(stream, "png")
    try:
        os.makedirs(os.path.dirname(path), exist_ok=True)
        if os.path.exists(path):
            with open(path, "rb") as old:
                if old.read() == stream.getvalue():
                    return
        with open(f"{path}.part", "wb") as file:
            file.write(stream.getvalue())
        os.replace(f"{path}.part", path)
    except OSError as error:
        raise GradtoolsError(
            f"{path} cannot be written: {error.strerror or error}: choose another --samples-to"
        ) from error


def _manifest(folder: str, rows: Sequence[tuple[str, str, int, float]]) -> str:
    """Write manifest.csv, whole or not at all."""
    path = os.path.join(folder, "manifest.csv")
    with open(f"{path}.part", "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(("path", "label", "seed", "psi"))
        writer.writerows(rows)
    os.replace(f"{path}.part", path)
    return path
