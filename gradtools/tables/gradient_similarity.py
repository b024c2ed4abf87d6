"""The three tables of the blog post "Gradient Similarity in CNNs" (mathematics#the-gradient-similarity-post), as they stand there, and its published values."""

from collections.abc import Iterator

from gradtools.selection.results import Result
from gradtools.selection.subjects import Subject
from gradtools.tables import maps, per_model
from gradtools.tables.model import Cell, Table
from gradtools.tables.wording import FILLED_BY, NO_PAIRS, computed_by

COLUMNS = {
    "Cos_Sim_GW": "gradient@last-conv",
    "Cos_Sim_P": "logits",
    "Cos_Sim_FM": "activation@last-block",
}
MAP_COLUMNS = {f"Grad_Cam_{metric}": metric for metric in ("CC", "KLD", "SIM", "AUC")}
SSIM = {"Grad_Cam_SSIM": "SSIM"}  # an earlier draft of the post heads the SIM column so
FEATURES = {
    "Gradient Weights": "gradient@last-conv",
    "Final Predictions": "logits",
    "Feature Maps": "activation@last-block",
}

OF_CLUSTERS = {"ARI": "ari", "NMI": "nmi", "Silhouette": "silhouette"}

PUBLISHED_SIMILARITY = {
    "Resnet18": (0.832475, 0.750405, 0.809194, 0.514107, 0.546371, 0.640893, 0.473252),
    "Resnet34": (0.891979, 0.760314, 0.821133, 0.547336, 0.303619, 0.717424, 0.482986),
    "Resnet50": (0.970702, 0.781508, 0.842356, 0.387207, 0.845985, 0.534813, 0.441505),
    "Resnet101": (0.898816, 0.777873, 0.841248, 0.451866, 0.607102, 0.587721, 0.471974),
    "Resnet152": (0.918961, 0.784820, 0.834101, 0.513276, 0.560512, 0.600739, 0.498934),
}
PUBLISHED_CLUSTERING = {
    "kmeans": {
        "Gradient Weights": (
            0.95,
            0.98,
            0.79,
            0.63,
            0.85,
            0.62,
            1.00,
            1.00,
            0.89,
            0.95,
            0.98,
            0.83,
            0.77,
            0.91,
            0.81,
        ),
        "Final Predictions": (
            0.30,
            0.64,
            0.42,
            0.50,
            0.78,
            0.42,
            0.41,
            0.69,
            0.33,
            0.34,
            0.66,
            0.39,
            0.53,
            0.77,
            0.43,
        ),
        "Feature Maps": (
            0.41,
            0.72,
            0.42,
            0.57,
            0.80,
            0.51,
            0.41,
            0.73,
            0.49,
            0.23,
            0.57,
            0.41,
            0.39,
            0.69,
            0.35,
        ),
    },
    "gmm": {
        "Gradient Weights": (
            0.95,
            0.98,
            0.79,
            0.61,
            0.85,
            0.62,
            1.00,
            1.00,
            0.89,
            0.95,
            0.98,
            0.83,
            0.77,
            0.91,
            0.81,
        ),
        "Final Predictions": (
            0.30,
            0.64,
            0.38,
            0.48,
            0.78,
            0.40,
            0.34,
            0.68,
            0.30,
            0.37,
            0.69,
            0.31,
            0.57,
            0.80,
            0.43,
        ),
        "Feature Maps": (
            0.46,
            0.74,
            0.42,
            0.52,
            0.77,
            0.48,
            0.41,
            0.73,
            0.49,
            0.24,
            0.58,
            0.39,
            0.40,
            0.71,
            0.30,
        ),
    },
}
NOT_RECOVERABLE = (
    "not recoverable from the post: its tap, images, version of the weights and clustering space. Here: the last convolution, "
    "logits, the pooled last block, mean of class means."
)
CONTROL = (
    "the post's mean within classes ignores the level between them, and its clusters can be the argmax itself: "
    "read --layout similarity and --layout clustering beside it."
)


def build(subjects: list[Subject], published: bool = False) -> Iterator[Table]:
    """Build the post's three tables from any number of models; `published` adds the post's own values."""
    yield _similarity(subjects, published)
    for method, title in (("kmeans", "Clustering using K-means"), ("gmm", "Clustering using GMM")):
        yield _clustering(subjects, method, title, published)


def _similarity(subjects: list[Subject], published: bool) -> Table:
    """Build model x (cosine similarities, Grad-CAM similarities)."""
    of_maps = [maps.grad_cam(subject) for subject in subjects]
    by_metric = [{metric: result for (_, metric), result in keyed.items()} for keyed in of_maps]
    heads = [*COLUMNS, *MAP_COLUMNS]
    extra = SSIM if any("SSIM" in results for results in by_metric) else {}
    rows = [
        {"Model": subject.name, **_cosines(subject), **_of_maps(results, MAP_COLUMNS | extra)}
        for subject, results in zip(subjects, by_metric)
    ]
    if published:
        rows += [_published_similarity(model, heads, [*extra]) for model in PUBLISHED_SIMILARITY]
    notes = (NOT_RECOVERABLE, CONTROL, *_about_maps(subjects, of_maps))
    columns = ["Model", *heads, *extra]
    return Table("gradient-similarity", "Model\\Matrices", columns, rows, notes)


def _published_similarity(model: str, heads: list[str], extra: list[str]) -> per_model.Row:
    """Return one of the post's rows."""
    values = zip(heads, PUBLISHED_SIMILARITY[model])
    return {
        "Model": f"{model} (published, other images)",
        **{head: Cell(value, digits=6) for head, value in values},
        **{head: Cell(why="the post does not publish it") for head in extra},
    }


def _cosines(subject: Subject) -> per_model.Row:
    """Return the means of class means of the cosines, a cell a column."""
    results = per_model.by_role(subject, subject.similarity, "cosine")
    return {head: _mean(results.get(name), "similarity") for head, name in COLUMNS.items()}


def _of_maps(results: dict[str, Result], columns: dict[str, str]) -> per_model.Row:
    """Return the means of class means of Grad-CAM's maps, a cell a column."""
    return {head: _mean(results.get(metric), "maps") for head, metric in columns.items()}


def _mean(result: Result | None, layout: str) -> Cell:
    """Return a mean of class means."""
    if result is None:
        return Cell(why=computed_by(layout))
    n = result.get("within_macro").n
    return Cell(result.get("within_macro").value, n=n, digits=6, why=NO_PAIRS)


def _about_maps(subjects: list[Subject], by_subject: list[maps.Keyed]) -> Iterator[str]:
    """Yield which maps the Grad-CAM columns are of, or what computes them."""
    for subject, results in zip(subjects, by_subject):
        computed = {metric for _, metric in results}
        lacking = [head for head, metric in MAP_COLUMNS.items() if metric not in computed]
        if lacking:
            tap = subject.taps.get("default_gradient", "one tap")
            yield f"{subject.name}: {', '.join(lacking)}: {FILLED_BY['maps']} computes them, of gradcam at {tap}"
    yield from maps.settings(subjects, by_subject)
    if any(by_subject):
        yield "Grad_Cam_*: levels as well: maps of other classes and a centred Gaussian stand beside them in --layout maps."


def _clustering(subjects: list[Subject], method: str, title: str, published: bool) -> Table:
    """Build feature x (model: ARI, NMI, silhouette)."""
    heads: list[str] = []
    rows: list[per_model.Row] = [{"Metric": feature} for feature in FEATURES]
    for subject in subjects:
        results = per_model.by_role(subject, subject.clusters, method)
        for row in rows:
            result = results.get(FEATURES[str(row["Metric"])])
            for head, index in OF_CLUSTERS.items():
                row[f"{subject.name} {head}"] = _index(result, index)
        heads += [f"{subject.name} {head}" for head in OF_CLUSTERS]
    if published:
        heads += _published_clustering(rows, method)
    return Table(f"gradient-similarity-{method}", title, ["Metric", *heads], rows)


def _index(result: Result | None, index: str) -> Cell:
    """Return the mean of an index over the repeats, in the post's two digits."""
    if result is None:
        return Cell(why=computed_by("clustering"))
    return Cell(float(result.column(index).mean()), n=int(result.facts["rows"]), digits=2)


def _published_clustering(rows: list[per_model.Row], method: str) -> list[str]:
    """Add the post's values to the rows and return their heads."""
    heads = [
        f"{model} {head} (published)" for model in PUBLISHED_SIMILARITY for head in OF_CLUSTERS
    ]
    for row in rows:
        row |= {
            head: Cell(value, digits=2)
            for head, value in zip(heads, PUBLISHED_CLUSTERING[method][str(row["Metric"])])
        }
    return heads
