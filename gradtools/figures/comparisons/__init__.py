"""The pictures of `compare`: two trees face to face, what moved, a matrix of comparisons, a curve over checkpoints."""

import importlib

from gradtools.errors import GradtoolsError
from gradtools.figures import page

PICTURES = ("tanglegram", "moved", "matrix", "curve")
SHOWN = {
    "cka_debiased": "debiased linear CKA",
    "cka": "linear CKA",
    "rsa_pearson": "RSA (Pearson)",
    "rsa_spearman": "RSA (Spearman)",
}


def compared(
    found: list, picture: str, path: str, by: str = "cka_debiased", positions=None
) -> None:
    """Draw what `compare` found.

    Parameters
    ----------
    found : selection.comparisons.Comparisons
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
        figure = draw(found, by, SHOWN[by])
    else:
        figure = draw(found, *positions) if picture == "curve" else draw(found, _pair(found))
    page.save(figure, path)


def _pair(found):
    """The comparison that a picture of one is of."""
    if len(found.comparisons) > 1:
        raise GradtoolsError(
            f"this picture is of one pair, and {len(found.comparisons)} are compared: name two stores and one --feature, "
            "or take --picture matrix"
        )
    return found.comparisons[0]
