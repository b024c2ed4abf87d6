"""Tables of tunings: what units change in the parts of pictures, beside random directions of equal effect on the latent."""

from collections.abc import Iterable, Iterator, Sequence

from gradtools.selection.results import Result
from gradtools.selection.subjects import Subject
from gradtools.selection.tunings import Tuning
from gradtools.tables import populations
from gradtools.tables.model import Cell, Entry, Table

NOTES = (
    "effect: mean change over samples from the first to the last step of a unit: area (last - first) / (last + first); luminance in "
    "0..1; entropy in bits; eccentricity; angle in degrees, axial; x, y, major and minor axis in pixels.",
    "decoy: the largest of one random direction a unit, as long in the latent space; selected: units at or above the least effect "
    "where (1 + decoys) / units is at most the level. A linear link moves every picture, so a test against 0 says nothing.",
)
OF_UNITS = (
    "fidelity: realised over asked change of the unit when its picture is read again, near 0: the unit is the link's artefact; rank: "
    "of the unit among all by its realised change, 1 the most; stability: cosine of its changes of pictures of two classes.",
)
TOO_FEW = "no threshold reaches the level"


def build(subjects: Sequence[Subject]) -> Iterator[Table]:
    """Yield the tables that the stores can fill."""
    return tables((subject.name, list(subject.tuning.values())) for subject in subjects)


def tables(measured: Iterable[tuple[str, list[Result]]]) -> Iterator[Table]:
    """Yield what units change, a row a part and metric, whether they do it themselves, and what they do together.

    Parameters
    ----------
    measured : iterable of (model, list of Result)
    """
    every = [(model, result) for model, results in measured for result in results]
    models = [(model, result) for model, result in every if result.method == "effects"]
    if models:
        yield _effects(models)
        yield _directions(models)
    yield from populations.tables(every)


def _effects(models: list[tuple[str, Result]]) -> Table:
    """Return what units change, a row a part and metric."""
    rows: list[dict[str, Entry]] = []
    for model, result in models:
        for row in result.rows():
            limit = row["threshold"]
            rows.append(
                {
                    "model": model,
                    "part": row["part"],
                    "metric": row["metric"],
                    "strongest unit": row["unit"],
                    "effect": Cell(row["effect"], n=int(row["measured"])),
                    "largest decoy": Cell(row["decoy"]),
                    "threshold": Cell(limit, why=TOO_FEW),
                    "selected": Cell(row["selected"], n=int(row["units"])),
                }
            )
    facts = models[0][1].facts
    columns = [
        "model",
        "part",
        "metric",
        "strongest unit",
        "effect",
        "largest decoy",
        "threshold",
        "selected",
    ]
    return Table(
        "tuning-effects", f"what units change in {facts['tuned_samples']} samples", columns, rows, NOTES, heads=("model", "part", "metric")
    )  # fmt: skip


def _directions(models: list[tuple[str, Result]]) -> Table:
    """Return fidelity and stability of units beside decoys."""
    rows: list[dict[str, Entry]] = [
        {
            "model": model,
            "directions": name,
            "fidelity (median)": Cell(result.facts[f"fidelity_{kind}"]),
            "stability (mean)": Cell(result.facts[f"stability_{kind}"]),
        }
        for model, result in models
        for kind, name in (("units", "units"), ("decoys", "random (control)"))
    ]
    columns = ["model", "directions", "fidelity (median)", "stability (mean)"]
    return Table(
        "tuning-directions",
        "do units move themselves, and alike in all classes",
        columns,
        rows,
        OF_UNITS,
    )


def top(rows: list[dict], part: str, metric: str, tuning: Tuning) -> Table:
    """Return the units of the largest effect on one metric of one part (see `tunings.top`)."""
    lines = [
        {
            "unit": row["unit"],
            "effect": Cell(row["effect"], spread=row["spread"], n=row["samples"]),
            "fidelity": Cell(row["fidelity"]),
            "rank": Cell(row["selectivity"], digits=1),
            "stability": Cell(row["stability"]),
            "class probability": Cell(row["probability"]),
        }
        for row in rows
    ]
    count = len(tuning.of("unit"))
    title = f"units that change the {metric} of {part} most, {len(rows)} of {count}"
    return Table(
        "tuning-top",
        title,
        list(lines[0]),
        lines,
        ("effect ± standard error over samples.", *OF_UNITS),
        heads=("unit",),
    )
