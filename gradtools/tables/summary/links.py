"""The summary of links: what comes back of latents and pictures, beside uninformative links."""

from collections.abc import Iterator

from gradtools.selection.subjects import Subject
from gradtools.tables.links import LATENT, PICTURE
from gradtools.tables.model import Cell
from gradtools.tables.summary.blocks import Block, of_rows
from gradtools.tables.wording import summary as words

SHOWN = {"agreement": PICTURE["agreement"], "r2": "R2 of latents", "ssim": "SSIM"}
COLUMNS = {"linear": "link", "null": "shuffled pairs", "mean": "mean w"}


def blocks(subjects: list[Subject]) -> Iterator[Block]:
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
