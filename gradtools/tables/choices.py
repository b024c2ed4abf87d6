"""The headline under every choice that the stores were made with: the specification curve, as a table (mathematics#choices)."""

import dataclasses
from collections.abc import Callable, Iterator

import numpy as np

from gradtools.selection.results import Result
from gradtools.selection.subjects import Subject
from gradtools.tables import clustering, paired, per_model
from gradtools.tables.model import Cell, Table
from gradtools.tables.wording import NOT_BOTH, ROWS, feature_head
from gradtools.tables.wording import choices as words

AGAINST = ("activation@last-block", "logits", "probabilities")
OF_MODEL = ("score", "target", "temperature", "preprocess")
Facts = dict[str, str]


@dataclasses.dataclass(frozen=True)
class Choice:
    """One way to ask: its settings by name, and the difference that resulted."""

    settings: Facts
    difference: Cell

    @property
    def value(self) -> float:
        """The difference as a number, NaN where there is none."""
        number = self.difference.number
        return np.nan if number is None else float(number)


@dataclasses.dataclass(frozen=True)
class Curve:
    """A headline under every choice, the largest difference first."""

    id: str
    title: str
    choices: list[Choice]

    @property
    def names(self) -> list[str]:
        """What was chosen differently, in order."""
        every = list(dict.fromkeys(name for choice in self.choices for name in choice.settings))
        return [
            name
            for name in every
            if len({choice.settings.get(name) for choice in self.choices}) > 1
        ] or every[:1]

    def share(self) -> float:
        """Return the share of the choices in which the headline holds."""
        return float(np.mean([choice.value > 0 for choice in self.choices]))

    def clear(self, sign: int) -> int:
        """Return in how many choices the interval leaves 0 out on one side."""
        cells = [choice.difference for choice in self.choices]
        bounds = [(c.low, c.high) for c in cells if c.low is not None and c.high is not None]
        return sum(low > 0 if sign > 0 else high < 0 for low, high in bounds)


def build(subjects: list[Subject]) -> Iterator[Table]:
    """Yield a table of every headline: a row a choice, sorted."""
    return map(_table, curves(subjects))


def curves(subjects: list[Subject]) -> Iterator[Curve]:
    """Yield every headline that the stores were asked for.

    Parameters
    ----------
    subjects : list of Subject
        One a store: several stores of one network and images may be of different choices.
    """
    for table_id, (title, statistic) in words.HEADLINES.items():
        choices = [
            choice
            for subject in subjects
            for choice in (
                _of_clusters(subject) if statistic == "ari" else _of_pairs(subject, statistic)
            )
            if choice.difference.value is not None
        ]
        choices.sort(key=lambda choice: -choice.value)
        if choices:
            yield Curve(table_id, title, choices)


def _of_pairs(subject: Subject, statistic: str) -> Iterator[Choice]:
    """Yield every gradient against every other feature, by every metric."""
    for metric in sorted({metric for _, metric in subject.similarity}):
        results = per_model.by_role(subject, subject.similarity, metric)

        def value(result: Result) -> float:
            return result.get(statistic).value

        def replicates(result: Result) -> np.ndarray:
            return result.replicate(statistic)

        sign = -1 if metric == "euclidean" and not statistic.startswith("auc") else 1
        for gradient, other, cell in _pairs(results, value, replicates, sign):
            rows = str(results[gradient].facts["normalised"])
            about = {"metric": metric, "rows": ROWS.get(rows, rows)}
            yield Choice(_facts(subject, gradient, other, about, results[gradient]), cell)


def _of_clusters(subject: Subject) -> Iterator[Choice]:
    """Yield every gradient against every other feature, by every method."""
    for method in sorted({method for _, method in subject.clusters}):
        results = per_model.by_role(subject, subject.clusters, method)
        pairs = _pairs(
            results, lambda result: float(result.column("ari").mean()), clustering.replicates
        )
        for gradient, other, cell in pairs:
            facts = results[gradient].facts
            about = {
                "method": method,
                "clusters": str(facts["k"]),
                "rows": str(facts["normalize"]),
                "PCA": str(facts["pca"]),
            }
            yield Choice(_facts(subject, gradient, other, about, results[gradient]), cell)


def _pairs(
    results: per_model.Results,
    value: Callable[[Result], float],
    replicates: Callable[[Result], np.ndarray],
    sign: int = 1,
) -> Iterator[tuple[str, str, Cell]]:
    """Yield a gradient, another feature, and the paired difference between them."""
    gradients = [name for name in per_model.ordered(results) if name.startswith("gradient@")]
    others = [name for name in AGAINST if name in results]
    others = others or [name for name in results if name.startswith("activation@")]
    for gradient in gradients:
        for other in others:
            pair = (results[gradient], results[other])
            cell = paired.difference(*(pair if sign > 0 else pair[::-1]), value, replicates)
            yield gradient, other, dataclasses.replace(cell, why=NOT_BOTH)


def _facts(subject: Subject, gradient: str, other: str, about: Facts, result: Result) -> Facts:
    """Return what was chosen, by the words of the options."""
    name = subject.name.split(" ")[0]
    asked = {key: str(subject.model[key]) for key in OF_MODEL if key in subject.model}
    where = {"gradient at": gradient.partition("@")[2], "against": feature_head(other)}
    seed = {"seed": str(result.facts["seed"])} if "seed" in result.facts else {}
    return {"model": name, **where, **about, **asked, **seed}


def _table(curve: Curve) -> Table:
    """Return a row a choice; what was chosen the same everywhere stands below."""
    heads = tuple(curve.names)
    rows: list[dict] = [
        {name: choice.settings.get(name, "") for name in heads}
        | {words.DIFFERENCE: choice.difference, words.HOLDS: holds(choice.difference)}
        for choice in curve.choices
    ]
    count = len(curve.choices)
    same = {
        name: value for name, value in curve.choices[0].settings.items() if name not in curve.names
    }
    notes = (
        words.SHARE.format(
            share=round(100 * curve.share()),
            count=count,
            above=curve.clear(1),
            below=curve.clear(-1),
        ),
        words.SAME.format(choices=", ".join(f"{name} {value}" for name, value in same.items())),
    )
    columns = [*heads, words.DIFFERENCE, words.HOLDS]
    return Table(curve.id, curve.title, columns, rows, notes if same else notes[:1], heads=heads)


def holds(cell: Cell) -> str:
    """Return whether the headline holds in a choice."""
    if cell.low is not None and cell.low > 0:
        return words.CLEAR
    if cell.high is not None and cell.high < 0:
        return words.OPPOSITE
    return words.UNCLEAR
