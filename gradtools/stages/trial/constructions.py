"""The images of the networks whose right answer is known, and that answer: exact Shapley values in closed form.

A construction is a network of `gradtools.network.known` and images made for it. The truth is of every pixel: its
Shapley value for the target's logit, where an absent pixel is black (mathematics#shapley-values-in-closed-form).
"""

import dataclasses
import io
import os
from collections.abc import Callable

import numpy as np
from PIL import Image

from gradtools.math.games import shapley
from gradtools.network import known

NOISE = 52  # pixels of the background are whole numbers below it
BRIGHT = round(255 * known.SQUARE)
DIM = round(255 * 0.6)  # the object of another class, in images of cues


@dataclasses.dataclass(frozen=True)
class Scenes:
    """Images of one construction.

    Attributes
    ----------
    pixels : (N, 32, 32, 3) u8 array
    target : (N,) int array
        The class of each, and of its network's answer.
    object : (N, 32, 32) bool array
        What a person would annotate.
    """

    pixels: np.ndarray
    target: np.ndarray
    object: np.ndarray


Scene = tuple[np.ndarray, np.ndarray]  # (32, 32, 3) u8 and (32, 32) bool


@dataclasses.dataclass(frozen=True)
class Construction:
    """A network, its images and the truth about them.

    Attributes
    ----------
    network : str
        Callable of `gradtools.network.known`.
    classes : int
    taps : tuple of str
        One or two, the last one first.
    draw : callable
        Takes a class and a generator; gives a Scene.
    truth : callable
        Takes pixels (N, 32, 32, 3) in 0..1 and classes (N,); gives (N, 32, 32) Shapley values of the logit.
    """

    network: str
    classes: int
    taps: tuple[str, ...]
    draw: Callable[[int, np.random.Generator], Scene]
    truth: Callable[[np.ndarray, np.ndarray], np.ndarray]

    def scenes(self, count: int, seed: int = 0) -> Scenes:
        """Draw `count` images, class after class, each from a random stream of its own."""
        target = np.sort(np.arange(count) % self.classes)
        made = [
            self.draw(int(label), np.random.default_rng((seed, number)))
            for number, label in enumerate(target)
        ]
        return Scenes(
            np.stack([image for image, _ in made]), target, np.stack([part for _, part in made])
        )


def files(scenes: Scenes, folder: str) -> dict[str, bytes]:
    """Return what `write` writes: PNG files of the images in class folders, of their objects' masks in FOLDER-masks, by path."""
    made = {}
    for number, label in enumerate(scenes.target):
        for where, values in (
            (folder, scenes.pixels[number]),
            (f"{folder}-masks", scenes.object[number].astype("u1") * 255),
        ):
            data = io.BytesIO()
            Image.fromarray(values).save(data, "PNG")
            made[os.path.join(where, f"class{label}", f"{number:04d}.png")] = data.getvalue()
    return made


def strange(scenes: Scenes, folder: str) -> list[str]:
    """Return the files in the folder and in FOLDER-masks that are none of these scenes', nor the beginning of one."""
    made, other = files(scenes, folder), []
    for where in (folder, f"{folder}-masks"):
        for parent, _, names in os.walk(where):
            for path in sorted(os.path.join(parent, name) for name in names):
                with open(path, "rb") as file:
                    if path not in made or not made[path].startswith(file.read()):
                        other.append(path)
    return other


def write(scenes: Scenes, folder: str) -> None:
    """Write the images, and the masks of their objects beside them (see `files`)."""
    for path, data in files(scenes, folder).items():
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as file:
            file.write(data)


def noise(rng: np.random.Generator) -> np.ndarray:
    """Return a background of grey noise, (32, 32, 3) u8."""
    grey = rng.integers(0, NOISE, (known.SIDE, known.SIDE, 1), dtype="u1")
    return np.repeat(grey, 3, axis=2)


def square(y: int, x: int, side: int) -> np.ndarray:
    """Return the pixels of a square, (32, 32) bool."""
    inside = np.zeros((known.SIDE, known.SIDE), bool)
    inside[y : y + side, x : x + side] = True
    return inside


def apart(sides: list[int], rng: np.random.Generator) -> list[np.ndarray]:
    """Return squares at random places that neither touch nor overlap, (32, 32) bool each."""
    while True:
        corners = [rng.integers(0, known.SIDE - side, size=2, endpoint=True) for side in sides]
        spans = [(y, x, y + side, x + side) for (y, x), side in zip(corners, sides)]
        if not any(
            a[0] <= b[2] and b[0] <= a[2] and a[1] <= b[3] and b[1] <= a[3]
            for place, a in enumerate(spans)
            for b in spans[:place]
        ):
            return [square(y, x, side) for (y, x), side in zip(corners, sides)]


def window_scene(label: int, rng: np.random.Generator) -> Scene:
    """Draw a square that fills the class's window, an equal one between the windows, noise."""
    image, inside = noise(rng), square(*known.CORNERS[label], known.WINDOW)
    between = [(12, int(rng.integers(25))), (int(rng.integers(25)), 12)][rng.integers(2)]
    image[inside | square(*between, known.WINDOW)] = BRIGHT
    return image, inside


def small_scene(label: int, rng: np.random.Generator) -> Scene:
    """Draw a small square in the class's window, an equal one between the windows, black."""
    image = np.zeros((known.SIDE, known.SIDE, 3), "u1")
    free = known.WINDOW - known.SMALL
    y, x = np.array(known.CORNERS[label]) + rng.integers(0, free, size=2, endpoint=True)
    inside = square(int(y), int(x), known.SMALL)
    between = [(14, int(rng.integers(30))), (int(rng.integers(30)), 14)][rng.integers(2)]
    image[inside | square(*between, known.SMALL)] = BRIGHT
    return image, inside


def coloured_scene(label: int, rng: np.random.Generator) -> Scene:
    """Draw a square of the class's colour and one of the next class's, black."""
    image = np.zeros((known.SIDE, known.SIDE, 3), "u1")
    inside, other = apart([known.OBJECT, known.OBJECT], rng)
    image[inside, label] = BRIGHT
    image[other, (label + 1) % 3] = BRIGHT
    return image, inside


def cued_scene(label: int, rng: np.random.Generator, distractor: bool = True) -> Scene:
    """Draw an object of the class and a cue of its colour, a dimmer object of the other class, noise."""
    image = noise(rng)
    inside, cue, other = apart([known.OBJECT, known.PATCH, known.OBJECT], rng)
    image[inside | cue] = 0
    image[inside | cue, label] = BRIGHT
    image[inside, 2] = BRIGHT
    if distractor:
        image[other] = 0
        image[other, 1 - label], image[other, 2] = DIM, BRIGHT
    return image, inside


def of_windows(side: int) -> Callable[[np.ndarray, np.ndarray], np.ndarray]:
    """Return the truth of a window network: the pixels of the class's window, as bright as they are."""

    def truth(pixels: np.ndarray, target: np.ndarray) -> np.ndarray:
        windows = np.stack([square(y, x, known.WINDOW) for y, x in known.CORNERS])
        return (
            known.LOGIT
            / (known.SQUARE * side**2)
            * pixels.mean(axis=3)
            * windows[np.asarray(target)]
        )

    return truth


def of_colours(pixels: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Return the truth of the mixed channels: the class's colour."""
    rows = np.arange(len(target))
    scale = known.LOGIT / (known.SQUARE * known.OBJECT**2)
    return scale * pixels[rows, :, :, np.asarray(target)]


def parts(pixels: np.ndarray, target: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return what each pixel adds to its class's object and to its class's cue, (N, 32, 32) each, 1 for a whole one."""
    colour = pixels[np.arange(len(target)), :, :, np.asarray(target)]
    blue = pixels[..., 2]
    on_object = np.maximum(colour + blue - 1, 0) / (known.MARKED * known.OBJECT**2)
    cue = np.maximum(colour - blue - 0.3, 0) / (known.PLAIN * known.PATCH**2)
    return on_object, cue


def of_cue(strength: float) -> Callable[[np.ndarray, np.ndarray], np.ndarray]:
    """Return the truth of a cue of some strength: object and cue by their weights."""

    def truth(pixels: np.ndarray, target: np.ndarray) -> np.ndarray:
        on_object, cue = parts(pixels, target)
        return known.LOGIT * ((1 - strength) * on_object + strength * cue)

    return truth


def of_both(
    rule: Callable[[np.ndarray, np.ndarray], np.ndarray], full: float
) -> Callable[[np.ndarray, np.ndarray], np.ndarray]:
    """Return the truth where object and cue are joined by a rule: equal within the object and within the cue.

    A network with its rows permuted is asked about the other class, whose object alone is there.
    """

    def truth(pixels: np.ndarray, target: np.ndarray) -> np.ndarray:
        on_object, cue = parts(pixels, target)
        values = []
        for of_object, of_cue in zip(on_object, cue):
            first, second = of_object > 0, of_cue > 0
            n, m = int(first.sum()), int(second.sum())
            sums = of_object.sum() * np.arange(n + 1) / max(n, 1)
            cues = full * of_cue.sum() * np.arange(m + 1) / max(m, 1)
            game = known.LOGIT * rule(sums[:, None], cues[None])
            one, other = _of_each_kind(game)
            values.append(one * first + other * second)
        return np.stack(values)

    return truth


def _of_each_kind(game: np.ndarray) -> tuple[float, float]:
    """Return the Shapley value of a pixel of the object and of one of the cue; where one is missing, of equal shares."""
    n, m = game.shape[0] - 1, game.shape[1] - 1
    if n and m:
        return shapley.two_kinds(game)
    share = float(game[-1, -1] - game[0, 0]) / max(n + m, 1)
    return (share, 0.0) if n else (0.0, share)


def _or(on_object: np.ndarray, cue: np.ndarray) -> np.ndarray:
    return np.minimum(1, on_object + cue)


CONSTRUCTIONS = {
    "window": Construction(
        "window", 4, ("after", "before"), window_scene, of_windows(known.WINDOW)
    ),
    "channels": Construction("channels", 3, ("mixed",), coloured_scene, of_colours),
    "cue-weak": Construction(
        "cue_weak", 2, ("parts",), cued_scene, of_cue(known.STRENGTHS["cue_weak"])
    ),
    "cue-strong": Construction(
        "cue_strong", 2, ("parts",), cued_scene, of_cue(known.STRENGTHS["cue_strong"])
    ),
    "cue-and": Construction("cue_and", 2, ("parts",), cued_scene, of_both(np.minimum, 0.9)),
    "cue-or": Construction("cue_or", 2, ("parts",), cued_scene, of_both(_or, 1.0)),
    "two-taps": Construction(
        "two_taps", 4, ("coarse", "after"), small_scene, of_windows(known.SMALL)
    ),
}
