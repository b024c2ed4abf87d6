"""How wide pictures are: one or two columns of a paper, so many inches, or each its own width.

Columns of papers: 3.25 and 6.75 or 6.875 inches (ICML, CVPR), 3.33 and 7.0 (ACM), 3.5 and 7.16 (IEEE), 3.5 and 7.2 (Nature). The narrowest fit them all.
"""

from contextvars import ContextVar

from gradtools.errors import UsageError

COLUMNS = {"one-column": 3.25, "two-columns": 6.75}
NARROWEST, WIDEST = 2.0, 40.0
_WIDTH: ContextVar[float | None] = ContextVar("width of pictures in inches", default=None)


def inches(text: str) -> float:
    """Return the width that a user wrote: a name of COLUMNS, or inches.

    Raises
    ------
    UsageError
        It is none of COLUMNS, or not from NARROWEST to WIDEST.
    """
    if text in COLUMNS:
        return COLUMNS[text]
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not NARROWEST <= value <= WIDEST:
        raise UsageError(
            f"--width {text}: write {', '.join(COLUMNS)}, or inches from {NARROWEST:g} to {WIDEST:g}"
        )
    return value


def set_width(width: float | None) -> None:
    """Make the pictures that follow so many inches wide; None: each as wide as it is by itself."""
    _WIDTH.set(width)


def chosen_width() -> float | None:
    """Return the inches that were asked for, None where none were."""
    return _WIDTH.get()


def fitting(count: int, least: float, margin: float = 0.0) -> int:
    """Return how many of so many things, each of at least so many inches, stand beside each other; all where no width was asked for."""
    width = chosen_width()
    return count if width is None else max(1, min(count, int((width - margin) / least)))
