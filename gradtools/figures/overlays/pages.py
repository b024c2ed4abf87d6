"""The pictures themselves: overlays, for and against, contact sheets, and the panels of the GAM paper (mathematics#gam-and-layercam)."""

import functools
from collections.abc import Callable, Sequence
from typing import TypedDict

import numpy as np

from gradtools.figures import page, paper
from gradtools.figures.overlays import album as albums
from gradtools.figures.overlays import blending, captions
from gradtools.figures.overlays.mosaic import Bar, Mosaic, draw, fitted
from gradtools.selection.map_methods import LITERAL

ROWS = 6  # of a grid's page
SMALL = 0.82  # inches of a grid's pictures
ACROSS, LEAST = 8, 0.55  # pictures in a row of a class's sheet, and inches of one at least
SHEET = "images and their maps, each from 0 (the photograph alone) to its own largest value; below: name, target, score"
GRID = "each tap's own map over its image, from 0 (the photograph alone) to its own largest value; a row an image"
UNIT = Bar(blending.FOR, 0.0, "map, 0 to 1 in each")
JET = Bar("jet", 0.0, "map, 0 to 1 in each")
BOTH_WAYS = Bar(blending.SIGNED, -1.0, "against (-1) to for (+1)")
ABLATED = ("gam", "gradcam", "gradcam++")
POSITIVE, NEGATIVE = "gradcam-positive", "gradcam-negative"
LAYERS = ("activation", "positive-gradients", "gam")
COMPARED = ("gradcam", "gam", "activation", "positive-gradients", "negative-gradients")
OVERFLOWING = ("gradcam++", LITERAL, "gam")

Lines = list[tuple[str, list[np.ndarray | None]]]  # name and pictures of every row


class Written(TypedDict):
    """What stands below pictures and on them, by row and column."""

    notes: dict[tuple[int, int], str]
    marks: dict[tuple[int, int], str]


Maker = Callable[[int], tuple[np.ndarray, str]]  # row of a map -> the map, and what it lacks


def overlay(album: albums.Album, group: tuple[int, ...]) -> Mosaic:
    """Draw every method's map over its image, fused over the taps."""
    methods = list(album.methods)
    return _rows_of(
        album,
        group,
        [captions.method_head(method) for method in methods],
        [functools.partial(_fused, album, method) for method in methods],
        captions.taps_line(album),
    )


def signed(album: albums.Album, group: tuple[int, ...]) -> Mosaic:
    """Draw for, against and both of every method that has them, in one scale: m / max|m|."""
    methods, heads = albums.signed_methods(album), ["image", "for", "against", "for - against"]
    rows: Lines = []
    marks: dict[tuple[int, int], str] = {}
    for row in group:
        for method in methods:
            both, lacks = albums.fused(album, row, method, "signed")
            marks |= {(len(rows), column): lacks for column in (1, 2, 3) if lacks}
            parts = [np.maximum(both, 0), np.minimum(both, 0), both]
            shown = [
                blending.over(_frame(album, row), part, blending.SIGNED, -1.0) for part in parts
            ]
            rows.append(
                (captions.row_name(album, group, row, method), [_frame(album, row), *shown])
            )
    return draw(
        captions.title(album, group, captions.taps_line(album, methods)),
        heads,
        rows,
        [BOTH_WAYS],
        side=1.3,
        marks=marks,
    )


def explained(tap: str, album: albums.Album, group: tuple[int, ...]) -> Mosaic:
    """Draw the pictures of pytorch-cnn-visualizations beside the right ones, with the sentences that explain them."""
    from gradtools.figures.overlays import ones

    return ones.beside(album, tap, group, lambda below: captions.title(album, group, below))


def compared(album: albums.Album, group: tuple[int, ...]) -> Mosaic:
    """Draw Figure 2 of the GAM paper: Grad-CAM beside GAM with the accumulated activations, positive and negative gradients, at the last tap.

    Where the store has Grad-CAM of the channels of positive and of negative weight, equation 4's P and Q
    follow: of gradients that are flat these show what outweighs what.
    """
    tap = last_tap(album, COMPARED)
    heads = [captions.method_head(method) for method in COMPARED]
    makers: list[Maker] = [_at_tap(album, method, tap) for method in COMPARED]
    if all(f"{name}@{tap}" in album.methods.get(name, ()) for name in (POSITIVE, NEGATIVE)):
        heads += ["P, positive\nchannels", "Q, negative\nchannels"]
        makers.append(_at_tap(album, POSITIVE, tap))
        makers.append(_at_tap(album, NEGATIVE, tap, "against"))
    return _rows_of(album, group, heads, makers, f"at {tap}")


def ablated(album: albums.Album, group: tuple[int, ...]) -> Mosaic:
    """Draw Figure 8 of the GAM paper: each method at its last tap beside the same over the last two taps and more."""
    methods = [name for name in ABLATED if len(album.methods.get(name, ())) > 1]
    most = max(len(album.methods[name]) for name in methods)
    rows: Lines = []
    words: Written = {"notes": {}, "marks": {}}
    for row in group:
        for method in methods:
            maps = [
                albums.last_taps(album, row, method, count)
                for count in range(1, 1 + len(album.methods[method]))
            ]
            name = captions.row_name(album, group, row, method)
            pictures = _line(album, row, maps, words, len(rows))
            rows.append((name, [*pictures, *[None] * (1 + most - len(pictures))]))
    heads = ["image", *_numbers_of_taps(album, methods, most)]
    return draw(
        captions.title(album, group, f"{album.fuse} of the last n taps"),
        heads,
        rows,
        [_bar(album)],
        side=1.3,
        **words,
    )


def _numbers_of_taps(album: albums.Album, methods: list[str], most: int) -> list[str]:
    """Return a head for each number of last taps, with the tap that it adds where that is the same of every method."""
    heads = []
    for count in range(1, 1 + most):
        names = [
            albums.split(album.methods[method][-count])[1]
            for method in methods
            if len(album.methods[method]) >= count
        ]
        added = fitted(names[0] if count == 1 else f"+ {names[0]}", captions.ROW_NAME)
        heads.append(f"n = {count}" + (f"\n{added}" if len(set(names)) == 1 else ""))
    return heads


def overflowing(album: albums.Album, group: tuple[int, ...]) -> Mosaic:
    """Draw Figure 3 of the GAM paper: Grad-CAM++ (also as printed, where it was made) beside GAM on the dot product, at the last tap."""
    methods = [method for method in OVERFLOWING if method in album.methods]
    tap = last_tap(album, methods)
    return _rows_of(
        album,
        group,
        [captions.method_head(method) for method in methods],
        [_at_tap(album, method, tap) for method in methods],
        f"at {tap}",
    )


def layered(album: albums.Album, group: tuple[int, ...]) -> Mosaic:
    """Draw Figures 8 to 11 of the GAM paper: activation, gradient and map of every tap, and below them those of all taps together."""
    taps = shared_taps(album, LAYERS)
    rows: Lines = []
    words: Written = {"notes": {}, "marks": {}}
    for row in group:
        for tap in [*taps, None]:
            maps = [
                albums.at_tap(album, row, f"{method}@{tap}")
                if tap
                else albums.fused(album, row, method)
                for method in LAYERS
            ]
            name = fitted(tap, captions.ROW_NAME) if tap else f"{album.fuse} of {len(taps)} taps"
            rows.append((name, _line(album, row, maps, words, len(rows))))
    return draw(
        captions.title(album, group, ""),
        ["image", "activations", "positive\ngradients", "GAM"],
        rows,
        [_bar(album)],
        side=1.3,
        **words,
    )


def class_sheet(
    album: albums.Album, name: str, groups: list[tuple[int, ...]], number: int
) -> Mosaic:
    """Draw images of a class, each with every method's map, several in a row."""
    methods = list(album.methods)
    cells, per_row, width = (
        [row for group in groups for row in group],
        across(album),
        1 + len(methods),
    )
    heads = ["image", *(captions.method_head(method) for method in methods)] * min(
        per_row, len(cells)
    )
    rows: Lines = []
    words: Written = {"notes": {}, "marks": {}}
    for start in range(0, len(cells), per_row):
        pictures: list[np.ndarray | None] = []
        for row in cells[start : start + per_row]:
            maps = [albums.fused(album, row, method) for method in methods]
            words["notes"][len(rows), len(pictures)] = captions.caption(album, row, width * 0.7)
            pictures += _line(album, row, maps, words, len(rows), len(pictures))
        rows.append(("", pictures))
    title = f"{page.shown(name)}, page {number}: {captions.taps_line(album)}\n{SHEET}"
    return draw(title, heads, rows, [_bar(album)], **words)


def grid(album: albums.Album, groups: list[tuple[int, ...]], number: int) -> Mosaic:
    """Draw images x (methods x taps), each tap's own map; both images of a pair one below the other."""
    names = [name for method in album.methods.values() for name in method]
    heads = [
        "image",
        *(
            f"{captions.method_head(albums.split(name)[0])}\n{fitted(albums.split(name)[1], SMALL)}"
            for name in names
        ),
    ]
    rows: Lines = []
    words: Written = {"notes": {}, "marks": {}}
    for row in (row for group in groups for row in group):
        maps = [albums.at_tap(album, row, name) for name in names]
        rows.append(
            (
                captions.caption(album, row, captions.ROW_NAME, "\n"),
                _line(album, row, maps, words, len(rows)),
            )
        )
    classes = dict.fromkeys(page.shown(albums.class_of(album, group)) for group in groups)
    title = (
        f"every method at every tap, page {number}: {page.shortened(', '.join(classes), 60)}"
        + (f", as --compat {album.compat}" if album.compat else "")
    )
    title += f"\n{GRID}"
    return draw(title, heads, rows, [_bar(album)], side=SMALL, **words)


def _at_tap(album: albums.Album, method: str, tap: str | None, sign: str = "for") -> Maker:
    """What makes the map of a method at one tap from the row of a map."""
    return lambda row: albums.at_tap(album, row, f"{method}@{tap}", sign)


def _fused(album: albums.Album, method: str, row: int) -> tuple[np.ndarray, str]:
    return albums.fused(album, row, method)


def across(album: albums.Album) -> int:
    """Return how many images stand in a row of a class's sheet (int)."""
    return max(1, paper.fitting(ACROSS, LEAST, 0.8) // (1 + len(album.methods)))


def shared_taps(album: albums.Album, methods: tuple[str, ...] | list[str]) -> list[str]:
    """Return the taps (list of str) that all of the methods have maps at."""
    taps = [[albums.split(name)[1] for name in album.methods.get(method, [])] for method in methods]
    return [tap for tap in taps[0] if all(tap in others for others in taps)]


def last_tap(album: albums.Album, methods: tuple[str, ...] | list[str]) -> str | None:
    """Return the last tap that all of the methods have maps at, None without any."""
    return next(reversed(shared_taps(album, methods)), None)


def _rows_of(
    album: albums.Album,
    group: tuple[int, ...],
    heads: list[str],
    makers: Sequence[Maker],
    below: str,
) -> Mosaic:
    """One row an image: the image, and what each maker gives."""
    rows: Lines = []
    words: Written = {"notes": {}, "marks": {}}
    for row in group:
        maps = [make(row) for make in makers]
        name = fitted(captions.stem(album, row), captions.ROW_NAME) if len(group) > 1 else ""
        rows.append((name, _line(album, row, maps, words, len(rows))))
    return draw(
        captions.title(album, group, below),
        ["image", *heads],
        rows,
        [_bar(album)],
        side=1.15 if len(heads) > 3 else 1.5,
        **words,
    )


def _line(
    album: albums.Album,
    row: int,
    maps: list[tuple[np.ndarray, str]],
    words: Written,
    line: int,
    first: int = 0,
) -> list[np.ndarray | None]:
    """An image and its maps from column `first` on; a constant one is marked, and one that is zero everywhere gives way to words."""
    for place, (_, lacks) in enumerate(maps, first + 1):
        if lacks:
            words["notes" if lacks == albums.NOTHING else "marks"][line, place] = lacks
    return [
        _frame(album, row),
        *(
            None if lacks == albums.NOTHING else _shown(album, row, values)
            for values, lacks in maps
        ),
    ]


def _frame(album: albums.Album, row: int) -> np.ndarray:
    return album.frame(int(album.sample[row]))


def _shown(album: albums.Album, row: int, values: np.ndarray) -> np.ndarray:
    return (
        blending.peer(_frame(album, row), values)
        if album.compat == "cam"
        else blending.over(_frame(album, row), values)
    )


def _bar(album: albums.Album) -> Bar:
    return JET if album.compat == "cam" else UNIT
