"""The pictures of pytorch-cnn-visualizations beside what the same channels really say (mathematics#pictures-from-ones)."""

from collections.abc import Callable

import numpy as np

from gradtools.figures.overlays import album as albums
from gradtools.figures.overlays import blending
from gradtools.figures.overlays.mosaic import Bar, Mosaic, draw
from gradtools.math.channels.channel_values import spearman
from gradtools.math.maps.ones import picture
from gradtools.math.maps.resize import resize

SUBSETS = {
    "gradcam": "all: P - Q",
    "gradcam-positive": "positive gradients: P",
    "gradcam-negative": "negative gradients: -Q",
}
HEADS = [
    "image",
    "theirs:\nReLU(1 + map)",
    "the map,\nsigned",
    "for: Grad-CAM,\nReLU(map)",
    "against:\nReLU(-map)",
]
BARS = [
    Bar(blending.FOR, 0.0, "theirs, 0 to 1 in each"),
    Bar(blending.SIGNED, -1.0, "others: against to for, a scale a row"),
]
SIDE = 1.3


def taps_of(album: albums.Album) -> list[str]:
    """Return the taps (list of str) with maps of all, positive and negative channels."""
    taps = [albums.split(name)[1] for name in album.methods.get("gradcam", [])]
    return [
        tap
        for tap in taps
        if all(f"{method}@{tap}" in album.methods.get(method, []) for method in SUBSETS)
    ]


def beside(album: albums.Album, tap: str, group: tuple[int, ...], title: Callable) -> Mosaic:
    """Draw their picture, the signed map, what speaks for and what against: of all, positive and negative channels of a tap.

    Parameters
    ----------
    album : Album
        Read with compat 'ones'.
    tap : str
    group : tuple of int
    title : callable
        Takes what stands below the first lines.
    """
    rows: list[tuple[str, list[np.ndarray | None]]] = []
    notes: dict[tuple[int, int], str] = {}
    for row in group:
        raw = {
            method: albums.raw(album, row, f"{method}@{tap}")[0].astype(np.float64)
            for method in SUBSETS
        }
        frame = album.frame(int(album.sample[row]))
        sized = {method: resize(values[None], frame.shape[:2])[0] for method, values in raw.items()}
        scales = {method: np.abs(values).max() for method, values in sized.items()}
        for method, words in SUBSETS.items():
            theirs = albums.at_tap(album, row, f"{method}@{tap}")[0]
            parts, empty = _parts(raw[method], sized[method] / (scales[method] or 1.0))
            notes |= {(len(rows), 2 + place): text for place, text in empty.items()}
            shown = [
                None if part is None else blending.over(frame, part, blending.SIGNED, -1.0)
                for part in parts
            ]
            rows.append(
                (
                    f"{words}\n{_size(scales, method)}{_alike(raw, method)}",
                    [frame, blending.over(frame, theirs), *shown],
                )
            )
    return draw(
        title("\n".join([f"at {tap}", *sentences(raw)])), HEADS, rows, BARS, side=SIDE, notes=notes
    )


def _parts(raw: np.ndarray, values: np.ndarray) -> tuple[list[np.ndarray | None], dict[int, str]]:
    """The signed map, what speaks for and what against, and words in the place of a part that is zero everywhere, by its place."""
    parts: list[np.ndarray | None] = [values]
    words: dict[int, str] = {}
    for place, (sign, what) in enumerate([(1, "for"), (-1, "against")], 1):
        nothing = (sign * raw).max() <= 0
        parts.append(None if nothing else np.where(sign * values > 0, values, 0))
        words |= (
            {place: f"zero everywhere:\nthese channels\nspeak nowhere\n{what} the target"}
            if nothing
            else {}
        )
    return parts, words


def _size(scales: dict[str, float], method: str) -> str:
    """The largest absolute value of a row's map: each row has a scale of its own, or a small one would not be seen."""
    most = max(scales.values())
    share = f"\n{scales[method] / most:.2g} of the largest" if 0 < scales[method] < most else ""
    return f"|map| up to {scales[method]:.2g}{share}"


def _alike(raw: dict[str, np.ndarray], method: str) -> str:
    """Spearman of their picture with that of all channels; that of the negative ones also with the evidence against."""
    if method == "gradcam":
        return ""
    values, whole = (raw[name].reshape(1, -1) for name in (method, "gradcam"))
    text = f"\n\nSpearman of theirs\nwith that of all\n{spearman(picture(values), picture(whole))[0]:+.2f}"
    if method == "gradcam-negative":
        text += f"\nwith against\n{spearman(picture(values), np.maximum(-values, 0))[0]:+.3f}"
    return text


def sentences(raw: dict[str, np.ndarray]) -> list[str]:
    """Explain their pictures in words (list of str), from the raw maps (h, w) of one image by method."""
    below = np.mean([(1 + values < 0).mean() for values in raw.values()])
    lines = [
        "pytorch-cnn-visualizations begins its sum over channels with ones: it draws ReLU(1 + map), each stretched to its own range."
    ]
    if below:
        return [
            *lines,
            f"1 + map is below 0 in {100 * below:.1f} % of the pixels: there, and only there, the ReLU acts.",
        ]
    lines.append(
        "1 + map is nowhere below 0 here, so the ReLU never acts and all three of theirs are signed maps."
    )
    if raw["gradcam-negative"].max() <= 0:
        lines.append(
            "The negative channels' own Grad-CAM is zero; theirs is bright where evidence against the class is absent."
        )
    return lines
