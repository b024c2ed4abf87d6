"""The images of a store as sheets, one class after the other: what the network saw, and what it answered."""

import functools
import itertools
from collections.abc import Callable, Iterator

import numpy as np

from gradtools.errors import GradtoolsError
from gradtools.figures import page, paper
from gradtools.figures.overlays import mosaic
from gradtools.figures.overlays.album import frames
from gradtools.store import Store

ACROSS, ROWS = 8, 6  # images in a row, and rows, of a sheet
WIDE, LEAST = 0.82, 0.6  # inches of an image, and at least
SHEET = "images as the network saw them; below: name, or ≠ and its answer where that is wrong"


def sheets(store: Store, images_dir: str | None = None) -> Iterator[tuple[str, Callable]]:
    """Yield the class and the function that makes the Mosaic of every sheet: the first of each class, then the second of each.

    Parameters
    ----------
    store : store.Store
    images_dir : str, optional
        Where the images have gone.

    Raises
    ------
    GradtoolsError
        The samples are no images, one of them is not there, or only the model's code has what the network saw.
    """
    if store.unit != "image":
        raise GradtoolsError(f"{store.name} holds no images: its samples are {store.unit}s")
    frame = frames(store, list(range(store.n_samples)), images_dir)
    names = [store.class_names[label] if label >= 0 else "no label" for label in store.labels]
    size = paper.fitting(ACROSS, LEAST) * ROWS
    of_class = [np.flatnonzero([other == name for other in names]) for name in sorted(set(names))]
    parts = [[rows[at : at + size] for at in range(0, len(rows), size)] for rows in of_class]
    for number, turn in enumerate(itertools.zip_longest(*parts), 1):
        for rows in turn:
            if rows is not None:
                name = names[rows[0]]
                yield name, functools.partial(_sheet, store, frame, name, rows.tolist(), number)


def _sheet(store: Store, frame: Callable, name: str, rows: list[int], number: int) -> mosaic.Mosaic:
    """One sheet of a class."""
    lines: list[tuple[str, list[np.ndarray]]] = []
    notes: dict[tuple[int, int], str] = {}
    across = paper.fitting(ACROSS, LEAST)
    for start in range(0, len(rows), across):
        part = rows[start : start + across]
        for column, row in enumerate(part):
            notes[len(lines), column] = mosaic.fitted(_words(store, row), WIDE)
        lines.append(("", [frame(row) for row in part]))
    title = f"{page.shown(name)}, page {number}: {len(rows)} images\n{SHEET}"
    return mosaic.draw(title, [""] * min(len(rows), across), lines, [], side=WIDE, notes=notes)


def _words(store: Store, row: int) -> str:
    """An image's file name, or the answer where it is wrong."""
    label = int(store.labels[row])
    if store.predicted is not None and store.member is not None and label >= 0:
        answer, known = int(store.predicted[row]), store.member[label]
        if known.any() and not known[answer]:
            names = store.model_class_names
            return "≠ " + page.shown(names[answer] if answer < len(names) else str(answer))
    return page.shown(store.ids[row].rpartition("/")[2])
