"""Tables of least moves to other classes: each move, and each pair of classes, beside random moves as long."""

from collections.abc import Iterable, Iterator, Sequence

from gradtools.selection.counterfactuals import Moves
from gradtools.selection.results import Result
from gradtools.selection.subjects import Subject
from gradtools.tables.model import Cell, Entry, Table

SHOWN = 20  # moves that people are shown
OF_MOVES = (
    "distance: Euclidean, of what the head reads; in the way: classes that the target only just leads at the end; units moved: share "
    "that change; top units: their share of the margin gained over the class before (all units' sum to 1, some below 0).",
    "nearest image: of the stored ones, to the end of the path, the moved left out, with the head's class of it.",
)
OF_PAIRS = (
    "distance ± sd over moves; pair alone: where the class before is the only one in the way; in the way: mean number of classes.",
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


def build(subjects: Sequence[Subject]) -> Iterator[Table]:
    """Yield the table of pairs that the stores can fill."""
    return pairs((subject.name, list(subject.counterfactual.values())) for subject in subjects)


def pairs(measured: Iterable[tuple[str, list[Result]]]) -> Iterator[Table]:
    """Yield a row a pair of classes.

    Parameters
    ----------
    measured : iterable of (model, list of Result)
    """
    models = [(model, result) for model, results in measured for result in results]
    if not models:
        return
    rows: list[dict[str, Entry]] = []
    for model, result in models:
        for row in result.rows():
            line: dict[str, Entry] = {"model": model, "from": row["origin"], "to": row["target"]}
            line["distance"] = Cell(
                row["distance"], spread=_known(row["distance_sd"]), n=int(row["moves"]), left_out=int(row["impossible"]), why=NONE
            )  # fmt: skip
            for name, head in HEADS.items():
                line[head] = Cell(row[name], why=NO_PICTURE if name in DRAWN else NONE)
            line["top unit"] = row["unit"] if int(row["unit"]) >= 0 else Cell(None, why=NONE)
            line["its share"] = Cell(row["share"], why=NONE)
            rows.append(line)
    facts = models[0][1].facts
    title = f"least moves to another class: {facts['moves']} moves of {facts['samples']} samples, margin {float(facts['margin']):g}"
    yield Table(
        "counterfactual-pairs", title, list(rows[0]), rows, OF_PAIRS, heads=("model", "from", "to")
    )


def _known(value):
    """Return a number that is one, else None."""
    return value if value == value else None


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
