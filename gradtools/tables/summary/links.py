"""The summary of links, tunings and moves: what comes back, what units change, what flips, each beside its control."""

from collections.abc import Iterator

from gradtools.selection.results import Row
from gradtools.selection.subjects import Subject
from gradtools.tables.links import LATENT, PICTURE
from gradtools.tables.model import Cell
from gradtools.tables.summary.blocks import Block, of_rows
from gradtools.tables.wording import summary as words

SHOWN = {"agreement": PICTURE["agreement"], "r2": "R2 of latents", "ssim": "SSIM"}
SOME = 3  # parts and metrics that a sentence names
COLUMNS = {"linear": "link", "null": "shuffled pairs", "mean": "mean w"}


MOVES = {  # statistic: its head, figure of the least move and of the random one
    "nearest": ("nearest stored image is of the target", "random_nearest"),
    "drawn": ("picture is of the target", "random_drawn"),
    "head": ("head answers the target (by construction)", "random"),
}


def blocks(subjects: list[Subject]) -> Iterator[Block]:
    """Yield blocks for the links, tunings and moves of all models."""
    yield from _links(subjects)
    yield from _tunings(subjects)
    yield from _moves(subjects)


def _tunings(subjects: list[Subject]) -> Iterator[Block]:
    """Yield a block for the tunings: whether units move themselves and alike, and which parts units exceed decoys in."""
    tuned = [subject for subject in subjects if ("tuning", "effects") in subject.tuning]
    if not tuned:
        return
    rows: list[dict] = []
    sentences = []
    for subject in tuned:
        result = subject.tuning["tuning", "effects"]
        for kind, head in (("fidelity", "fidelity (median)"), ("stability", "stability (mean)")):
            row: dict = {"statistic": head, "model": subject.name}
            row |= {
                column: Cell(result.facts[f"{kind}_{side}"])
                for column, side in (("units", "units"), ("random directions", "decoys"))
            }
            rows.append(row)
        clear = [
            f"{row['metric']} of {row['part']} ({row['selected']} of {row['units']})"
            for row in sorted(result.rows(), key=lambda row: -row["selected"])
            if row["selected"]
        ]
        count = len(list(result.rows()))
        named = "; ".join(clear[:SOME]) + (
            f"; and {len(clear) - SOME} more" if clear[SOME:] else ""
        )
        sentence = words.TUNED if clear else words.TUNED_NONE
        sentences.append(sentence.format(model=subject.name, parts=named, count=count))
    table = of_rows("summary-tuning", words.OF_TUNINGS, ["units", "random directions"], rows)
    yield Block(table, tuple(sentences))


def _moves(subjects: list[Subject]) -> Iterator[Block]:
    """Yield a block for moves to other classes: what is of the target at their ends, and at those of random moves."""
    moved = [s for s in subjects if ("counterfactual", "pairs") in s.counterfactual]
    if not moved:
        return
    rows: list[dict] = []
    sentences = []
    for subject in moved:
        result = subject.counterfactual["counterfactual", "pairs"]
        whole = next(result.rows())
        for name, (head, control) in MOVES.items():
            if whole[name] != whole[name]:
                continue
            rows.append(
                {
                    "statistic": head,
                    "model": subject.name,
                    "least move": _of(whole, name),
                    "random move as long": _of(whole, control),
                }
            )
        what = "drawn" if whole["drawn"] == whole["drawn"] else "nearest"
        sentence = words.MOVED if what == "drawn" else words.MOVED_NEAREST
        sentences.append(
            sentence.format(
                model=subject.name,
                moves=whole["moves"],
                share=whole[what],
                low=whole[f"{what}_low"],
                high=whole[f"{what}_high"],
                control=whole[MOVES[what][1]],
            )
        )
    table = of_rows("summary-moves", words.OF_MOVES, ["least move", "random move as long"], rows)
    yield Block(table, tuple(sentences))


def _of(row: Row, name: str) -> Cell:
    """Return a figure of a row with its interval."""
    return Cell(
        row[name], float(row[f"{name}_low"]), float(row[f"{name}_high"]), n=int(row["moves"])
    )


def _links(subjects: list[Subject]) -> Iterator[Block]:
    """Yield a block for the links of all models."""
    linked = [subject for subject in subjects if ("link", "linear") in subject.link]
    if not linked:
        return
    rows: list[dict] = []
    sentences = []
    for subject in linked:
        results = {kind: subject.link["link", kind] for kind in COLUMNS}
        for statistic, head in SHOWN.items():
            row: dict = {"statistic": head, "model": subject.name}
            for kind, column in COLUMNS.items():
                value, low, high, n = results[kind].get(statistic)
                row[column] = Cell(value, low, high, n=n)
            rows.append(row)
        of_link, null = results["linear"], results["null"]
        sentences.append(
            words.LINKED.format(
                model=subject.name,
                same=of_link.get("agreement").value,
                control=null.get("agreement").value,
                r2=of_link.get("r2").value,
            )
        )
    title = f"what comes back of held-out samples of a generator ({LATENT['r2']} of latents alone misleads)"
    table = of_rows("summary-link", title, list(COLUMNS.values()), rows)
    yield Block(table, tuple(sentences))
