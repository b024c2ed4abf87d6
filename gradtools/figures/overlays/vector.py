"""A mosaic as a matplotlib Figure, for SVG and PDF."""

from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure

from gradtools.figures import page
from gradtools.figures.overlays.mosaic import SPACING, Mosaic, Scale, Text

PLATE = {"boxstyle": "round,pad=.2", "facecolor": "white", "alpha": 0.75, "linewidth": 0}


@page.styled
def figure(mosaic: Mosaic) -> Figure:
    """Return the page with text as text and pictures as images."""
    drawn = page.sheet(mosaic.width, mosaic.height)
    drawn.set_layout_engine("none")
    for picture in mosaic.pictures:
        panel = drawn.add_axes(_share(mosaic, picture.place))
        panel.imshow(picture.image)
        panel.set_axis_off()
    for text in mosaic.texts:
        _write(drawn, mosaic, text)
    for scale in mosaic.scales:
        _scale(drawn, mosaic, scale)
    return drawn


def _share(
    mosaic: Mosaic, place: tuple[float, float, float, float]
) -> tuple[float, float, float, float]:
    """Return a rectangle as shares of the page."""
    left, bottom, wide, tall = place
    return left / mosaic.width, bottom / mosaic.height, wide / mosaic.width, tall / mosaic.height


def _write(drawn: Figure, mosaic: Mosaic, text: Text) -> None:
    drawn.text(
        text.x / mosaic.width,
        text.y / mosaic.height,
        text.text,
        size=text.size,
        ha=text.across,
        va=text.upright,
        linespacing=SPACING,
        bbox=PLATE if text.plate else None,
    )


def _scale(drawn: Figure, mosaic: Mosaic, scale: Scale) -> None:
    bar = scale.bar
    axes = drawn.add_axes(_share(mosaic, scale.place))
    colours = drawn.colorbar(ScalarMappable(Normalize(bar.low, 1), bar.colours), cax=axes)
    colours.set_ticks([bar.low, (bar.low + 1) / 2, 1])
    colours.set_label(bar.text, labelpad=2, size=6.5)
    colours.outline.set_visible(False)
