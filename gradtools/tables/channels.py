"""Tables of the channels of taps: distributions, rankings, pictures, and the first channels of a class; a row a model and tap."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from gradtools.selection.channels import Top
from gradtools.selection.subjects import Subject
from gradtools.tables import ablation, pivot
from gradtools.tables.model import Cell, Entry, Table, notes_on_few, shown
from gradtools.tables.wording import (
    CHANNEL_NOTES,
    CHANNEL_PICTURES,
    CHANNEL_STATISTICS,
    MORE_CLASSES,
    RANK_BY,
    RANKINGS_OF_CHANNELS,
    TIED,
)

DISTRIBUTION, AGREEMENT, PICTURES = "channel_distribution", "channel_agreement", "channel_pictures"
KINDS = ("gradient", "contribution")
QUANTILES = ("q05", "median", "q95")


def make(subjects: Sequence[Subject]) -> Iterator[Table]:
    """Yield the tables that the stores can fill, of the first group of images of each (all, or the class of --of)."""
    measured = [
        (subject.name, {name: result for (_, name), result in subject.channels.items()})
        for subject in subjects
    ]
    yield from tables(measured)
    yield from ablation.tables(measured)


def tables(
    measured: Sequence[pivot.Measured],
    every: bool = False,
    whose: str = "",
    warnings: Sequence[str] = (),
) -> Iterator[Table]:
    """Yield the tables of distributions, of rankings and of pictures.

    Parameters
    ----------
    measured
        Of every model its results: channel_distribution, channel_agreement and channel_pictures.
    every
        Every class and statistic, not what a page holds.
    whose
        Which images, for the titles.
    warnings
        Further notes.
    """
    before = f"{whose}: " if whose else ""
    more = [] if every else list(_more_classes(measured))
    for kind in KINDS:

        def of_kind(row: Mapping, kind: str = kind) -> Iterable[tuple[str, Cell]]:
            return _statistic(row, every) if row["feature"] == kind else ()

        yield from _table(
            measured,
            f"channel-{kind}",
            DISTRIBUTION,
            f"{before}{kind} of an image's channels, mean over images",
            of_kind,
            every,
            (*CHANNEL_NOTES["distribution"], *more, *warnings),
        )
    title = f"{before}Spearman of each ranking with the contribution, mean over images"
    notes = (*CHANNEL_NOTES["agreement"], *warnings)
    yield from _table(
        measured,
        "channel-agreement",
        AGREEMENT,
        title,
        lambda row: _agreement(row, every),
        every,
        notes,
    )
    title = "pictures of ReLU(1 + map) of all, positive and negative channels: Spearman over pixels, mean over images"
    notes = (*CHANNEL_NOTES["pictures"], *warnings)
    yield from _table(
        measured,
        "channel-pictures",
        PICTURES,
        title,
        lambda row: [(CHANNEL_PICTURES[row["statistic"]], pivot.share(row))],
        every,
        notes,
    )


def _more_classes(measured: Sequence[pivot.Measured]) -> Iterator[str]:
    """Yield how many classes a page leaves out, where the tables are of one model."""
    if len(measured) == 1 and DISTRIBUTION in measured[0][1]:
        classes = set(measured[0][1][DISTRIBUTION].columns["class"])
        if len(classes) > 2:
            yield MORE_CLASSES.format(count=len(classes) - 1)


def _table(
    measured: Sequence[pivot.Measured],
    table_id: str,
    name: str,
    title: str,
    cells: Callable[[Mapping], Iterable[tuple[str, Cell]]],
    every: bool,
    notes: Iterable[str],
) -> Iterator[Table]:
    """Yield one table: `cells` returns (column, cell) for what is shown of a row; of the first group of images of each model, or of all."""
    results = [(model, by_name[name]) for model, by_name in measured if name in by_name]
    firsts = [result.columns.get("class", ["all"])[0] for _, result in results]
    named = every or any(first != "all" for first in firsts)
    made = []
    for (model, result), first in zip(results, firsts):

        def place(row: Mapping, first: str = first) -> Iterator[pivot.Shown]:
            group = row.get("class", first)
            if group == first or every:
                heads = {"tap": row["tap"]} | ({"class": group} if named else {})
                yield from ((heads, column, cell) for column, cell in cells(row))
                yield heads, "images", Cell(row["images"])

        made += pivot.lines([(model, result)], place)
    if made:
        columns = [column for column in pivot.columns(made) if column != "images"]
        yield Table(table_id, title, [*columns, "images"], made, tuple(notes))


def _statistic(row: Mapping, every: bool) -> Iterator[tuple[str, Cell]]:
    """Yield the cell of a distribution's statistic; a page has three of the quantiles, without intervals."""
    name = row["statistic"]
    if every or name in ("positive", "negative", "zero", "gini", "effective"):
        yield CHANNEL_STATISTICS[name], pivot.share(row, 1 if name == "effective" else 3)
    elif name in QUANTILES:
        yield CHANNEL_STATISTICS[name], Cell(row["value"], n=row["images"], digits=None)


def _agreement(row: Mapping, every: bool) -> Iterator[tuple[str, Cell]]:
    """Yield the cells of a ranking: its agreement, and the share of channels with equal values; of these a page has the gradient's."""
    ranking = row["ranking"]
    head = RANKINGS_OF_CHANNELS[ranking]
    if every or ranking != "contribution":
        yield head, pivot.share(row)
    if every:
        yield f"{TIED}: {head}", Cell(row["tied"], n=row["images"])
    elif ranking == "gradient":
        yield TIED, Cell(row["tied"], n=row["images"])


def top_table(
    top: Top, every: bool = False, several: bool = False, warnings: Sequence[str] = ()
) -> Table:
    """Return the table of the first channels of a class or image.

    Parameters
    ----------
    every
        Values and ranks in columns of their own, not what a page holds.
    several
        Whether other taps have such a table, so that its id names the tap.
    """
    images = f"{top.images} image{'s' if top.images > 1 else ''}"
    by = RANKINGS_OF_CHANNELS[top.ranking]
    rows: list[dict[str, Entry]] = []
    for place, channel in enumerate(top.channels):
        row: dict[str, Entry] = {"channel": int(channel)}
        for name, head in RANKINGS_OF_CHANNELS.items():
            row |= _ranked(top, name, head, place, every)
        rows.append(row)
    contributed = shown(float(top.values["contribution"].sum()), None)
    together = f"Together they contribute {contributed}, all {top.n_channels} channels {shown(top.total, None)}."
    return Table(
        f"top-channels@{top.tap}" if several else "top-channels",
        f"{top.name}, {images}: the first {len(top.channels)} of {top.n_channels} channels of {top.tap} by {by}",
        pivot.columns(rows),
        rows,
        (together, *CHANNEL_NOTES["top"], *warnings, *notes_on_few(rows)),
        heads=("channel",),
    )


def _ranked(top: Top, name: str, head: str, place: int, every: bool) -> dict[str, Entry]:
    """Return the cells of a channel under one ranking: {column: cell}."""
    value, rank, tied = (float(of[name][place]) for of in (top.values, top.ranks, top.tied))
    low, high = map(float, top.bounds[place]) if name == top.ranking else (None, None)
    cell = Cell(value, low, high, n=top.images, digits=None)
    behind = f"({'=' if tied else ''}{rank:g})"
    if every:
        note = "other channels have the same value" if tied else ""
        return {head: cell, RANK_BY.format(head): Cell(rank, n=top.images, note=note, digits=1)}
    if name == top.ranking:
        return {head: cell}
    if name in ("nearzero", "random"):
        return {head: behind}
    return {head: Cell(value, n=top.images, note=behind, digits=None)}
