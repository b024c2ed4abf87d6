"""The bar table: pair AUC of each feature and agreement of its clusters with the classes, grouped by model."""

import textwrap
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.artist import Artist
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from gradtools.errors import GradtoolsError
from gradtools.figures import page
from gradtools.selection.subjects import Subject
from gradtools.tables import per_model as model
from gradtools.tables.model import why_missing
from gradtools.tables.per_model import by_role
from gradtools.tables.wording import FILLED_BY

if TYPE_CHECKING:
    from matplotlib.axes import Axes

CHANCE = 0.5
SIDE_BY_SIDE = 30  # bars a panel, beyond which the panels stand one below the other
# Grey is the control's.
FEATURE_COLOURS = tuple(colour for colour in page.COLOURS if colour not in ("#94a4a2", "#717581"))
CONTROL: page.Style = {"facecolor": "#d9d9d9", "edgecolor": "#595959", "hatch": "////"}
ERROR: page.Style = {"elinewidth": 0.7, "capsize": 1.2, "capthick": 0.7, "ecolor": "black"}
REFERENCES: dict[str, page.Style] = {
    "argmax itself": {"color": "black", "linestyle": "-"},
    "random labels": {"color": "black", "linestyle": ":"},
}


@page.styled
def draw_given_prediction(subjects: list[Subject]) -> Figure:
    """Pair AUC with 95 % intervals, over all pairs and given the same prediction, where the class row is at chance.

    Parameters
    ----------
    subjects : list of evaluate.subjects.Subject

    Returns
    -------
    Figure
    """
    panels = list(_similarities(subjects))
    panels = [
        (f"{title}{words}", results, bar)
        for title, results, _ in panels[:1]
        for words, bar in (("", _auc), (", given the same prediction", _auc_given_prediction))
    ]
    if not panels:
        raise GradtoolsError(f"nothing to draw: {FILLED_BY['similarity']} computes it")
    return _drawn(subjects, panels)


@page.styled
def draw(subjects: list[Subject]) -> Figure:
    """Pair AUC with 95 % intervals, one panel a metric; beside it ARI over the repeats, one panel a method.

    Parameters
    ----------
    subjects : list of evaluate.subjects.Subject

    Returns
    -------
    Figure
    """
    panels = [*_similarities(subjects), *_clusterings(subjects)]
    if not panels:
        raise GradtoolsError(
            f"nothing to draw: {FILLED_BY['similarity']} and {FILLED_BY['clustering']} compute it"
        )
    return _drawn(subjects, panels)


def _drawn(subjects: list[Subject], panels: list[tuple[str, list[dict], Callable]]) -> Figure:
    """A panel for each (title, results of each model by role, how a bar is read)."""
    features = model.headline([results for _, results_of, _ in panels for results in results_of])
    stacked = len(subjects) * len(features) > SIDE_BY_SIDE or page.narrow()
    shape = (len(panels), 1) if stacked else (1, len(panels))
    width = page.width() if stacked or len(panels) > 1 else page.WIDTH / 2
    figure = page.sheet(width, 0.9 + 1.7 * shape[0] if stacked else 2.7)
    axes = figure.subplots(*shape, squeeze=False).ravel()
    for panel, (title, results_of, bar) in zip(axes, panels):
        _groups(panel, results_of, features, bar)
        panel.set_title(title)
        _say_empty(panel, results_of, bar)
        _name_models(panel, subjects, panel.get_subplotspec().is_last_row(), width / shape[1])
    for panel, (title, results_of, _) in zip(axes, panels):
        _reference_lines(panel, results_of, title)
    _legend(figure, features, [results_of for _, results_of, bar in panels if bar is _agreement])
    counts = [
        measured.facts["rows"]
        for _, results_of, _ in panels
        for results in results_of
        for measured in results.values()
    ]
    figure.suptitle(f"{page.samples(counts)}; error bars: 95 % intervals")
    return figure


def _say_empty(panel: "Axes", results_of: list[dict[str, model.Result]], bar: Callable) -> None:
    """Write the reason into a panel of pair AUC given the prediction that has no bar."""
    results = [measured for results in results_of for measured in results.values()]
    if bar is _auc_given_prediction and all(bar(one)[0] != bar(one)[0] for one in results):
        why = textwrap.fill(why_missing(results[0], "auc_same_prediction"), 32)
        place = panel.transAxes
        panel.text(0.5, 0.75, f"no value:\n{why}", ha="center", va="center", transform=place)


def _similarities(
    subjects: list[Subject],
) -> Iterator[tuple[str, list[dict[str, model.Result]], Callable]]:
    """(title, {role: Result} of each model, how a bar is read) of every metric."""
    for metric in sorted({metric for subject in subjects for _, metric in subject.similarity}):
        results_of = [by_role(subject, subject.similarity, metric) for subject in subjects]
        if any(
            _auc(measured)[0] == _auc(measured)[0]
            for results in results_of
            for measured in results.values()
        ):
            yield f"pair AUC by {metric}", results_of, _auc


def _clusterings(
    subjects: list[Subject],
) -> Iterator[tuple[str, list[dict[str, model.Result]], Callable]]:
    """The same of every method of clustering."""
    stored = {method for subject in subjects for _, method in subject.clusters}
    for method in filter(stored.__contains__, page.METHODS):
        results_of = [by_role(subject, subject.clusters, method) for subject in subjects]
        yield f"ARI of {page.METHODS[method]}", results_of, _agreement


def _auc(measured: model.Result) -> tuple[float, float, float]:
    """Value, low, high."""
    return measured.get("auc")[:3]


def _auc_given_prediction(measured: model.Result) -> tuple[float, float, float]:
    """The same among pairs of equal prediction."""
    return measured.get("auc_same_prediction")[:3]


def _agreement(measured: model.Result) -> tuple[float, float, float]:
    """Mean ARI over the repeats and its interval; the spread over the repeats where there is none."""
    values = np.asarray(measured.columns["ari"])
    mean = float(values.mean())
    low, high = (float(measured.facts.get(f"ari_{end}", np.nan)) for end in ("low", "high"))
    return (
        (mean, low, high)
        if low == low
        else (mean, mean - float(values.std()), mean + float(values.std()))
    )


def _groups(
    panel: "Axes", results_of: list[dict[str, model.Result]], features: list[str], bar: Callable
) -> None:
    """One group of bars a model, one bar a feature."""
    width = 0.84 / len(features)
    for index, feature in enumerate(features):
        at = np.arange(len(results_of)) + (index - (len(features) - 1) / 2) * width
        missing = (np.nan, np.nan, np.nan)
        values, low, high = np.array(
            [bar(results[feature]) if feature in results else missing for results in results_of]
        ).T
        panel.bar(
            at, values, width * 0.92, label=feature, linewidth=0.5, **_look(feature, features)
        )
        # A percentile interval may leave the value itself out.
        panel.errorbar(
            at, values, np.clip([values - low, high - values], 0, None), fmt="none", **ERROR
        )
    panel.set_xlim(-0.5, len(results_of) - 0.5)


def _look(feature: str, features: list[str]) -> page.Style:
    """Colour of a feature; the control is grey and hatched."""
    if feature == "weight":
        return CONTROL
    return {"facecolor": FEATURE_COLOURS[features.index(feature) % len(FEATURE_COLOURS)]}


def _reference_lines(panel: "Axes", results_of: list[dict[str, model.Result]], title: str) -> None:
    """Chance for pair AUC; for ARI what the argmax itself and random labels reach, over each model's group."""
    if title.startswith("pair AUC"):
        panel.axhline(CHANCE, color="black", linestyle="--", linewidth=0.8)
        panel.set(ylabel="pair AUC", ylim=(0, 1.02))
        return
    for index, results in enumerate(results_of):
        facts = next((measured.facts for measured in results.values()), {})
        for name, fact in (("argmax itself", "argmax_ari"), ("random labels", "random_ari")):
            if fact in facts:
                panel.hlines(
                    facts[fact],
                    index - 0.47,
                    index + 0.47,
                    linewidth=1,
                    zorder=3,
                    **REFERENCES[name],
                )
    panel.set(ylabel="ARI with the classes", ylim=(min(-0.05, panel.get_ylim()[0]), 1.02))


def _name_models(panel: "Axes", subjects: list[Subject], bottom: bool, width: float) -> None:
    """Models below their groups, slanted where they would run into each other."""
    names = [page.shortened(subject.name, 24) for subject in subjects]
    slanted = max(map(len, names)) * 0.062 > (width - 0.5) / len(names)
    slant: page.Style = {"rotation": 25, "ha": "right", "rotation_mode": "anchor"}
    panel.set_xticks(
        range(len(names)), names if bottom else [""] * len(names), **(slant if slanted else {})
    )
    panel.tick_params(axis="x", length=0)


def _legend(
    figure: Figure, features: list[str], clusterings: list[list[dict[str, model.Result]]]
) -> None:
    """Features, then the lines."""
    handles: list[Artist] = [
        Patch(
            linewidth=0.5,
            label=page.feature(feature).replace("\n", " "),
            **_look(feature, features),
        )
        for feature in features
    ]
    handles.append(
        Line2D([], [], color="black", linestyle="--", linewidth=0.8, label="chance (pair AUC)")
    )
    if clusterings:
        handles += [
            Line2D([], [], linewidth=1, label=name, **look) for name, look in REFERENCES.items()
        ]
    figure.legend(
        handles=handles,
        loc="outside lower center",
        ncols=page.legend_columns([str(handle.get_label()) for handle in handles], 4),
        handlelength=1.8,
        columnspacing=1.4,
    )
