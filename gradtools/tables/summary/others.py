"""The summaries of what has no classes to separate: trees, comparisons, channels, and stores that nothing was computed from."""

import dataclasses
from collections import Counter
from collections.abc import Iterator

import numpy as np

from gradtools.selection.groups import ALL
from gradtools.selection.results import Result
from gradtools.selection.subjects import Subject
from gradtools.selection.trees import Tree
from gradtools.tables import comparisons, trees
from gradtools.tables.channels import AGREEMENT
from gradtools.tables.model import Cell, Entry, as_cell, number, shown
from gradtools.tables.summary.blocks import Block, Rows, of_rows
from gradtools.tables.wording import COMPARED, RANKINGS_OF_CHANNELS
from gradtools.tables.wording import summary as words

MOST_ERRORS = 3
MEMBERS = 3
NEAREST = 8


def blocks(subjects: list[Subject]) -> Iterator[Block]:
    """Yield a block for every tree and comparison, and for channels."""
    for subject in subjects:
        for tree in subject.trees.values():
            yield _tree(tree)
        if subject.comparison is not None:
            yield _comparison(subject.comparison)
        if ("channels", AGREEMENT) in subject.channels:
            yield _channels(subject)


def _tree(tree: Tree) -> Block:
    """Return how well a tree keeps the distances, beside its control."""
    measured = trees.measures(tree)
    rows: Rows = [
        {"statistic": str(row["measure"]), "tree": row["tree"], "control": row["control"]}
        for row in measured.rows
    ]
    kept, by_chance = (as_cell(rows[0][side]).number for side in ("tree", "control"))
    value, control = shown(kept), shown(by_chance)
    holds = kept is not None and kept > (by_chance or 0)
    sentence = words.TREE_HOLDS if holds else words.TREE_FAILS
    sizes = tree.clusters["size"]
    largest = [_cluster(tree, number) for number in np.argsort(-sizes)[:2]]
    table = of_rows("summary-tree", trees.title(tree), ["tree", "control"], rows)
    return Block(
        table,
        (
            sentence.format(value=value, control=control),
            words.TREE.format(clusters=len(sizes), largest="; ".join(largest)),
        ),
    )


def _cluster(tree: Tree, number: int) -> str:
    """Return the size and first members of a cluster."""
    names = [tree.names[leaf] for leaf in tree.order if tree.labels[leaf] == number]
    some = ", ".join(names[:MEMBERS])
    return f"{len(names)} ({some}{', ...' if len(names) > MEMBERS else ''})"


def _comparison(compared: Result) -> Block:
    """Return how alike spaces are: a row a measure and pair, the value beside what chance gives."""
    rows: list[dict[str, Entry]] = []
    best: dict[tuple, str] = {}
    for row in compared.rows():
        name = str(row["statistic"])
        if name not in COMPARED:
            continue
        cell = Cell(row["value"], number(row, "low"), number(row, "high"))
        chance, why = (row["floor"], words.NO_FLOOR)
        if name in ("cka", "cka_debiased"):
            chance = row["shuffled"]
        pair = f"{row['a']} ~ {row['b']}"
        control = Cell(chance, why=why)
        rows.append(
            {"statistic": COMPARED[name], "pair": pair, "value": cell, "by chance": control}
        )
        if pair not in best.values() and name in ("rsa_pearson", "cka_debiased"):
            key = (row["a"], row["b"])
            best.setdefault(
                key,
                words.SPACES.format(
                    a=row["a"],
                    b=row["b"],
                    measure=COMPARED[name],
                    value=shown(float(row["value"])),
                    control=str(Cell(chance)),
                    interval=""
                    if cell.low is None
                    else f" [{shown(cell.low)}, {shown(cell.high)}]",
                ),
            )
    rows.sort(key=lambda row: list(COMPARED.values()).index(str(row["statistic"])))
    table = of_rows("summary-compare", words.OF_SPACES, ["pair", "value", "by chance"], rows)
    table = dataclasses.replace(table, heads=("statistic", "pair"))
    return Block(table, (*best.values(), *comparisons.limits(compared)))


def _channels(subject: Subject) -> Block:
    """Return how each ranking of channels agrees with the contribution, a column a ranking, the random one last."""
    result = subject.channels["channels", AGREEMENT]
    rows: dict[str, dict] = {}
    for row in result.rows():
        if row["class"] != result.columns["class"][0]:
            continue
        line = rows.setdefault(str(row["tap"]), {"statistic": str(row["tap"])})
        ranking = str(row["ranking"])
        line[RANKINGS_OF_CHANNELS.get(ranking, ranking)] = Cell(
            row["value"], row["low"], row["high"]
        )
    columns = list(dict.fromkeys(key for line in rows.values() for key in line))[1:]
    whose = str(result.columns["class"][0])
    title = words.OF_CHANNELS if whose == ALL else f"{whose}: {words.OF_CHANNELS}"
    return Block(of_rows("summary-channels", title, columns, list(rows.values())))


def computed(subject: Subject) -> bool:
    """Return True if something was computed from a store of classes."""
    return bool(subject.similarity or subject.trees or subject.nearest or subject.comparison)


def bare(subjects: list[Subject]) -> Iterator[str]:
    """Yield what stores hold that nothing was computed from: classes, maps, features with what their gradients depend on."""
    for subject in subjects:
        for near in subject.nearest.values():
            others = ", ".join(f"{name} {shown(value)}" for name, value in near[1 : 1 + NEAREST])
            yield words.NEAREST.format(name=near[0][0], others=others)
        if subject.unit == "class" and subject.row_length and not computed(subject):
            yield words.CLASSES.format(count=len(subject.labels), columns=subject.row_length)
        if subject.map_names and not (subject.maps or subject.localization or subject.faithfulness):
            names = ", ".join(subject.map_names)
            yield words.MAPS.format(count=subject.map_count, names=names)
        if subject.unit == "image" and subject.features and not subject.map_names:
            if not subject.similarity and not subject.clusters:
                yield from _verdicts(subject)
                yield words.NO_TABLE


def _verdicts(subject: Subject) -> Iterator[str]:
    """Yield at which taps gradients repeat the class row, and at which they depend on the image."""
    kinds: dict[str, list[str]] = {}
    for tap, facts in subject.verdicts.items():
        if "spatially_constant" not in facts:
            continue
        kind = "image"
        if facts.get("gradient_cancels"):
            kind = "noise"
        elif facts["spatially_constant"] and facts["input_independent"]:
            kind = "row"
        elif facts.get("parallel", 0) >= 1:
            kind = "direction"
        kinds.setdefault(kind, []).append(tap)
    for kind, taps in sorted(kinds.items(), reverse=True):
        yield words.VERDICTS[kind].format(taps=", ".join(taps))


def errors(subjects: list[Subject]) -> Iterator[str]:
    """Yield the most frequent errors of every model."""
    for subject in subjects:
        answers = subject.answers
        if answers is None:
            continue
        counted = Counter(
            (answers.name_of_label(row), answers.name_of_predicted(row))
            for row in np.flatnonzero(answers.right == 0).tolist()
        )
        most = [
            words.ERROR.format(label=label, predicted=predicted, count=count)
            for (label, predicted), count in counted.most_common(MOST_ERRORS)
        ]
        if most:
            yield words.ERRORS.format(errors=", ".join(most))
