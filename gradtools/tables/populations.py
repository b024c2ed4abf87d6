"""Tables of a population of units: sparsity, clusters, parts that change together, and co-activation, each beside decoys."""

from collections.abc import Callable, Iterator, Sequence

from gradtools.selection.results import Result
from gradtools.tables.model import Cell, Entry, Table, number

Models = Sequence[tuple[str, Result]]
OF_SPARSITY = (
    "median over units of Hoyer's sparsity of what a unit changes in each part: 0 all parts alike, 1 one part alone; decoys: of random "
    "directions that go as far in the latent space.",
    "difference [low, high]: units - decoys, 95 % of resampled samples, where there are 5 or more.",
)
OF_CLUSTERS = (
    "parts: those at least half as strong as the strongest in the cluster's mean, with the sign of the change; strongest: its mean "
    "change; Jaccard: mean overlap with the cluster most like it when samples are resampled; clear: units that exceed decoys there.",
)
OF_CONCEPTS = (
    "Spearman's correlation over units of the sizes of two parts' changes [low, high]: 95 % of resampled units; decoys: of random "
    "directions, for a direction that moves the latent far moves every part; difference: units - decoys, resampled together.",
)
OF_COACTIVATION = (
    "correlation over pairs of units of their correlation over samples and the cosine of what they change, p of Mantel's test; decoys: the "
    "same of what their random directions change.",
    "the link gives units that are active together alike coefficients, so some of this holds by construction.",
)


def tables(models: Models) -> Iterator[Table]:
    """Yield the tables of every model that has a population.

    Parameters
    ----------
    models : sequence of (model, Result)
        Of any kind; those of other tables are passed over.
    """
    for kind, build in BUILDERS.items():
        of_kind = [(model, result) for model, result in models if result.method == kind]
        if of_kind:
            yield build(of_kind)


def _sparsity(models: Models) -> Table:
    """Return the sparsity of units and decoys, a row a metric and class."""
    rows: list[dict[str, Entry]] = [
        {
            "model": model,
            "metric": row["metric"],
            "class": row["class"],
            "samples": row["samples"],
            "units": Cell(row["value"], n=int(row["units"])),
            "decoys": Cell(row["decoys"]),
            "difference": Cell(row["difference"], number(row, "low"), number(row, "high")),
        }
        for model, result in models
        for row in result.rows()
    ]
    heads = ("model", "metric", "class")
    title = "in how few parts units change a metric"
    return Table("population-sparsity", title, list(rows[0]), rows, OF_SPARSITY, heads=heads)


def _clusters(models: Models) -> Table:
    """Return the clusters of units, the largest first."""
    rows: list[dict[str, Entry]] = []
    for model, result in models:
        ordered = sorted(result.rows(), key=lambda row: -float(row["units"]))
        for row in ordered:
            rows.append(
                {
                    "model": model,
                    "parts": row["parts"],
                    "units": row["units"],
                    "strongest": Cell(row["strongest"]),
                    "Jaccard": Cell(row["jaccard"]),
                    "clear": row["clear"],
                    "among them": row["members"],
                }
            )
    facts = models[0][1].facts
    title = (
        f"{len(set(models[0][1].columns['cluster']))} clusters of {facts['units']} units by their {facts['metric']} changes: silhouette "
        f"{float(facts['silhouette']):.2f}, ARI when samples are resampled {float(facts['stability']):.2f} "
        f"[{float(facts['stability_low']):.2f}, {float(facts['stability_high']):.2f}], of decoys {float(facts['stability_decoys']):.2f}"
    )
    return Table(
        "population-clusters",
        title,
        list(rows[0]),
        rows,
        OF_CLUSTERS,
        heads=("model", "parts"),
    )


def _concepts(models: Models) -> Table:
    """Return which parts change together, a row a pair."""
    rows: list[dict[str, Entry]] = []
    for model, result in models:
        for row in sorted(result.rows(), key=lambda row: -float(row["value"])):
            rows.append(
                {
                    "model": model,
                    "part": row["a"],
                    "and": row["b"],
                    "correlation": Cell(row["value"], number(row, "low"), number(row, "high")),
                    "decoys": Cell(row["decoys"]),
                    "difference": Cell(
                        float(row["value"]) - float(row["decoys"]),
                        number(row, "above_low"),
                        number(row, "above_high"),
                    ),
                }
            )
    facts = models[0][1].facts
    title = f"which parts {facts['units']} units change together, by {facts['metric']}"
    return Table(
        "population-concepts", title, list(rows[0]), rows, OF_CONCEPTS, heads=("model", "part", "and")
    )  # fmt: skip


def _coactivation(models: Models) -> Table:
    """Return whether units that are active together change alike."""
    rows: list[dict[str, Entry]] = [
        {
            "model": model,
            "active together over": row["scope"],
            "correlation": Cell(row["value"], p=number(row, "p")),
            "decoys": Cell(row["decoys"], p=number(row, "decoys_p")),
        }
        for model, result in models
        for row in result.rows()
    ]
    facts = models[0][1].facts
    title = f"do {facts['units']} units that are active together change the {facts['metric']} of the same parts"
    return Table(
        "population-coactivation",
        title,
        list(rows[0]),
        rows,
        OF_COACTIVATION,
        heads=("model", "active together over"),
    )


BUILDERS: dict[str, Callable[[Models], Table]] = {
    "sparsity": _sparsity,
    "clusters": _clusters,
    "concepts": _concepts,
    "alike": _coactivation,
}
