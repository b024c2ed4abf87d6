"""What stands above, beside and below the pictures of a maps store: names of methods, images, targets and taps."""

import os

from gradtools.figures import page
from gradtools.figures.overlays import album as albums
from gradtools.figures.overlays.mosaic import fitted
from gradtools.selection import map_methods
from gradtools.store import paths

ROW_NAME = 1.0  # inches


def method_head(method: str) -> str:
    """Return a method's name in the field, its channels below."""
    known, channels = map_methods.split(method)
    if known is None:
        return page.shortened(method, 16)
    return map_methods.METHODS[known].head + (
        f"\n{page.shortened(channels, 14)}" if channels else ""
    )


def row_name(album: albums.Album, group: tuple[int, ...], row: int, method: str) -> str:
    """Return what a row of a method's pictures is called; of a pair with the image's name below."""
    return (
        method_head(method)
        if len(group) == 1
        else f"{method_head(method)}\n{fitted(stem(album, row), ROW_NAME)}"
    )


def stem(album: albums.Album, row: int) -> str:
    """Return the last part of an image's name, without suffix."""
    return page.shown(
        os.path.splitext(os.path.basename(album.store.ids[int(album.sample[row])]))[0]
    )


def caption(album: albums.Album, row: int, inches: float, between: str = ": ") -> str:
    """Return an image's name, target and score in a width (inches)."""
    name, score = stem(album, row), f" {album.score[row]:.3g}"
    about = page.shown(albums.target_name(album, row))
    if between == "\n":
        return f"{fitted(name, inches)}\n{fitted(about, inches, score)}"
    return f"{fitted(name, inches / 2)}{between}{fitted(about, inches / 2, score)}"


def title(album: albums.Album, group: tuple[int, ...], below: str) -> str:
    """Return which image or pair, the class or likeness, and its score; the taps below."""
    names = " and ".join(
        page.shortened(album.store.ids[int(album.sample[row])], 34) for row in group
    )
    form = album.store.attributes(paths.MAPS).get("score", "score") if len(group) == 1 else "score"
    first = f"{names}\n{page.shown(albums.target_name(album, group[0]))}: {form} {album.score[group[0]]:.4g}"
    answered = page.shown(albums.answer_in_words(album, group[0])) if len(group) == 1 else ""
    lines = [f"{first}; {below}" if below else first, answered]
    return "\n".join(line for line in lines if line)


def taps_line(album: albums.Album, methods: list[str] | None = None) -> str:
    """Return which taps there are, and how each method's became one; a method whose taps are others than most is named with its own."""
    taps = {
        method: [albums.split(name)[1] for name in album.methods[method]]
        for method in methods or album.methods
    }
    shared = max(
        taps.values(),
        key=lambda taps_of_method: sum(taps_of_method == other for other in taps.values()),
    )
    others = {
        tuple(taps_shown): [
            name for name, taps_of_method in taps.items() if taps_of_method == taps_shown
        ]
        for taps_shown in taps.values()
        if taps_shown != shared
    }
    line = _fused_in_words(album, shared) + "".join(
        f"; {', '.join(names)} {_fused_in_words(album, taps_shown)}"
        for taps_shown, names in others.items()
    )
    return line + (f", as --compat {album.compat}" if album.compat else "")


def _fused_in_words(album: albums.Album, taps: list[str] | tuple[str, ...]) -> str:
    """`at layer4`, or `mean of layer3 and layer4`."""
    return (
        f"at {taps[0]}"
        if len(taps) == 1
        else f"{album.fuse} of {page.shortened(' and '.join(taps), 48)}"
    )
