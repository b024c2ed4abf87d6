"""Tables of faithfulness: what the score loses when an image is multiplied by its map, beside masks that do not depend on it."""

import dataclasses
from collections.abc import Iterable, Iterator, Sequence

from gradtools.math.pairs.intervals import interval_of
from gradtools.selection.results import Result
from gradtools.selection.subjects import Subject
from gradtools.tables import pairing
from gradtools.tables.model import Cell, Table, notes_on_few
from gradtools.tables.wording import on_files

CONTROLS = {
    "adp": "ADP",
    "adp_equal": "ADP, equal mass",
    "adp_shuffled": "ADP, shuffled",
    "adp_other": "ADP, other image",
}
GENERAL = (
    "a mask of ones",
    "a constant .5",
    "a centred Gaussian",
    "the object alone",
    "the background alone",
)
NOTES = (
    "ADP: average drop of the score in percent, smaller is better; PIC: share of images whose score rises, in percent, "
    "larger is better.",
    "equal mass: a constant of the map's own mean: a brighter mask keeps more of the score, so a map is informative only "
    "where it does better. shuffled: its values in random places. other image: that image's map.",
    "[low, high]: 95 % of resampled images.",
)
ON_CURVES = (
    "deletion: area under the score, as a share of the full one, as pixels go from the largest value of the map on: small "
    "where the map is right; insertion: as they come: large where it is right. Ties in random order.",
)
CURVES_BETTER = "deletion: lower, insertion: higher is better"
ALL_BETTER = "ADP and deletion: lower, PIC and insertion: higher is better"
OBJECTS = GENERAL[3:]
NO_OTHER = "there is no map of another image"
UNDEFINED = "needs boxes or masks: gradtools saliency --annotations adds them"


def build(subjects: Sequence[Subject]) -> Iterator[Table]:
    """Yield the tables that the stores can fill."""
    return tables((subject.name, list(subject.faithfulness.values())) for subject in subjects)


def tables(measured: Iterable[tuple[str, list[Result]]]) -> Iterator[Table]:
    """Yield ADP and PIC with their controls, and the areas under the curves, a table for each fill.

    Parameters
    ----------
    measured : iterable of (model, list of Result)
    """
    models = [(model, results) for model, results in measured if results]
    fills = dict.fromkeys(result.method for _, results in models for result in results)
    for fill in fills:
        of_fill = [
            (model, result)
            for model, results in models
            for result in results
            if result.method == fill
        ]
        of_fill.sort(key=lambda entry: (entry[1].feature in GENERAL, entry[1].feature))
        facts = of_fill[0][1].facts
        yield _table("adp", fill, facts, of_fill, ("adp", "adp_equal", "adp_shuffled", "adp_other"))
        yield _table("pic", fill, facts, of_fill, ("pic", "pic_equal", "pic_shuffled", "pic_other"))
        yield from _curves(fill, facts, of_fill)
        yield from _small(fill, facts, of_fill)
        yield from _differences(fill, models)


def _title(what: str, fill: str, facts: dict) -> str:
    """Return a title that says what was masked with what, and how many maps it rests on."""
    pairs = facts["target"] in ("cosine", "dot")
    who = ""
    if pairs:
        who = f", {facts['target']} of pairs, {'both' if facts['both'] else 'one'} masked"
    return f"{what}, {fill} fill{who}: {facts['maps']} maps of {facts['images']} images"


def _table(
    name: str,
    fill: str,
    facts: dict,
    entries: list[tuple[str, Result]],
    statistics: tuple[str, ...],
) -> Table:
    """Return one measure of every mask beside its controls."""
    what = "average drop" if name == "adp" else "increase in confidence"
    heads = {
        key: CONTROLS[key.replace("pic", "adp")].replace("ADP", name.upper()) for key in statistics
    }
    rows = []
    for model, result in entries:
        row: dict = {"model": model, "mask": result.feature.removeprefix("map:")}
        for key, head in heads.items():
            if result.has(key):
                value, low, high, count = result.get(key)
                note = "" if count else _missing(result, key)
                row[head] = Cell(value, low, high, n=count, digits=2, note=note)
            else:
                row[head] = Cell(note="of maps alone")
        rows.append(row)
    notes = [*NOTES]
    if facts["not_positive"]:
        notes.append(f"{facts['not_positive']} maps whose score is not above 0 are left out")
    for model, result in dict(entries).items():
        notes += on_files(model, 0, int(result.facts.get("ended_early", 0)))
    better = "lower" if name == "adp" else "higher"
    return Table(
        f"{name}-{fill}",
        _title(f"{name.upper()}, {what}", fill, facts),
        ["model", "mask", *heads.values()],
        rows,
        (*(notes if name == "adp" else ()), *notes_on_few(rows)),
        better,
    )


def _missing(result: Result, key: str) -> str:
    """Return why a statistic of a mask has no value in any row."""
    if result.feature in OBJECTS:
        return UNDEFINED
    if result.facts["not_positive"] == result.facts["maps"]:
        return "no score is above 0"
    return NO_OTHER if key.endswith("_other") else UNDEFINED


def _curves(fill: str, facts: dict, entries: list[tuple[str, Result]]) -> Iterator[Table]:
    """Yield the areas under deletion and insertion curves, where there are some."""
    rows = []
    for model, result in entries:
        if not result.has("deletion"):
            continue
        row: dict = {"model": model, "mask": result.feature.removeprefix("map:")}
        for key in ("deletion", "insertion"):
            value, low, high, count = result.get(key)
            row[key] = Cell(value, low, high, n=count)
        rows.append(row)
    if rows:
        title = _title(f"deletion and insertion of pixels in {facts['steps']} steps", fill, facts)
        title = f"{title}, {CURVES_BETTER}"
        columns = ["model", "mask", "deletion", "insertion"]
        yield Table(f"pixel-curves-{fill}", title, columns, rows, (*ON_CURVES, *notes_on_few(rows)))


SUBSETS = {"@25": "smallest 25 %", "@10": "smallest 10 %"}
HEADLINE = {"adp": "ADP", "pic": "PIC", "deletion": "deletion", "insertion": "insertion"}
EQUAL = "a constant of its mean"


def _small(fill: str, facts: dict, entries: list[tuple[str, Result]]) -> Iterator[Table]:
    """Yield ADP, PIC and the areas of the smallest objects, where objects are known."""
    for suffix, words in SUBSETS.items():
        rows = []
        for model, result in entries:
            present = {key: head for key, head in HEADLINE.items() if result.has(f"{key}{suffix}")}
            if not present:
                continue
            row: dict = {"model": model, "mask": result.feature.removeprefix("map:")}
            for key, head in present.items():
                value, low, high, count = result.get(f"{key}{suffix}")
                row[head] = Cell(value, low, high, n=count, digits=2, why=UNDEFINED)
            rows.append(row)
        if rows:
            columns = list(dict.fromkeys(name for row in rows for name in row))
            title = _title(f"ADP, PIC and curves, {words} of objects", fill, facts)
            title = f"{title}, {ALL_BETTER}"
            for row in rows:
                row |= {name: Cell(note="of maps alone") for name in columns if name not in row}
            yield Table(
                f"faithfulness{suffix.replace('@', '-')}-{fill}",
                title,
                columns,
                rows,
                notes_on_few(rows),
            )


def _differences(fill: str, models: list[tuple[str, list[Result]]]) -> Iterator[Table]:
    """Yield paired differences between kinds of maps, and of each from a constant of its own mean."""
    by_kind = [
        (model, {result.feature: result for result in results if result.method == fill})
        for model, results in models
    ]
    title = f"ADP, PIC and curves, {fill} fill: paired differences; of {ALL_BETTER}"
    made = pairing.differences(
        f"faithfulness-difference-{fill}", title, by_kind, HEADLINE, ("a centred Gaussian",), 2
    )
    for table in made:
        for model, kinds in by_kind:
            rows = (*table.rows, *_from_equal_mass(model, kinds, table.columns))
            table = dataclasses.replace(table, rows=rows)
        yield table


def _from_equal_mass(model: str, kinds: dict[str, Result], columns: list[str]) -> Iterator[dict]:
    """Yield what every kind of map has beyond a constant of its own mean."""
    for name, result in kinds.items():
        if not result.has("adp_equal") or not name.startswith("map:"):
            continue
        row: dict = {"model": model, "a": name.removeprefix("map:"), "b": EQUAL}
        for key, head in HEADLINE.items():
            equal = f"{key}_equal"
            if head in columns and not result.has(equal):
                row[head] = Cell(note="a constant has no order of pixels")
            elif head in columns:
                value = result.get(key).value - result.get(equal).value
                replicates = result.replicate(key) - result.replicate(equal)
                row[head] = Cell(value, *interval_of(replicates, value), digits=2)
        yield row
