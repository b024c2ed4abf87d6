"""Tables of links: how well latents, and the pictures drawn from them, come back, beside uninformative links."""

from collections.abc import Iterable, Iterator, Sequence

from gradtools.selection.results import Result
from gradtools.selection.subjects import Subject
from gradtools.tables.model import Cell, Entry, Table

ROWS = {
    "linear": "link",
    "kernel": "not linear",
    "null": "shuffled pairs (control)",
    "mean": "mean w (control)",
    "difference": "not linear - link",
}
LATENT = {
    "r2": "R2",
    "r2_dimension": "R2, mean of dimensions",
    "cosine": "cosine",
    "latent_mse": "MSE",
}
PICTURE = {
    "agreement": "same class",
    "embedding_cosine": "cosine of r",
    "ssim": "SSIM",
    "mse": "MSE",
    "perceptual": "perceptual",
}
SPACES = {
    "ari_w": "ARI of k-means in W",
    "ari_r": "ARI of k-means in R",
    "similarity": "correlation of similarities (Pearson)",
    "similarity_rank": "correlation of similarities (Spearman)",
    "distance": "correlation of distances (Pearson)",
    "distance_rank": "correlation of distances (Spearman)",
    "within": "distances within classes (Pearson)",
    "within_rank": "distances within classes (Spearman)",
}
OF_LATENTS = (
    "R2 of held-out pairs: 1 - residual / total sum of squares over all dimensions (pooled), and the mean of each dimension's.",
    "R2 of latents alone misleads: a direction that no picture shows cannot be met, and a class can come back while R2 is near 0.",
    "[low, high]: 95 % of resampled held-out pairs.",
)
OF_PICTURES = (
    "same class: share of held-out pictures that the classifier gives the same class when they come back; cosine of r: of what its "
    "head reads; SSIM and MSE of pixels in 0..1; perceptual: 1 - cosine in the network of --embedder.",
    "mean w: one picture for all; shuffled pairs: a link fitted to r of other samples.",
)
OF_SPACES = (
    "mean ± sd over repetitions of random classes and samples; correlations over pairs of samples, p of Mantel's test (the first "
    "repetition).",
    "class centres alone make the first rows high: within classes, pairs of samples of one class alone count.",
)
NO_EMBEDDER = "needs --embedder"


def build(subjects: Sequence[Subject]) -> Iterator[Table]:
    """Yield the tables that the stores can fill."""
    return tables((subject.name, list(subject.link.values())) for subject in subjects)


def tables(measured: Iterable[tuple[str, list[Result]]]) -> Iterator[Table]:
    """Yield how well latents and pictures come back, and whether the two spaces are alike.

    Parameters
    ----------
    measured : iterable of (model, list of Result)
    """
    models = [(model, {result.method: result for result in results}) for model, results in measured]
    models = [(model, results) for model, results in models if results]
    if not models:
        return
    counts = sorted({results["linear"].get("r2").n for _, results in models})
    count = " and ".join(map(str, counts))
    yield _table(
        "link-latents",
        f"latents from what the head reads: {count} held-out pairs",
        models,
        LATENT,
        OF_LATENTS,
    )
    yield _table(
        "link-pictures",
        f"pictures that come back: {count} held-out pairs",
        models,
        PICTURE,
        OF_PICTURES,
    )
    spaces = [
        (model, results["feasibility"]) for model, results in models if "feasibility" in results
    ]
    if spaces:
        yield _spaces(spaces)


def _table(name: str, title: str, models: list, heads: dict[str, str], notes: tuple) -> Table:
    """Return one row a kind of link; the perceptual distance only where a link has it."""
    heads = {
        name: head
        for name, head in heads.items()
        if name != "perceptual" or any(results["linear"].has(name) for _, results in models)
    }
    rows = []
    for model, results in models:
        for kind, text in ROWS.items():
            row: dict = {"model": model, "latent from": text}
            for statistic, head in heads.items():
                value, low, high, n = results[kind].get(statistic)
                row[head] = Cell(
                    value, low, high, n=n, why=NO_EMBEDDER if statistic == "perceptual" else ""
                )
            rows.append(row)
    return Table(name, title, ["model", "latent from", *heads.values()], rows, notes)


def _spaces(spaces: list[tuple[str, Result]]) -> Table:
    """Return whether W and R have the same order, one row a statistic."""
    rows: list[dict[str, Entry]] = []
    for model, result in spaces:
        tested = {"distance": "p_distance", "within": "p_within"}
        for row in result.rows():
            name = str(row["statistic"])
            p = float(result.facts[tested[name]]) if name in tested else None
            spread = float(row["spread"])
            cell = Cell(row["value"], spread=spread, p=p, n=int(row["repeats"]))
            rows.append({"model": model, "statistic": SPACES[name], "value": cell})
    facts = spaces[0][1].facts
    title = f"are W and R alike: {facts['repetitions']} repetitions of {facts['drawn_classes']} classes, {facts['rows']} samples"
    return Table("link-spaces", title, ["model", "statistic", "value"], rows, OF_SPACES)
