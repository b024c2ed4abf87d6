"""A contact sheet of channels: a row each, the images that activate it most with its map laid over."""

import os
from typing import TYPE_CHECKING

import numpy as np

from gradtools.figures import page
from gradtools.figures.overlays import blending
from gradtools.figures.overlays.frames import frames
from gradtools.figures.overlays.mosaic import LETTER, Bar, Mosaic, draw, fitted, save
from gradtools.images.loading import Preprocess
from gradtools.math.maps.resize import resize
from gradtools.tables.wording import RANKINGS_OF_CHANNELS

if TYPE_CHECKING:
    from gradtools.selection.channels import Top, TopImages
    from gradtools.store import Store

SIDE = 0.82
POSITIVE = Bar(blending.FOR, 0.0, "activation, 1: the row's largest")
SIGNED = Bar(blending.SIGNED, -1.0, "activation, 1: the row's largest")


def channel_sheet(
    source: "Store",
    top: "Top",
    activating: "TopImages",
    path: str,
    images_dir: str | None = None,
    rules: Preprocess | None = None,
    warnings: tuple = (),
) -> None:
    """Draw the first channels of a class or image on the images that activate them most.

    Parameters
    ----------
    source : store.Store
    top : selection.channels.Top
    activating : selection.channels.TopImages
    path : str
        As for `page.save`, and the errors too.
    images_dir, rules, warnings
        As for `sheet`.
    """
    save(sheet(source, top, activating, images_dir, rules, warnings), path)


def sheet(
    source: "Store",
    top: "Top",
    activating: "TopImages",
    images_dir: str | None = None,
    rules: Preprocess | None = None,
    warnings: tuple = (),
) -> Mosaic:
    """Draw the first channels of a class or image.

    Parameters
    ----------
    source : store.Store
    top : selection.channels.Top
    activating : selection.channels.TopImages
    images_dir, rules
        As for `overlays.open_album`.
    warnings : sequence of str
        Further lines of the title.

    Returns
    -------
    Mosaic
    """
    frame = frames(source, np.unique(activating.rows).tolist(), images_dir, rules)
    bar = SIGNED if activating.maps.min() < 0 else POSITIVE
    rows, notes = [], {}
    for number, (channel, value) in enumerate(zip(top.channels, top.values[top.ranking])):
        maps = activating.maps[number]
        scale = float(np.abs(maps).max()) or 1.0
        shown = []
        for column, (row, values) in enumerate(zip(activating.rows[number].tolist(), maps)):
            picture = frame(row)
            values = np.clip(
                resize(values[None].astype(np.float64), picture.shape[:2])[0] / scale, bar.low, 1
            )
            shown.append(blending.over(picture, values, bar.colours, bar.low))
            mean = f" {activating.activation[number, column]:.3g}"
            notes[number, column] = fitted(_name(source, row), SIDE - len(mean) * LETTER) + mean
        rows.append((f"channel {channel}\n{value:.3g}", shown))
    words = RANKINGS_OF_CHANNELS[top.ranking]
    title = (
        f"{page.shown(top.name)}: the first {len(top.channels)} of {top.n_channels} channels of {page.shown(top.tap)} by {words} (at the left)\n"
        "the images of the store that activate each most; below: class and mean activation"
    )
    return draw(
        "\n".join([title, *warnings]),
        [str(place + 1) for place in range(activating.rows.shape[1])],
        rows,
        [bar],
        side=SIDE,
        notes=notes,
    )


def _name(source: "Store", row: int) -> str:
    """What an image is called below its picture: its data class, or else its own name."""
    label = int(source.labels[row])
    return page.shown(
        source.class_names[label]
        if label >= 0
        else os.path.splitext(os.path.basename(source.ids[row]))[0]
    )
