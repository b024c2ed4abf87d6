"""Options of the pictures of maps, and drawing a store of maps with them."""

import dataclasses
from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from gradtools.cli import options, streams
from gradtools.cli.terminal import Console
from gradtools.errors import UsageError

if TYPE_CHECKING:
    from gradtools.images.loading import Preprocess

DRAWING = (
    "images",
    "images_dir",
    "where",
    "overlay",
    "overlay_limit",
    "fuse",
    "compat",
    "quiet",
    "verbose",
)


@dataclasses.dataclass(frozen=True)
class Drawing:
    """Which pictures are drawn of the maps."""

    overlay: str | None
    overlay_limit: int
    fuse: str
    compat: str | None


drawing = options.record(
    "drawing",
    Drawing,
    click.option(
        "--overlay",
        metavar="DIR",
        help="Also draw: overlays, sheets a class, a grid, for and against, the GAM paper's panels (PNG).",
    ),
    click.option(
        "--overlay-limit",
        type=click.IntRange(1),
        default=100,
        metavar="N",
        help="Pictures at most.",
    ),
    options.width,
    click.option(
        "--fuse",
        default="mean",
        metavar="F",
        help="Taps in the pictures: mean, max, product, or a weight each as in 0.3,0.7.",
    ),
    click.option(
        "--compat",
        type=click.Choice(["cam", "ones"]),
        help="Pictures as pytorch-grad-cam (cam) or pytorch-cnn-visualizations (ones: ReLU(1 + map)) has them.",
    ),
)


def check(drawing: Drawing, store_path: str) -> None:
    """Refuse drawing options without a folder, and a folder where the maps go to a pipe.

    Raises
    ------
    UsageError
    """
    if drawing.overlay is not None and store_path == "-":
        raise UsageError("--overlay draws from the store of maps: give that a file with -o")
    given = options.given("fuse", "compat", "overlay_limit")
    if drawing.overlay is None and given:
        raise UsageError(f"{given[0]} is about pictures (maps are stored raw): add --overlay DIR")


def draw_alone(
    console: Console,
    images: Sequence[str],
    images_dir: str | None,
    where: Sequence[str],
    drawing: Drawing,
) -> None:
    """Draw a store of maps; every option about making maps needs a model.

    Raises
    ------
    UsageError
    """
    if drawing.overlay is None:
        raise UsageError(
            "Missing option '--model': it makes the maps; without it, a store of maps is drawn with --overlay DIR"
        )
    parameters = click.get_current_context().params
    given = options.given(*(name for name in parameters if name not in DRAWING))
    if given:
        raise UsageError(
            f"{given[0]} is about making maps, and drawing a store makes none: add --model, or leave it out"
        )
    if len(images) > 1:
        raise UsageError(
            f"{len(images)} inputs and no --model: one store of maps is drawn at a time"
        )
    path = streams.input_store(images[0] if images else None)
    draw(console, path, drawing.overlay, images_dir, where, drawing)


def draw(
    console: Console,
    path: str,
    folder: str,
    images_dir: str | None,
    where: Sequence[str],
    drawing: Drawing,
    preprocess: "Preprocess | None" = None,
) -> None:
    """Draw the pictures of a store."""
    from gradtools import store
    from gradtools.figures import overlays
    from gradtools.selection import samples

    with store.read(path) as source:
        keep = samples.select(source, where) if where else None
        album = overlays.open_album(
            source, images_dir, keep, preprocess, drawing.fuse, drawing.compat
        )
        count = min(drawing.overlay_limit, sum(1 for _ in overlays.pictures(album)))
        with console.progress(count, what="pictures") as advance:
            overlays.draw(album, folder, drawing.overlay_limit, console.say, advance)
