"""Maps as pictures: `draw` fills a folder with overlays, contact sheets and the panels of the GAM paper.

Every array shown is `gradtools.math.maps.reading.read_maps` of stored maps at the size of the frame that the network saw.
"""

import collections
import functools
import itertools
import os
import re
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from gradtools.errors import GradtoolsError, UsageError
from gradtools.figures import page
from gradtools.figures.overlays import mosaic, pages
from gradtools.figures.overlays.album import check_reading, class_of, open_album, signed_methods
from gradtools.store import paths

if TYPE_CHECKING:
    from gradtools.figures.overlays.album import Album
    from gradtools.store import Store

__all__ = ["check", "draw", "draw_images", "open_album", "pictures", "sheets_of"]

LONGEST = 80  # letters of a sample's id in a file's name


def draw(
    album: "Album",
    folder: str,
    limit: int = 100,
    say: Callable[[str], None] = print,
    advance: Callable = lambda done: None,
) -> list[str]:
    """Write the pictures of an album, in the order of `pictures`.

    Parameters
    ----------
    album : Album
    folder : str
        Made where it is missing; a picture there of the same name is replaced if gradtools made it.
    limit : int
        Files at most.
    say : callable
        Takes one line for the user.
    advance : callable
        Called after every file.

    Returns
    -------
    list of str
        The files' paths.

    Raises
    ------
    GradtoolsError
        A foreign file has a picture's name, an image is not there, or a file cannot be written.
    """
    check(folder, album.fuse, album.compat)
    chosen = list(itertools.islice(pictures(album), limit))
    total = len(chosen) if len(chosen) < limit else sum(1 for _ in pictures(album))
    cut = f" of {total}: --overlay-limit {total} draws all" if total > len(chosen) else ""
    return _write(chosen, folder, "--overlay", cut, say, advance)


def draw_images(
    store: "Store",
    folder: str,
    images_dir: str | None = None,
    say: Callable[[str], None] = print,
) -> list[str]:
    """Write sheets of the images of every class; parameters, result and errors as for `draw`."""
    from gradtools.figures.overlays import plain

    _check_folder(folder, "--sheets")
    chosen: list[tuple[str, Callable]] = []
    seen: collections.Counter[str] = collections.Counter()
    for name, make in plain.sheets(store, images_dir):
        seen[name] += 1
        place = list(seen).index(name)  # two classes may have one name as a file's
        chosen.append((f"images-{place:04}-{file_name(name)}-{seen[name]:03}.png", make))
    return _write(chosen, folder, "--sheets", "", say, lambda done: None)


def _write(
    chosen: list[tuple[str, Callable]],
    folder: str,
    option: str,
    cut: str,
    say: Callable[[str], None],
    advance: Callable,
) -> list[str]:
    """Write pictures into a folder; gives their paths.

    One thread of BLAS: maps are resized by small products, and threads that wait for each other take half of the time.
    """
    from threadpoolctl import threadpool_limits

    os.makedirs(folder, exist_ok=True)
    written = []
    for name, _ in chosen:
        _refuse_foreign(os.path.join(folder, name), option)
    _say_others(folder, {name for name, _ in chosen}, say)
    with threadpool_limits(1, "blas"):
        for name, make in chosen:
            written.append(os.path.join(folder, name))
            mosaic.save(make(), written[-1], option)
            advance(1)
    say(f"{folder}: {len(written)} pictures{cut}")
    return written


def _say_others(folder: str, names: set[str], say: Callable[[str], None]) -> None:
    """Say that pictures of another run lie in the folder."""
    others = sorted(
        name for name in os.listdir(folder) if name.endswith(".png") and name not in names
    )
    if others:
        say(
            f"{folder}: {len(others)} pictures that this command does not draw are there already, "
            f"{others[0]} for one"
        )


def pictures(album: "Album") -> Iterator[tuple[str, Callable]]:
    """Yield (file name, function that makes the Mosaic) of every picture: a grid's page, a class's sheet and an image's or pair's own in turn.

    So a limit leaves some of each kind.
    """
    for turn in itertools.zip_longest(_grids(album), _sheets(album), _own(album), fillvalue=()):
        yield from itertools.chain.from_iterable(turn)


def sheets_of(album: "Album", count: int) -> Iterator[tuple[str, bytes]]:
    """Yield caption and bytes (PNG) of the first grid's page and of the first sheet of so many classes."""
    first_of_each = {
        name: next(_chunks(members, _groups_of_a_sheet(album)))
        for name, members in itertools.islice(sorted(_classes(album).items()), count)
    }
    makers = [(pages.GRID, functools.partial(pages.grid, album, next(_pages(album)), 1))]
    makers += [
        (
            f"{page.shown(name)}: {pages.SHEET}",
            functools.partial(pages.class_sheet, album, name, groups, 1),
        )
        for name, groups in first_of_each.items()
    ]
    for caption, make in makers:
        yield caption, mosaic.png(make())


def _grids(album: "Album") -> Iterator[list[tuple[str, Callable]]]:
    for number, groups in enumerate(_pages(album), 1):
        yield [(f"grid-{number:03}.png", functools.partial(pages.grid, album, groups, number))]


def _pages(album: "Album") -> Iterator[list[tuple[int, ...]]]:
    """Yield the groups of every page of a grid: a class's stand together, and every class has its first before any its next."""
    size = pages.ROWS // len(album.groups[0])
    classes = sorted(_classes(album).items())
    parts = [list(_chunks(members, size)) for _, members in classes]
    held: list[tuple[int, ...]] = []
    for part in filter(None, itertools.chain.from_iterable(itertools.zip_longest(*parts))):
        if len(held) + len(part) > size:
            yield held
            held = []
        held += part
    yield held


def _groups_of_a_sheet(album: "Album") -> int:
    """Groups (int) on a page of a class's sheet: six rows of pictures."""
    return max(1, 6 * pages.across(album) // len(album.groups[0]))


def _sheets(album: "Album") -> Iterator[list[tuple[str, Callable]]]:
    """Sheets of every class, six rows a page."""
    size = _groups_of_a_sheet(album)
    for index, (name, members) in enumerate(sorted(_classes(album).items())):
        for number, groups in enumerate(_chunks(members, size), 1):
            yield [
                (
                    f"class-{index:04}-{file_name(name)}-{number:03}.png",
                    functools.partial(pages.class_sheet, album, name, groups, number),
                )
            ]


def _own(album: "Album") -> Iterator[list[tuple[str, Callable]]]:
    """The pictures of each image or pair."""
    kinds = _kinds(album)
    for group in album.groups:
        stem = f"{group[0]:06}-{file_name(os.path.splitext(album.store.ids[int(album.sample[group[0]])])[0])}"
        yield [
            (f"{kind}-{stem}.png", functools.partial(make, album, group))
            for kind, make in kinds.items()
        ]


def file_name(text: str) -> str:
    """Return a sample's id or a class's name as part of a file's name: letters, digits, dots, hyphens; its end where it is long."""
    return (
        re.sub(r"[^A-Za-z0-9._-]+", "-", page.shown(text).replace("/", "-"))[-LONGEST:].strip(".-")
        or "unnamed"
    )


def check(folder: str, fuse: str = "mean", compat: str | None = None) -> None:
    """Refuse what cannot be drawn, before the work for it is done.

    Raises
    ------
    UsageError
        The folder cannot be one, or the maps cannot be read in this way.
    """
    _check_folder(folder, "--overlay")
    check_reading(1 + fuse.count(","), fuse, compat)


def _check_folder(folder: str, option: str) -> None:
    """Refuse what cannot be a folder."""
    above = os.path.dirname(os.path.abspath(folder))
    if os.path.lexists(folder) and not os.path.isdir(folder):
        raise UsageError(f"{option} {folder}: it exists and is not a folder: name another")
    if not os.path.isdir(above):
        raise UsageError(f"{option} {folder}: the folder {above} does not exist: make it first")


def _kinds(album: "Album") -> dict[str, Callable[["Album", tuple[int, ...]], mosaic.Mosaic]]:
    """The pictures of each group: {kind: function}, those that the store has the maps for."""
    kinds: dict[str, Callable[[Album, tuple[int, ...]], mosaic.Mosaic]] = {"overlay": pages.overlay}
    if album.compat == "ones":
        from gradtools.figures.overlays import ones

        kinds |= {
            f"ones-{file_name(tap)}": functools.partial(pages.explained, tap)
            for tap in ones.taps_of(album)
        }
    if (
        signed_methods(album) and album.compat is None and album.fuse != "product"
    ):  # two values against would count as one for
        kinds["signed"] = pages.signed
    if pages.last_tap(album, pages.COMPARED):
        kinds["figure2"] = pages.compared
    dot = album.store.attributes(paths.MAPS).get("target") == "dot"
    if dot and pages.last_tap(album, ("gradcam++", "gam")):
        kinds["figure3"] = pages.overflowing
    if any(len(album.methods.get(name, ())) > 1 for name in pages.ABLATED):
        kinds["figure8"] = pages.ablated
    if len(pages.shared_taps(album, pages.LAYERS)) > 1:
        kinds["layers"] = pages.layered
    return kinds


def _classes(album: "Album") -> dict[str, list[tuple[int, ...]]]:
    """{class: its groups}."""
    groups_of: dict[str, list[tuple[int, ...]]] = {}
    for group in album.groups:
        groups_of.setdefault(class_of(album, group), []).append(group)
    return groups_of


def _chunks(items: list[tuple[int, ...]], size: int) -> Iterator[list[tuple[int, ...]]]:
    return (items[start : start + size] for start in range(0, len(items), size))


def _refuse_foreign(path: str, option: str) -> None:
    """Stop where a file of this name was not made here."""
    if not os.path.lexists(path):
        return
    from PIL import Image

    try:
        with Image.open(path) as image:
            ours = image.info.get("Software") == page.MAKER
    except OSError:
        ours = False
    if not ours or os.path.islink(path):
        raise GradtoolsError(
            f"{option}: {path} exists and was not drawn by gradtools: move it, or choose another folder"
        )
