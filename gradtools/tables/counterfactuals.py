"""Tables of least moves to other classes: each move, and each pair of classes, beside random moves as long."""

import dataclasses
from collections.abc import Iterable, Iterator, Mapping, Sequence

from gradtools.selection.counterfactuals import Moves
from gradtools.selection.results import Result
from gradtools.selection.subjects import Subject
from gradtools.tables.model import Cell, Entry, Table, number

Models = Sequence[tuple[str, Result]]
SHOWN = 20  # moves that people are shown
OF_MOVES = (
    "distance: Euclidean, of what the head reads; in the way: classes that the target only just leads at the end; units moved: share "
    "that change; top units: their share of the margin gained over the class before (all units' sum to 1, some below 0).",
    "nearest image: of the stored ones, to the end of the path, the moved left out, with the head's class of it.",
)
OF_PAIRS = (
    "[low, high]: 95 % of resampled samples; all: every move. pair alone: distance where the class before is the only one in the way; in the way: mean number of classes.",
    "head, nearest image, picture: share of moves at whose end each is of the target; random (control): the same at the end of a random move as long; "
    "start: share of pictures at the start that are of the class before.",
    "the head flips by construction; a picture flips only where link and generator show what the head reads.",
)
NO_PICTURE = "needs --link"
NONE = "no move exists"
HEADS = {
    "alone": "distance, pair alone",
    "active": "in the way",
    "moved": "units moved",
    "head": "head",
    "random": "head, random",
    "nearest": "nearest image",
    "random_nearest": "nearest, random",
    "start": "picture, start",
    "drawn": "picture",
    "random_drawn": "picture, random",
}
DRAWN = ("start", "drawn", "random_drawn")
WITH_INTERVAL = ("nearest", "drawn", "random_drawn")
OF_DESCENT = {
    "reached": "descent, picture",
    "head": "descent, head",
    "steps": "steps",
    "distance": "descent, distance",
    "ratio": "times the least move",
}
NOT_REACHED = "no descent reached the target"
TOO_SMALL = "the part is too small in all pictures"
OF_DESCENTS = (
    "descent: down -f(target) + .6 f(before) - 10 cos(latents) by steps of .5 until the picture is of the target, at most 2,000 (picture: the "
    "share that gets there; head: the share whose head answers the target there); steps and distance of those that get there.",
    "the least move makes the head answer the target by the margin, no more: compare distances where both pictures are of it.",
)
OF_PARTS = (
    "mean change from the first to the last picture [low, high]: 95 % of resampled samples (area: (last - first) / (last + first); others: "
    "difference); random: to the end of a random move as long; difference: change - random.",
)
OF_AREAS = ("mean of (last - first) / (last + first) over moves, 95 % of resampled samples.",)


def build(subjects: Sequence[Subject]) -> Iterator[Table]:
    """Yield the tables that the stores can fill."""
    return tables((subject.name, list(subject.counterfactual.values())) for subject in subjects)


def tables(measured: Iterable[tuple[str, list[Result]]]) -> Iterator[Table]:
    """Yield a row a pair of classes, the paper's descents, and what moves change in the parts of pictures.

    Parameters
    ----------
    measured : iterable of (model, list of Result)
    """
    models = [(model, result) for model, results in measured for result in results]
    of_pairs = [(model, result) for model, result in models if result.method == "pairs"]
    if of_pairs:
        yield _pairs(of_pairs)
    descents = [
        (model, result) for model, result in of_pairs if "descent_reached" in result.columns
    ]
    if descents:
        yield _descents(descents)
    of_parts = [(model, result) for model, result in models if result.method == "parts"]
    if of_parts:
        yield _parts(of_parts)
        yield _areas(of_parts)


def _pairs(models: Models) -> Table:
    """Return a row a pair of classes, and of all."""
    rows: list[dict[str, Entry]] = []
    for model, result in models:
        for row in result.rows():
            line: dict[str, Entry] = {"model": model, "from": row["origin"], "to": row["target"]}
            line["distance"] = dataclasses.replace(
                _bounded(row, "distance", NONE), n=int(row["moves"]), left_out=int(row["impossible"])
            )  # fmt: skip
            for name, head in HEADS.items():
                why = NO_PICTURE if name in DRAWN else NONE
                line[head] = _bounded(row, name, why) if name in WITH_INTERVAL else Cell(row[name], why=why)  # fmt: skip
            line["top unit"] = row["unit"] if int(row["unit"]) >= 0 else Cell(None, why=NONE)
            line["its share"] = Cell(row["share"], why=NONE)
            rows.append(line)
    facts = models[0][1].facts
    title = f"least moves to another class: {facts['moves']} moves of {facts['samples']} samples, margin {float(facts['margin']):g}"
    return Table(
        "counterfactual-pairs", title, list(rows[0]), rows, OF_PAIRS, heads=("model", "from", "to")
    )


def _bounded(row: Mapping, name: str, why: str = "") -> Cell:
    """Return a figure of a row with its interval."""
    return Cell(row[name], row.get(f"{name}_low"), row.get(f"{name}_high"), why=why)


def _descents(models: Models) -> Table:
    """Return what the paper's descent comes to beside the least moves, a row a pair of classes."""
    rows: list[dict[str, Entry]] = []
    for model, result in models:
        for row in result.rows():
            line: dict[str, Entry] = {"model": model, "from": row["origin"], "to": row["target"]}
            line["least move, picture"] = _bounded(row, "drawn", NONE)
            for name, head in OF_DESCENT.items():
                line[head] = _bounded(row, f"descent_{name}", NOT_REACHED)
            rows.append(line)
    title = "the paper's descent beside the least moves"
    return Table(
        "counterfactual-descent", title, list(rows[0]), rows, OF_DESCENTS, heads=("model", "from", "to")
    )  # fmt: skip


def _parts(models: Models) -> Table:
    """Return what all moves change, a row a part and metric."""
    rows: list[dict[str, Entry]] = []
    for model, result in models:
        every = list(result.rows())
        whole = (every[0]["origin"], every[0]["target"])
        for row in every:
            if (row["origin"], row["target"]) == whole:
                rows.append(
                    {
                        "model": model,
                        "part": row["part"],
                        "metric": row["metric"],
                        "change": Cell(
                            row["change"],
                            number(row, "low"),
                            number(row, "high"),
                            n=int(row["moves"]),
                        ),
                        "random": Cell(row["random"]),
                        "difference": _bounded(row, "difference"),
                    }
                )
    title = "what moves change in the parts of pictures, first to last"
    return Table(
        "counterfactual-parts", title, list(rows[0]), rows, OF_PARTS, heads=("model", "part", "metric")
    )  # fmt: skip


def _areas(models: Models) -> Table:
    """Return the change of each part's area, a row a pair of classes."""
    lines: dict[tuple, dict[str, Entry]] = {}
    for model, result in models:
        for row in result.rows():
            if row["metric"] != "area" or row["part"] == "background":
                continue
            key = (model, row["origin"], row["target"])
            line = lines.setdefault(key, dict(zip(("model", "from", "to"), key)))
            line[str(row["part"])] = Cell(
                row["change"], number(row, "low"), number(row, "high"), n=int(row["moves"])
            )
    rows = list(lines.values())
    columns = list(dict.fromkeys(name for line in rows for name in line))
    for line in rows:
        for name in columns:
            line.setdefault(name, Cell(None, why=TOO_SMALL))
    title = "change of the area of each part, by pair of classes"
    return Table(
        "counterfactual-areas", title, columns, rows, OF_AREAS, heads=("model", "from", "to")
    )


def moves(made: Moves, every: bool = False) -> Table:
    """Return a row a move, the first 20 unless `every` is asked for."""
    values = made.values
    count = len(values["sample"])
    rows = [_move(made, place) for place in range(count if every else min(count, SHOWN))]
    title = f"least moves of what the head reads: {len(rows)} of {count}"
    return Table("counterfactual-moves", title, list(rows[0]), rows, OF_MOVES, heads=("sample",))


def _move(made: Moves, place: int) -> dict[str, Entry]:
    """Return the row of one move."""
    values, names = made.values, made.names
    met = int(values["nearest"][place, -1])
    units = [f"{unit} ({share:.0%})" for unit, share in made.top_units(place)]
    row: dict[str, Entry] = {
        "sample": made.ids[values["sample"][place]],
        "from": names[values["origin"][place]],
        "to": names[values["target"][place]],
        "distance": Cell(values["distance"][place], why=NONE),
        "in the way": int(values["active"][place]),
        "units moved": Cell(values["moved"][place], why=NONE),
        "top units": ", ".join(units) or Cell(None, why=NONE),
        "nearest image": made.ids[met],
        "its class": names[made.predicted[met]],
    }
    if made.drawn:
        row["picture"] = names[values["drawn_predicted"][place, -1]]
    return row
