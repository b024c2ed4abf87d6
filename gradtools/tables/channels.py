"""Tables of channels: a row a model and tap, of the first group of images that the stores have (all, or the class of --of)."""

from gradtools.tables import ablation
from gradtools.tables.model import Cell, Table
from gradtools.tables.wording import RANKINGS_OF_CHANNELS

DISTRIBUTION, AGREEMENT, PICTURES = "channel_distribution", "channel_agreement", "channel_pictures"
SHARES = {
    "positive": "above 0",
    "negative": "below 0",
    "zero": "at 0",
    "gini": "Gini",
    "effective": "effective number",
}
OF_PICTURES = {
    "negative_with_all": "negative ~ all",
    "positive_with_all": "positive ~ all",
    "negative_with_against": "negative ~ evidence against",
    "below_zero": "pixels with 1 + map < 0",
}


def make(subjects):
    """Distribution of gradients and of contributions, agreement of rankings, pictures of ReLU(1 + map); what was measured by ablation."""
    for kind in ("gradient", "contribution"):
        yield from _table(
            subjects,
            f"channel-{kind}",
            DISTRIBUTION,
            f"{kind} of an image's channels, mean over images",
            SHARES,
            "statistic",
            lambda columns, row, kind=kind: columns["feature"][row] == kind,
        )
    yield from _table(
        subjects,
        "channel-agreement",
        AGREEMENT,
        "Spearman of each ranking with the contribution, mean over images",
        {name: words for name, words in RANKINGS_OF_CHANNELS.items() if name != "contribution"},
        "ranking",
    )
    yield from _table(
        subjects,
        "channel-pictures",
        PICTURES,
        "pictures of ReLU(1 + map) of channels: Spearman over pixels, mean over images",
        OF_PICTURES,
        "statistic",
    )
    yield from ablation.make(subjects)


def _table(subjects, table_id, name, title, heads, key, chosen=lambda columns, row: True):
    """One table: `heads` by what stands in the column `key`, of the rows that are chosen."""
    rows = []
    for subject in subjects:
        if ("channels", name) in subject.channels:
            rows += _rows(
                subject.name, subject.channels["channels", name].columns, heads, key, chosen
            )
    if rows:
        own = [] if all(row["class"] == "all" for row in rows) else ["class"]
        yield Table(table_id, title, ["model", "tap", *own, *heads.values(), "images"], rows)


def _rows(model, columns, heads, key, chosen):
    """One model's rows, a tap each, of the first group."""
    classes, found = columns.get("class", ["all"] * len(columns["tap"])), {}
    for row, (tap, name) in enumerate(zip(columns["tap"], classes)):
        what = columns[key][row]
        if name == classes[0] and what in heads and chosen(columns, row):
            line = found.setdefault(
                tap,
                {"model": model, "tap": tap, "class": name, "images": int(columns["images"][row])},
            )
            value = (float(columns[part][row]) for part in ("value", "low", "high"))
            line[heads[what]] = Cell(*value, digits=1 if what == "effective" else 3)
    return list(found.values())
