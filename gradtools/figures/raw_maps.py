"""Maps side by side, for a notebook."""

import numpy as np
from matplotlib.figure import Figure

from gradtools.figures import page

COLUMNS = 6


def map_sheet(maps: np.ndarray, names: list[str], title: str) -> bytes:
    """Return maps as the bytes of a PNG, each on its own scale around 0: red speaks for the target, blue against it.

    Parameters
    ----------
    maps : (n, H, W) float array
    names : list of str
        One a map.
    title : str
    """
    lines = -(-len(maps) // COLUMNS)
    figure = Figure(figsize=(1.5 * min(len(maps), COLUMNS), 1.75 * lines + 0.3), dpi=100)
    figure.suptitle(title, fontsize=8, parse_math=False)
    for place, (one, name) in enumerate(zip(maps, names), 1):
        axes = figure.add_subplot(lines, min(len(maps), COLUMNS), place)
        most = np.abs(one).max() or 1.0
        axes.imshow(one, cmap="RdBu_r", vmin=-most, vmax=most)
        axes.set_title(page.shortened(name, 24), fontsize=6, parse_math=False)
        axes.set_axis_off()
    return page.png(figure)
