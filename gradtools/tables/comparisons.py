"""Tables of comparisons of spaces: a row a pair, what differs from the first pair, and the samples that moved most."""

from collections.abc import Iterable, Iterator, Sequence

from gradtools.math.spaces.rsa import HELD
from gradtools.selection.comparisons import Space
from gradtools.selection.results import Facts, Result, Row
from gradtools.selection.subjects import Subject
from gradtools.tables.model import Cell, Entry, Table, number
from gradtools.tables.per_model import known_gradient
from gradtools.tables.pivot import Line, columns
from gradtools.tables.wording import (
    COMPARED,
    COMPARED_NOTES,
    DIFFERENCES,
    MOVED,
    RESAMPLED_PAIRS,
    ROWS,
    units,
)

SHOWN_MOVED = 10
TESTED = ("rsa_pearson", "cophenetic")  # statistics that have a test and a floor


def known_spaces(spaces: Iterable[Space]) -> tuple[str, ...]:
    """Return a note for every space that is the class row, has its direction, or is noise, in every image."""
    words = {
        space.name: known_gradient(space.feature.name, space.verdicts)
        for space in spaces
        if space.feature is not None and space.verdicts is not None
    }
    return tuple(f"{name}: {known}" for name, known in words.items() if known)


def tables(compared: Result, moved: Result, every: bool = False) -> Iterator[Table]:
    """Yield the tables of comparisons.

    Parameters
    ----------
    compared, moved
        /tables/compare, a row a pair and statistic, and /tables/moved, a row a pair and sample.
    every
        Every statistic with all that is computed of it and every sample, not what a page holds.
    """
    facts = compared.facts
    title = f"{facts['samples']} {units(str(facts['unit']))}, {facts['metric']} (rows {ROWS.get(str(facts['normalised']), facts['normalised'])})"
    if every:
        rows = list(compared.rows())
        yield Table("compare", title, list(_full(rows[0])), [_full(row) for row in rows])
        yield _moved(facts, list(moved.rows()))
        return
    pairs: dict[tuple, dict[str, Row]] = {}
    for row in compared.rows():
        pairs.setdefault((row["a"], row["b"]), {})[str(row["statistic"])] = row
    lines = [_pair(a, b, statistics) for (a, b), statistics in pairs.items()]
    heads = columns(lines)
    notes = [note for head, note in COMPARED_NOTES.items() if head in heads]
    notes += [RESAMPLED_PAIRS.format(units(str(facts["unit"])))] if facts["resamples"] else []
    yield Table("compare", title, heads, lines, (*notes, *limits(compared)))
    if len(pairs) > 1 and facts["resamples"]:
        yield _differences(pairs)
    if len(pairs) == 1:
        yield _moved(facts, list(moved.rows()), SHOWN_MOVED)


def build(subjects: Sequence[Subject]) -> Iterator[Table]:
    """Yield the tables of every comparison that the stores hold."""
    for subject in subjects:
        if subject.comparison is not None and subject.moved is not None:
            yield from tables(subject.comparison, subject.moved)


def _full(row: Row) -> dict[str, Entry]:
    """Return all that is computed of a pair's statistic."""
    return {
        **{name: row[name] for name in ("a", "b", "statistic")},
        "value": _interval(row, "value", "low", "high", p=number(row, "p")),
        "floor": Cell(row["floor"]),
        "shuffled": Cell(row["shuffled"]),
        "difference": _difference(row),
        "permutations": row["permutations"],
        "resamples": row["resamples"],
    }


def _interval(row: Row, value: str, low: str, high: str, p: float | None = None) -> Cell:
    """Make a cell of the columns that hold a value and its interval."""
    return Cell(row[value], number(row, low), number(row, high), p=p)


def _difference(row: Row) -> Cell:
    """Make a cell of what differs from the first pair."""
    return _interval(row, "difference", "difference_low", "difference_high")


def _head(statistic: str) -> str:
    return COMPARED.get(statistic, statistic.replace("ari", "ARI"))


def _pair(a: str, b: str, statistics: dict[str, Row]) -> Line:
    """Return one pair's line."""
    line: Line = {"a": a, "b": b}
    for name, row in statistics.items():
        tested = name in TESTED and row["permutations"]
        p = number(row, "p") if tested else None
        line[_head(name)] = _interval(row, "value", "low", "high", p)
        if tested:
            line["floor" if name == "rsa_pearson" else "trees floor"] = Cell(row["floor"])
        if name == "cka":
            line["shuffled"] = Cell(row["shuffled"])
    return line


def _differences(pairs: dict[tuple, dict[str, Row]]) -> Table:
    """Return what differs from the first pair."""
    (a, b), *others = pairs
    lines = []
    for pair in others:
        line: Line = {"a": pair[0], "b": pair[1]}
        for name, head in COMPARED.items():
            if name in pairs[pair] and name != "cka":
                line[head] = _difference(pairs[pair][name])
        lines.append(line)
    title = f"difference from {a}, {b}"
    return Table("compare-difference", title, columns(lines), lines, (DIFFERENCES,))


def _moved(facts: Facts, rows: list[Row], most: int | None = None) -> Table:
    """Return which samples moved, of one pair the first of them."""
    unit = str(facts["unit"])
    heads: tuple[str, ...]
    if most is None:
        lines = [
            {
                **{name: row[name] for name in ("a", "b")},
                unit: row["sample"],
                "moved": _interval(row, "moved", "low", "high"),
                "nearest in a": row["nearest_a"],
                "nearest in b": row["nearest_b"],
            }
            for row in rows
        ]
        title, heads = "how far each sample moved", ("a", "b", unit)
    else:
        lines = [
            {
                unit: row["sample"],
                "moved": _interval(row, "moved", "low", "high"),
                f"nearest in {row['a']}": row["nearest_a"],
                f"nearest in {row['b']}": row["nearest_b"],
            }
            for row in rows[:most]
        ]
        title, heads = f"the {len(lines)} most moved of {len(rows)}", (unit,)
    return Table("moved", title, list(lines[0]), lines, (MOVED,), heads=heads)


def limits(compared: Result) -> Iterator[str]:
    """Yield what the number of samples left undone, a sentence each."""
    facts = compared.facts
    if int(facts["samples"]) > HELD:
        yield (
            f"more than {HELD} samples: no ranks, tests or trees (--where list=FILE takes fewer), and intervals of first order"
        )
    rows = list(compared.rows())
    for name, head in COMPARED.items():
        done = {row["permutations"] for row in rows if row["statistic"] == name} - {0}
        if done - {facts["permutations"]}:
            yield f"{head}: {min(done)} permutations, as many as its pairs of samples allow"
    drawn = {row["resamples"] for row in rows if row["statistic"] == "rsa_spearman"} - {0}
    if drawn - {facts["resamples"]}:
        yield f"RSA, ranks: {min(drawn)} resamples"
