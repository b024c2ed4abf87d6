"""The curve over taps: how gradient and activation depend on class and prediction, from the first tap to the last."""

from typing import TYPE_CHECKING

import numpy as np

from gradtools.errors import GradtoolsError
from gradtools.figures import page
from gradtools.tables import per_model as model
from gradtools.tables.wording import FILLED_BY

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

STATISTICS = {
    "same_class_same_prediction": "same class, same prediction",
    "within": "within class",
    "auc": "pair AUC",
}
KINDS = ("gradient", "activation")
MARKERS = "osD^vP"
SHIFT = 0.07  # between models' points at one tap, so that their intervals do not overlap


@page.styled
def draw(subjects: list[model.Subject]) -> "Figure":
    """Draw one row a statistic, columns gradient and activation, one line a model, with 95 % intervals.

    Parameters
    ----------
    subjects : list of evaluate.subjects.Subject

    Returns
    -------
    Figure
    """
    metric = _metric(subjects)
    names = _tap_names(subjects)
    curves = {
        kind: [_along(subject, named, kind, metric) for subject, named in zip(subjects, names)]
        for kind in KINDS
    }
    kinds = [kind for kind in KINDS if any(len(curve) > 1 for curve in curves[kind])]
    if not kinds:
        raise GradtoolsError(
            f"no model has two taps to draw a curve over: {FILLED_BY['layers']} fills it"
        )
    taps = merged([list(curve) for kind in kinds for curve in curves[kind]])
    figure = page.sheet(page.WIDTH if len(kinds) > 1 else page.WIDTH / 2, 5.2)
    axes = figure.subplots(len(STATISTICS), len(kinds), sharex=True, sharey="row", squeeze=False)
    for column, kind in zip(axes.T, kinds):
        column[0].set_title(kind, weight="bold")
        for panel, statistic in zip(column, STATISTICS):
            _panel(panel, subjects, curves[kind], taps, statistic)
        column[-1].set_xticks(
            range(len(taps)),
            [page.shortened(tap, 20) for tap in taps],
            rotation=35,
            ha="right",
            rotation_mode="anchor",
        )
        column[-1].set_xlabel("tap, in order of execution")
    for panel, (statistic, title) in zip(axes[:, 0], STATISTICS.items()):
        panel.set_ylabel(title if statistic == "auc" else f"mean {metric},\n{title}")
    counts = [
        measured.facts["rows"]
        for kind in kinds
        for curve in curves[kind]
        for measured in curve.values()
    ]
    figure.suptitle(f"{page.samples(counts)}; error bars: 95 % intervals of resampled samples")
    handles, labels = axes[0, 0].get_legend_handles_labels()
    page.legend_below(figure, handles, labels, 4)
    return figure


def _metric(subjects: list[model.Subject]) -> str:
    """The metric with a curve: cosine where it was computed."""
    metrics = sorted({metric for subject in subjects for _, metric in subject.similarity})
    if not metrics:
        raise GradtoolsError(f"no similarities to draw: {FILLED_BY['layers']} computes them")
    return "cosine" if "cosine" in metrics else metrics[0]


def _tap_names(subjects: list[model.Subject]) -> list[dict[str, str]]:
    """{tap: its name in the picture} of each model; last-conv and last-block where models call these differently."""
    own = {
        (subject.taps.get("default_gradient"), subject.taps.get("default_activation"))
        for subject in subjects
    }
    if len(own) == 1:
        return [{tap: tap for tap in subject.order} for subject in subjects]
    return [
        {tap: model.role(subject, f"gradient@{tap}").partition("@")[2] for tap in subject.order}
        for subject in subjects
    ]


def _along(
    subject: model.Subject, named: dict[str, str], kind: str, metric: str
) -> dict[str, model.Result]:
    """{tap: Result} of a model, in order of execution."""
    stored = ((tap, subject.similarity.get((f"{kind}@{tap}", metric))) for tap in subject.order)
    return {named[tap]: measured for tap, measured in stored if measured is not None}


def merged(orders: list[list[str]]) -> list[str]:
    """Merge the taps of several models into one order: each new one stands right after the one it follows in its own model.

    Parameters
    ----------
    orders : list of list of str

    Returns
    -------
    list of str
    """
    taps: list[str] = []
    for order in orders:
        after = 0
        for tap in order:
            if tap not in taps:
                taps.insert(after, tap)
            after = taps.index(tap) + 1
    return taps


def _panel(
    panel: "Axes",
    subjects: list[model.Subject],
    curves: list[dict[str, model.Result]],
    taps: list[str],
    statistic: str,
) -> None:
    """One line a model."""
    for index, (subject, curve) in enumerate(zip(subjects, curves)):
        values, low, high = (
            np.array([measured.get(statistic)[:3] for measured in curve.values()]).reshape(-1, 3).T
        )
        at = (
            np.array([taps.index(tap) for tap in curve]) + (index - (len(subjects) - 1) / 2) * SHIFT
        )
        panel.errorbar(
            at,
            values,
            np.clip([values - low, high - values], 0, None),
            elinewidth=0.7,
            capsize=1.2,
            markersize=3,
            marker=MARKERS[index % len(MARKERS)],
            color=page.COLOURS[index % len(page.COLOURS)],
            label=page.shortened(subject.name, 30),
        )
    if statistic == "auc":
        panel.axhline(0.5, color="black", linestyle="--", linewidth=0.8)
        panel.annotate(
            "chance",
            (1, 0.5),
            (-2, 2),
            ("axes fraction", "data"),
            "offset points",
            ha="right",
            size=6,
        )
    panel.grid(axis="y", linewidth=0.3, color="#d0d0d0")
