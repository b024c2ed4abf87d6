"""The pictures of `compare`: two trees face to face, what moved, a matrix of comparisons, a curve over checkpoints."""

import importlib
from typing import TYPE_CHECKING

from gradtools.errors import GradtoolsError
from gradtools.figures import page

if TYPE_CHECKING:
    import numpy as np

    from gradtools.selection.comparisons import Comparison, Comparisons

PICTURES = ("tanglegram", "moved", "matrix", "curve")
SHOWN = {
    "cka_debiased": "debiased linear CKA",
    "cka": "linear CKA",
    "rsa_pearson": "RSA (Pearson)",
    "rsa_spearman": "RSA (Spearman)",
}


def compared(
    comparisons: "Comparisons",
    picture: str,
    path: str,
    by: str = "cka_debiased",
    positions: "tuple[np.ndarray, str] | None" = None,
) -> None:
    """Draw what `compare` found.

    Parameters
    ----------
    comparisons : selection.comparisons.Comparisons
    picture : one of PICTURES
    path : str
        As for `page.save`, and the errors too.
    by : one of SHOWN
        What the matrix shows.
    positions : (values (m,), label), optional
        Where each store stands on the curve: `compare.positions`.

    Raises
    ------
    GradtoolsError
        There is nothing for the picture.
    """
    page.check(path)
    draw = importlib.import_module(f"gradtools.figures.comparisons.{picture}").draw
    if picture == "matrix":
        figure = draw(comparisons, by, SHOWN[by])
    elif picture == "curve" and positions is not None:
        figure = draw(comparisons, *positions)
    else:
        figure = draw(comparisons, _pair(comparisons))
    page.save(figure, path)


def _pair(comparisons: "Comparisons") -> "Comparison":
    """The comparison that a picture of one is of."""
    if len(comparisons.comparisons) > 1:
        raise GradtoolsError(
            f"this picture is of one pair, and {len(comparisons.comparisons)} are compared: name two stores and one --feature, "
            "or take --picture matrix"
        )
    return comparisons.comparisons[0]
