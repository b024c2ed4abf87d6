"""What every picture shares: type sizes, colours, names, and how it becomes a file.

matplotlib is imported when something is drawn with it: `check` runs before a command's work, and pages of pictures need none.
"""

from __future__ import annotations

import contextlib
import io
import os
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, BinaryIO, ParamSpec, TypeVar

from gradtools import store
from gradtools.errors import UsageError
from gradtools.figures import paper

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.figure import Figure, FigureBase

P = ParamSpec("P")
R = TypeVar("R")

_KEPT: ContextVar[dict[str, bytes] | None] = ContextVar("pictures kept in memory", default=None)

SUFFIXES = (".png", ".svg", ".pdf")
WIDTH = 7.2  # inches: both columns of a paper
NARROW = 5.0  # inches below which panels stand one below the other
PAPER_TYPE = 8 / 7  # of the sizes below, where a width was asked for: 8 points of titles and labels
DPI = 200
GREY = "#8c8c8c"
MAKER = "gradtools"  # PNG files say who made them

# Ten colours that stay apart for colour-blind readers (Petroff 2021, arXiv:2107.02270).
COLOURS = (
    "#3f90da",
    "#ffa90e",
    "#bd1f01",
    "#94a4a2",
    "#832db6",
    "#a96b59",
    "#e76300",
    "#b9ac70",
    "#717581",
    "#92dadd",
)

METHODS = {"kmeans": "k-means", "gmm": "GMM", "agglomerative": "agglomerative"}

Style = dict[str, Any]  # keywords of matplotlib

# Names come from folders and files: a dollar in one does not begin a formula.
STYLE: Style = {
    "font.family": "DejaVu Sans",
    "font.size": 7,
    "axes.titlesize": 7,
    "axes.labelsize": 7,
    "figure.titlesize": 8,
    "xtick.labelsize": 6.5,
    "ytick.labelsize": 6.5,
    "legend.fontsize": 6.5,
    "legend.frameon": False,
    "axes.linewidth": 0.6,
    "lines.linewidth": 1.2,
    "hatch.linewidth": 0.6,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "text.parse_math": False,
    "pdf.fonttype": 42,
    "svg.hashsalt": "gradtools",
}


def styled(draw: Callable[P, R]) -> Callable[P, R]:
    """Wrap a function that makes a Figure in the style of the house, whatever the user's matplotlibrc says."""

    def drawn(*arguments: P.args, **options: P.kwargs) -> R:
        with style():
            return draw(*arguments, **options)

    drawn.__doc__ = draw.__doc__
    return drawn


@contextlib.contextmanager
def style() -> Iterator[None]:
    """Return a context with matplotlib's own defaults and STYLE over them, in the type of a paper where a width was asked for."""
    import matplotlib.style

    larger = PAPER_TYPE if paper.chosen_width() else 1.0
    sizes = {name: size * larger for name, size in STYLE.items() if name.endswith("size")}
    sizes["figure.titlesize"] = STYLE["figure.titlesize"]
    with matplotlib.style.context(["default", STYLE | sizes]):
        yield


def width() -> float:
    """Return the inches of a picture across: what was asked for, else WIDTH."""
    return paper.chosen_width() or WIDTH


def narrow() -> bool:
    """Return True if panels are to stand one below the other."""
    return width() < NARROW


def legend_columns(labels: Iterable[str], most: int) -> int:
    """Return in how many columns a legend fits a width that was asked for; `most` without one."""
    if not paper.chosen_width():
        return most
    letter = 0.56 / 72 * STYLE["legend.fontsize"] * PAPER_TYPE  # inches of a mean one
    widest = max((len(label) for label in labels), default=0) * letter + 0.45
    return max(1, min(most, int(width() / widest)))


def legend_below(
    figure: FigureBase, handles: Sequence[Artist], labels: Sequence[str], most: int
) -> None:
    """Put a legend below the panels, in at most so many columns and as many as a width that was asked for has room for."""
    columns = legend_columns(labels, most)
    figure.legend(handles, labels, loc="outside lower center", ncols=columns)


def sheet(across: float, height: float, pictures: bool = False) -> Figure:
    """Make an empty Figure, laid out without overlap, on no screen.

    Parameters
    ----------
    across, height : float
        Inches, where no width was asked for.
    pictures : bool
        Whether it holds pictures whose shape is theirs, so that height follows from width.
    """
    from matplotlib.figure import Figure

    chosen = paper.chosen_width()
    if chosen is None:
        return Figure(figsize=(across, height), dpi=DPI, layout="constrained")
    tall = height * max(1.0, chosen / across) if pictures else height
    figure = Figure(figsize=(chosen, tall), dpi=DPI)
    figure.set_layout_engine("compressed" if pictures else "constrained")
    return figure


def _fitted(figure: Figure) -> Figure:
    """Return a figure whose words fit the width that was asked for."""
    engine = figure.get_layout_engine()
    if paper.chosen_width() and engine is not None:
        from gradtools.figures import fit

        fit.fit(figure, getattr(engine, "_compress", False))
    return figure


def check(path: str) -> None:
    """Refuse a picture that could not be written, before the work for it is done.

    Raises
    ------
    UsageError
        The suffix is none of SUFFIXES, or the folder does not exist.
    """
    if os.path.splitext(path)[1].lower() not in SUFFIXES:
        raise UsageError(f"--figure {path}: end its name in .png, .svg or .pdf")
    folder = os.path.dirname(path) or "."
    if not os.path.isdir(folder):
        raise UsageError(f"--figure {path}: the folder {folder} does not exist: make it first")


def save(figure: Figure, path: str, option: str = "--figure") -> None:
    """Write a Figure under its final name only when it is whole; the same Figure gives the same bytes.

    Parameters
    ----------
    figure : Figure
    path : str
        Where the picture goes: .png, .svg or .pdf; replaced where it exists.
    option : str
        What the caller named the path with, for the errors.

    Raises
    ------
    UsageError
        As `check`.
    GradtoolsError
        The file cannot be written.
    """
    suffix = os.path.splitext(path)[1].lower()
    undated = {".png": {"Software": MAKER}, ".svg": {"Date": None}, ".pdf": {"CreationDate": None}}

    def draw(target: BinaryIO) -> None:
        with style(), warnings.catch_warnings():
            # A character that the font lacks is drawn as a box.
            warnings.filterwarnings("ignore", "Glyph .* missing from font")
            _fitted(figure).savefig(target, dpi=DPI, metadata=undated[suffix], format=suffix[1:])

    write(path, option, draw)


def save_pages(figures: Iterable[Figure], path: str, option: str = "--figure") -> None:
    """Write Figures as the pages of a PDF; parameters and errors as for `save`.

    Raises
    ------
    UsageError
        Another suffix.
    """
    from matplotlib.backends.backend_pdf import PdfPages

    if not path.lower().endswith(".pdf"):
        raise UsageError(f"{option} {path}: pages go into a .pdf")

    def draw(target: BinaryIO) -> None:
        with style(), warnings.catch_warnings():
            warnings.filterwarnings("ignore", "Glyph .* missing from font")
            with PdfPages(target, metadata={"CreationDate": None}) as pages:
                for figure in figures:
                    pages.savefig(_fitted(figure))

    write(path, option, draw)


def write(path: str, option: str, draw: Callable[[BinaryIO], None]) -> None:
    """Write what `draw` draws; the file appears under its name when it is whole. Errors as for `save`.

    It is drawn in memory: matplotlib fails with errors of its own when a disk is full.
    """
    drawn, kept = io.BytesIO(), _KEPT.get()
    if kept is not None:
        draw(drawn)
        kept[path] = drawn.getvalue()
        return
    check(path)
    draw(drawn)
    with store.whole_file(path, option) as part, open(part, "wb") as file:
        file.write(drawn.getbuffer())


@contextlib.contextmanager
def in_memory() -> Iterator[dict[str, bytes]]:
    """Keep pictures as bytes under their paths instead of writing them, for a page that has them inside."""
    kept: dict[str, bytes] = {}
    token = _KEPT.set(kept)
    try:
        yield kept
    finally:
        _KEPT.reset(token)


def png(figure: Figure) -> bytes:
    """Return a Figure as the bytes of a PNG."""
    target = io.BytesIO()
    with style(), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing from font")
        figure.savefig(target, dpi=figure.dpi, metadata={"Software": MAKER}, format="png")
    return target.getvalue()


def shown(name: str) -> str:
    """Return a name as it can be drawn: bytes that are not UTF-8, and invisible characters, are escaped."""
    text = str(name).encode("utf-8", "backslashreplace").decode()
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def feature(name: str) -> str:
    """Return a feature's name on two lines, its tap below; the control says that it is one."""
    kind, _, tap = name.partition("@")
    if kind == "weight":
        return "class row\n(control)"
    return f"{kind}\n{shortened(tap, 22)}" if tap else kind


def shortened(name: str, length: int, at_end: bool = False) -> str:
    """Shorten a name to at most so many characters: at its beginning, since the end of a path says more, or at its end."""
    name = shown(name)
    if len(name) <= length:
        return name
    return name[: length - 1] + "…" if at_end else "…" + name[1 - length :]


def samples(counts: Iterable[str | int | float]) -> str:
    """Return '500 samples', or the range where the models' numbers differ."""
    ordered = sorted({int(count) for count in counts})
    return (
        f"{ordered[0]} samples" if len(ordered) == 1 else f"{ordered[0]} to {ordered[-1]} samples"
    )
