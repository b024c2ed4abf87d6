"""Pictures of a generator beside those that a link gives back, and how far apart they are, with the controls."""

import json

import numpy as np
from matplotlib.axes import Axes

from gradtools.figures import page, paper
from gradtools.selection import links
from gradtools.selection.results import Result
from gradtools.store import Store, paths

VIEWS = {
    "sample": "sample I",
    "linear": "link",
    "kernel": "not linear",
    "null": "shuffled pairs",
    "mean": "mean w",
}
MEASURES = {
    "mse": "MSE of pictures",
    "ssim": "SSIM",
    "embedding_cosine": "cosine of r",
    "perceptual": "perceptual distance",
}
ROW = 0.36  # inches of one example


@page.styled
def cycled_pictures(source: Store, results: list[Result], path: str) -> None:
    """Draw the examples, a row a kind of link, and the distributions of the measures over held-out pairs.

    Parameters
    ----------
    source : Store
        A link.
    results : list of Result
        Its statistics.
    path : str
        Where the picture goes.
    """
    pictures = source.needed(paths.LINK_PICTURE)
    kinds = json.loads(source.attributes(paths.LINK)["kinds"])
    measures = [
        name for name in MEASURES if source.values(paths.cycled(kinds[0], name)) is not None
    ]
    rows = len(kinds) + 1
    beside = paper.fitting(len(measures) + 1, 1.3)
    lines = -(-(len(measures) + 1) // beside)
    row = ROW * page.width() / page.WIDTH
    figure = page.sheet(page.WIDTH, row * rows + 1.9 * lines + 0.1)
    ratios = [row * rows, 1.9 * lines]
    upper, lower = np.ravel(figure.subfigures(2, 1, height_ratios=ratios, squeeze=False))
    _grid(upper.subplots(1, 1), pictures, kinds)
    panels = np.ravel(lower.subplots(lines, beside))
    for axes in panels[len(measures) + 1 :]:
        axes.set_axis_off()
    _latents(panels[0], source, kinds)
    for axes, name in zip(panels[1:], measures):
        _distribution(
            axes, {kind: source.needed(paths.cycled(kind, name)) for kind in kinds}, kinds
        )
        axes.set_xlabel(MEASURES[name])
    panels[0].set_ylabel("share of pairs below")
    handles, names = panels[1].get_legend_handles_labels()
    page.legend_below(lower, handles, names, len(names))
    count = next(result.get("r2").n for result in results if result.method == "linear")
    r2 = next(result.get("r2").value for result in results if result.method == "linear")
    same = next(result.get("agreement").value for result in results if result.method == "linear")
    figure.suptitle(
        f"{page.shown(source.attributes(paths.LINK)['generator'])}: {count} held-out pairs, R2 of latents {r2:.2f}, "
        f"{same:.0%} keep their class"
    )
    page.save(figure, path)


def _grid(axes: Axes, pictures: np.ndarray, kinds: list[str]) -> None:
    """Lay the pictures (E, V, C, H, W) out, a row a view."""
    examples, views, channels, height, width = pictures.shape
    sheet = pictures.transpose(1, 3, 0, 4, 2).reshape(views * height, examples * width, channels)
    axes.imshow(sheet, interpolation="nearest", aspect="equal")
    axes.set_yticks(
        [height * (place + 0.5) for place in range(views)],
        [VIEWS[name] for name in ("sample", *kinds)],
    )
    axes.set_xticks([])
    axes.tick_params(length=0)
    for side in axes.spines.values():
        side.set_visible(False)


def _latents(axes: Axes, source: Store, kinds: list[str]) -> None:
    """Draw the share of held-out pairs below each squared error of the latent, of the link and of the mean w."""
    link = links.read(source)
    w = link.w[link.held]
    errors = {
        "linear": w - link.latent(link.r[link.held]),
        "mean": w - link.w[~link.held].mean(0),
    }
    _distribution(axes, {kind: (gap**2).mean(1) for kind, gap in errors.items()}, kinds)
    axes.set_xlabel("MSE of latents")


def _distribution(axes: Axes, measured: dict[str, np.ndarray], kinds: list[str]) -> None:
    """Draw the share of pairs below each value, a line a kind of link."""
    for kind, colour in zip(kinds, page.COLOURS):
        if kind not in measured:
            continue
        values = np.sort(measured[kind])
        values = values[np.isfinite(values)]
        dashed = "--" if kind in ("null", "mean") else "-"
        axes.plot(values, np.linspace(0, 1, len(values)), dashed, color=colour, label=VIEWS[kind])
    axes.locator_params(axis="x", nbins=4)
