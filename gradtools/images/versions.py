"""Changed versions of an image, made of the decoded picture before preprocessing: flip, crop, rotation, perspective, colour
(mathematics#augmentation).

A version depends on the seed, the sample's id, the kind and the version's number alone, so that any order, batch or worker makes the
same one. The strength scales what was drawn: rotation=5 and rotation=30 turn one image the same way.
"""

import dataclasses
import hashlib
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from gradtools.errors import UsageError
from gradtools.images.listing import ImageList

if TYPE_CHECKING:
    from PIL import Image

# Kind -> its strength, the strengths that are allowed (open, closed), what it means.
KINDS = {
    "flip": (1, (0, 1), "left and right change sides"),
    "crop": (
        0.2,
        (0, 0.95),
        "share of each side that a window at a random place leaves out, the window enlarged to the old size",
    ),
    "rotation": (15, (0, 180), "largest angle in degrees, to either side"),
    "perspective": (0.2, (0, 0.9), "largest move of a corner, in halves of a side"),
    "colour": (0.3, (0, 1), "largest change of brightness, contrast and saturation, as a share"),
}


@dataclasses.dataclass(frozen=True)
class Version:
    """One changed version: its kind, strength and number (int, from 0)."""

    kind: str
    strength: float
    number: int

    @property
    def name(self) -> str:
        """Kind and strength as they are asked for: `rotation=15`."""
        return name(self.kind, self.strength)


@dataclasses.dataclass(frozen=True)
class Augmentation:
    """The versions that every image gets: `count` of each (kind, strength), one of a flip, drawn from the seed."""

    kinds: tuple[tuple[str, float], ...]
    count: int
    seed: int = 0

    def versions(self) -> list[Version]:
        """Return all versions of one image (list of Version)."""
        return [
            Version(kind, strength, number)
            for kind, strength in self.kinds
            for number in range(1 if kind == "flip" else self.count)
        ]


def name(kind: str, strength: float) -> str:
    """Return the kind and strength as the option writes them; a flip has one strength and only its kind is written."""
    return kind if kind == "flip" else f"{kind}={strength:g}"


def parse(texts: Sequence[str] | None, count: int, seed: int = 0) -> Augmentation:
    """Parse the versions that options ask for.

    Parameters
    ----------
    texts : sequence of str
        Kinds, with their strength where it is not the usual one: `flip`, `rotation=30`. None means every kind.
    count : int
        Versions of each.

    Returns
    -------
    Augmentation

    Raises
    ------
    UsageError
    """
    return Augmentation(tuple(dict.fromkeys(_parsed(text) for text in texts or KINDS)), count, seed)


def _parsed(text: str) -> tuple[str, float]:
    """Return (kind, strength) of one text."""
    kind, given, value = text.partition("=")
    if kind not in KINDS:
        raise UsageError(
            f"--augment-kind {text}: write {', '.join(KINDS)}, with a strength as in rotation=30"
        )
    usual, (above, most), meaning = KINDS[kind]
    try:
        strength = float(value) if given else float(usual)
    except ValueError:
        strength = np.nan
    if not above < strength <= most or kind == "flip" and given:
        bounds = (
            "it takes no strength"
            if kind == "flip"
            else f"give a number above {above} and up to {most}: {meaning}"
        )
        raise UsageError(f"--augment-kind {text}: {bounds}")
    return kind, strength


def with_versions(listed: ImageList, augmentation: Augmentation) -> ImageList:
    """Return a list of images followed by their versions, those of one image together.

    The images come first, so that each stays in the batch that it is in without versions. Boxes stay with the images.

    Parameters
    ----------
    listed : ImageList
    augmentation : Augmentation
    """
    made, n = augmentation.versions(), len(listed.ids)

    def rows(values: np.ndarray) -> np.ndarray:
        return np.concatenate([values, np.repeat(values, len(made), axis=0)])

    original = np.concatenate([np.full(n, -1), np.repeat(np.arange(n), len(made))]).astype("i4")
    return dataclasses.replace(
        listed,
        ids=[*listed.ids, *(id for id in listed.ids for _ in made)],
        labels=rows(listed.labels),
        sizes=rows(listed.sizes),
        mtimes=rows(listed.mtimes),
        labels_many=None if listed.labels_many is None else rows(listed.labels_many),
        digests=None if listed.digests is None else rows(listed.digests),
        original=original,
        versions=[None] * n + made * n,
        seed=augmentation.seed,
    )


def change(image: "Image.Image", version: Version, sample: str, seed: int = 0) -> "Image.Image":
    """Make one version of an image.

    Parameters
    ----------
    image : PIL.Image.Image, mode RGB
    version : Version
    sample : str
        Id of the sample.
    seed : int

    Returns
    -------
    PIL.Image.Image of the same size; what lies outside the image has its mean colour.
    """
    drawn = draws(version.kind, version.number, sample, seed)
    return CHANGES[version.kind](image, version.strength, drawn)


def draws(kind: str, number: int, sample: str, seed: int) -> np.ndarray:
    """Return eight numbers that decide a version, (8,) float64 uniform in 0..1."""
    key = f"{sample}\0{kind}\0{number}".encode("utf-8", "surrogateescape")
    words = np.frombuffer(hashlib.sha256(key).digest(), "<u4")
    return np.random.default_rng([seed % 2**64, *words.tolist()]).random(8)


def _flip(image: "Image.Image", strength: float, drawn: np.ndarray) -> "Image.Image":
    from PIL.Image import Transpose

    return image.transpose(Transpose.FLIP_LEFT_RIGHT)


def _crop(image: "Image.Image", strength: float, drawn: np.ndarray) -> "Image.Image":
    """Return a window of (1 - strength) of each side, enlarged: bilinear, at positions between the pixels."""
    from PIL.Image import Resampling

    width, height = image.size
    left, top = drawn[0] * strength * width, drawn[1] * strength * height
    box = (left, top, left + (1 - strength) * width, top + (1 - strength) * height)
    return image.resize(image.size, Resampling.BILINEAR, box=box)


def _rotation(image: "Image.Image", strength: float, drawn: np.ndarray) -> "Image.Image":
    from PIL.Image import Resampling

    return image.rotate(
        (2 * drawn[0] - 1) * strength, Resampling.BILINEAR, fillcolor=_mean_colour(image)
    )


def _perspective(image: "Image.Image", strength: float, drawn: np.ndarray) -> "Image.Image":
    """Move the corners inwards, each by its own share of half a side."""
    from PIL.Image import Resampling, Transform

    width, height = image.size
    corners = np.array([[0, 0], [width, 0], [width, height], [0, height]], float)
    inwards = np.array([[1, 1], [-1, 1], [-1, -1], [1, -1]])
    moved = corners + inwards * drawn.reshape(4, 2) * strength / 2 * [width, height]
    return image.transform(
        image.size,
        Transform.PERSPECTIVE,
        homography(moved, corners),
        Resampling.BILINEAR,
        fillcolor=_mean_colour(image),
    )


def homography(source: np.ndarray, target: np.ndarray) -> list[float]:
    """Return the eight coefficients (a, ..., h) that take four points to four others.

    x' = (a x + b y + c) / (g x + h y + 1), y' = (d x + e y + f) / (g x + h y + 1).

    Parameters
    ----------
    source, target : (4, 2) float array
        x, y.
    """
    rows, values = [], []
    for (x, y), (u, v) in zip(source, target):
        rows += [[x, y, 1, 0, 0, 0, -u * x, -u * y], [0, 0, 0, x, y, 1, -v * x, -v * y]]
        values += [u, v]
    return np.linalg.solve(np.array(rows), np.array(values)).tolist()


def _colour(image: "Image.Image", strength: float, drawn: np.ndarray) -> "Image.Image":
    """Change brightness, then contrast, then saturation, each times 1 - strength to 1 + strength."""
    from PIL import ImageEnhance

    for change_of, share in zip(
        (ImageEnhance.Brightness, ImageEnhance.Contrast, ImageEnhance.Color), drawn
    ):
        image = change_of(image).enhance(1 + (2 * share - 1) * strength)
    return image


def _mean_colour(image: "Image.Image") -> tuple[int, int, int]:
    """Return the mean of each channel, rounded, a tuple of three ints."""
    return tuple(np.rint(np.asarray(image).mean((0, 1))).astype(int).tolist())


CHANGES = {
    "flip": _flip,
    "crop": _crop,
    "rotation": _rotation,
    "perspective": _perspective,
    "colour": _colour,
}
