"""Tables of samples without labels, as classes and channels are: how the similarities of all pairs spread."""

from gradtools.tables import per_model as model
from gradtools.tables.model import Cell, Table
from gradtools.tables.wording import SPREAD


def is_unlabelled(subject):
    """Whether what is stored of a subject's vectors was found without labels."""
    return any(
        "most_alike" in measured.columns["statistic"] for measured in subject.similarity.values()
    )


def make(subjects):
    """One row a model and feature, a table for every metric."""
    for metric in sorted({metric for subject in subjects for _, metric in subject.similarity}):
        found = [
            (subject, model.by_role(subject, subject.similarity, metric)) for subject in subjects
        ]
        rows = [
            _row(subject, name, results[name])
            for subject, results in found
            for name in model.ordered(results)
        ]
        shown = [
            head
            for head in rows[0]
            if any(not isinstance(row[head], Cell) or row[head].value is not None for row in rows)
        ]
        title = f"all pairs of samples without labels, {metric}; shuffled: the dimensions of every row by themselves, what chance gives"
        yield Table(f"pairs-{metric}", title, shown, rows)


def _row(subject, name, measured):
    """One feature's row."""
    cells = {head: Cell(*measured.get(statistic)[:3]) for statistic, head in SPREAD.items()}
    pair = f"{measured.facts.get('most_alike_first')}, {measured.facts.get('most_alike_second')}"
    return {
        "model": subject.name,
        "feature": name,
        "rows": measured.facts["normalised"],
        **cells,
        "most alike pair": pair,
        "samples": measured.facts["rows"],
    }
