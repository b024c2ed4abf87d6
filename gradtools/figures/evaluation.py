"""The pictures of `evaluate`: what the stores of several models hold. Each loads the file that draws it, and no other."""

from typing import TYPE_CHECKING

from matplotlib.figure import Figure

from gradtools.errors import GradtoolsError
from gradtools.figures import page
from gradtools.selection.subjects import Subject
from gradtools.tables import per_model as model
from gradtools.tables.per_model import by_role
from gradtools.tables.wording import FILLED_BY

if TYPE_CHECKING:
    import numpy as np

    from gradtools.figures.planes import Plane

PICTURES = ("prediction", "bars", "heat", "pca", "taps", "deletion", "confusion", "choices")
OF_LAYOUT = {
    "clustering": "bars",
    "layers": "taps",
    "channels": "deletion",
    "confusion": "confusion",
    "choices": "choices",
}  # of the others it is the main question's


def evaluated(
    subjects: list[Subject], picture: str | None, path: str, layout: str = "summary"
) -> str:
    """Draw what the stores hold of several models, and return the picture's name.

    Parameters
    ----------
    subjects : list of evaluate.subjects.Subject
    picture : one of PICTURES, optional
        By default that of the layout, and where the stores hold nothing for it the first that they can fill.
        prediction: pair AUC, over all pairs and given the same prediction; bars: pair AUC and ARI; heat: class x prediction; pca: true class and clusters; taps: the curve over taps; deletion: deletion
        and insertion of channels; confusion: answers by label; choices: the headline under every choice.
    path : str
        As for `page.save`, and the errors too.
    layout : str
        As of `evaluate`.

    Raises
    ------
    GradtoolsError
        The stores hold nothing for the picture; names the command that computes it.
    """
    page.check(path)
    name, figure = _drawn(subjects, [picture] if picture else _default(layout))
    page.save(figure, path)
    return name


def _default(layout: str) -> list[str]:
    """Return the names of the pictures to try, the layout's own first; `choices` only where it is asked for."""
    own = OF_LAYOUT.get(layout, PICTURES[0])
    return [own, *(name for name in PICTURES if name not in (own, "choices"))]


def _drawn(subjects: list[Subject], names: list[str]) -> tuple[str, Figure]:
    """Return the first of the pictures that the stores can fill; the first one's error where they can fill none."""
    errors = []
    measured = [subject for subject in subjects if subject.similarity or subject.clusters]
    for name in names:
        try:  # a tree of classes has no bar
            of_features = name in ("prediction", "bars", "heat", "taps") and measured
            return name, DRAWN[name](measured if of_features else subjects)
        except GradtoolsError as error:
            errors.append(error)
    raise errors[0]


def _prediction(subjects: list[Subject]) -> "Figure":
    """The main question: what is left given the same prediction."""
    from gradtools.figures import bars

    return bars.draw_given_prediction(subjects)


def _confusion(subjects: list[Subject]) -> "Figure":
    """One matrix a model."""
    from gradtools.figures import confusion

    return confusion.draw(subjects)


def _choices(subjects: list[Subject]) -> "Figure":
    """The headline under every choice."""
    from gradtools.figures import choices

    return choices.draw(subjects)


def _bars(subjects: list[Subject]) -> "Figure":
    """One group of bars a feature."""
    from gradtools.figures import bars

    return bars.draw(subjects)


def _taps(subjects: list[Subject]) -> "Figure":
    """One curve a model."""
    from gradtools.figures import curves

    return curves.draw(subjects)


def _heat(subjects: list[Subject]) -> "Figure":
    """One row a model, one column a feature of the table's head."""
    from gradtools.figures import heat

    maps = {}
    for metric in sorted({metric for subject in subjects for _, metric in subject.similarity}):
        results_of = [by_role(subject, subject.similarity, metric) for subject in subjects]
        names = model.headline(results_of)
        maps[metric] = [
            (subject.name, {name: results.get(name) for name in names})
            for subject, results in zip(subjects, results_of)
        ]
    if not maps:
        raise GradtoolsError(f"no similarities to draw: {FILLED_BY['similarity']} computes them")
    return heat.draw(maps)


def _deletion(subjects: list[Subject]) -> "Figure":
    """The curves of every model whose channels were measured."""
    from gradtools.figures import deletion

    return deletion.drawn(
        {
            subject.name: {name: found for (_, name), found in subject.channels.items()}
            for subject in subjects
        }
    )


def _pca(subjects: list[Subject]) -> "Figure":
    """One grid a model that was clustered."""
    from gradtools.figures import planes

    grids = [
        planes.Grid(subject.name, subject.labels, subject.class_names, _planes(subject))
        for subject in subjects
        if subject.projections
    ]
    if not grids:
        raise GradtoolsError(f"no projections to draw: {FILLED_BY['clustering']} computes them")
    return planes.draw(grids)


def _planes(subject: Subject) -> "list[Plane]":
    """The stored projections of a model, in the order of the tables."""
    from gradtools.figures import planes

    features = {model.role(subject, feature): feature for feature in subject.projections}
    return [
        planes.Plane(
            role,
            subject.projections[features[role]][0],
            subject.projections[features[role]][1],
            _stored_repeats(subject, features[role]),
        )
        for role in model.headline([features])
        if role in features
    ]


def _stored_repeats(subject: Subject, feature: str) -> "dict[str, tuple[np.ndarray, float]]":
    """{method: (labels, ARI)} of a feature's repeats nearest the mean."""
    from gradtools.figures import planes

    return {
        method: planes.typical_repeat(measured)
        for (name, method), measured in subject.clusters.items()
        if name == feature and measured.labels is not None
    }


DRAWN = {
    "prediction": _prediction,
    "bars": _bars,
    "heat": _heat,
    "pca": _pca,
    "taps": _taps,
    "deletion": _deletion,
    "confusion": _confusion,
    "choices": _choices,
}
