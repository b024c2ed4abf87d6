"""The pictures of the papers, from results to a PNG, SVG or PDF file; matplotlib is imported here and nowhere else."""

from gradtools.errors import GradtoolsError
from gradtools.evaluate import FILLED_BY, tables
from gradtools.evaluate.subjects import short_name
from gradtools.evaluate.tables import by_role
from gradtools.figures import activating, bars, curves, deletion, heat, histograms, matrices, overlays, page, planes, rankings, trees
from gradtools.figures.comparisons import compared
from gradtools.figures.page import check

PICTURES = ("bars", "heat", "pca", "taps", "deletion")

__all__ = ["PICTURES", "channel_sheet", "channels", "check", "class_by_prediction", "compared", "deletion_curves", "evaluated", "every_pair",
           "neighbours", "overlays", "projections", "tree"]


def projections(name, classes, class_names, results, projections, path):
    """Draw what `cluster` found: columns are features; rows are the true class, then each method's first repeat.

    Parameters
    ----------
    name : str
        The model's specification, for the title.
    classes : (n,) int array
        Class of each clustered sample, an index of `class_names`; -1 where there is none.
    class_names : list of str
    results : list of cluster.Result
    projections : dict of feature name to ((n, 2) coordinates, (2,) shares of the variance)
    path : str
        Where the picture goes: .png, .svg or .pdf; replaced where it exists.

    Raises
    ------
    UsageError
        Another suffix.
    GradtoolsError
        The file cannot be written.
    """
    drawn = [planes.Plane(feature, coordinates, shares, _first_repeats(results, feature))
             for feature, (coordinates, shares) in projections.items()]
    page.save(planes.draw([planes.Grid(short_name(name), classes, class_names, drawn)]), path)


def _first_repeats(results, feature):
    """{method: (labels, ARI)} of a feature's first repeats."""
    return {result.method: (result.labels[0], float(result.columns["ari"][0]))
            for result in results if result.feature == feature}


def class_by_prediction(results, path):
    """Draw what `similarity` found: mean similarity of same or other class x same or other prediction, a map a feature.

    Parameters
    ----------
    results : list of outcomes.Result
    path : str
        As for `projections`, and the errors too.
    """
    metrics = dict.fromkeys(result.metric for result in results)
    maps = {metric: [("", {result.feature: result for result in results if result.metric == metric})]
            for metric in metrics}
    page.save(heat.draw(maps), path)


def every_pair(found, order, path):
    """Draw cosine and euclidean matrices side by side, a row a feature.

    Parameters
    ----------
    found : list of similarity.Matrices
    order : str
        class or leaf.
    path : str
        As for `projections`, and the errors too.
    """
    page.save(matrices.draw(found, order), path)


def neighbours(found, names, path):
    """Draw the nearest samples of one as bars, and the floor under which they say nothing.

    Parameters
    ----------
    found : list of neighbors.Near
        One panel each.
    names : list of str
        Of all samples of the store.
    path : str
        As for `projections`, and the errors too.
    """
    page.save(rankings.draw(found, names), path)


def channels(name, found, kind, path):
    """Draw what `channels` found: the distribution of the channels' values, one histogram a tap.

    Parameters
    ----------
    name : str
        The model's specification, for the title.
    found : channels.Found
    kind : str
        gradient or contribution.
    path : str
        As for `projections`, and the errors too.
    """
    title = "\n".join([f"{short_name(name)}, {found.groups.whose}: {kind} of every channel", *found.warnings])
    page.save(histograms.draw(found.taps, kind, title), path)


def deletion_curves(measured, path):
    """Draw deletion and insertion of channels along every ranking.

    Parameters
    ----------
    measured : dict of str to dict
        Of every model the tables of its ablation, by their names in the store.
    path : str
        As for `projections`, and the errors too.

    Raises
    ------
    GradtoolsError
        There are no curves; names the command that computes them.
    """
    found = {name: tables for name, tables in measured.items() if "channel_points" in tables}
    if not found:
        raise GradtoolsError(f"no deletion and insertion curves to draw: {FILLED_BY['channels']} --ablate zero computes them, unless with --steps 0")
    page.save(deletion.draw(found), path)


def channel_sheet(source, top, found, path, images_dir=None, rules=None, warnings=()):
    """Draw the first channels of a class or image on the images that activate them most.

    Parameters
    ----------
    source : store.Store
    top : channels.Top
    found : channels.Activating
    path : str
        As for `projections`, and the errors too.
    images_dir, rules, warnings
        As for `activating.sheet`.
    """
    page.save(activating.sheet(source, top, found, images_dir, rules, warnings), path)


def tree(name, found, orientation, path):
    """Draw what `dendrogram` found.

    Parameters
    ----------
    name : str
        The model's specification, for the title.
    found : dendrogram.Tree
    orientation : str or None
        As for `trees.draw`.
    path : str
        As for `projections`, and the errors too.
    """
    page.save(trees.draw(short_name(name), found, orientation), path)


def evaluated(subjects, picture, path):
    """Draw what the stores hold of several models.

    Parameters
    ----------
    subjects : list of evaluate.subjects.Subject
    picture : one of PICTURES
        bars: pair AUC and ARI; heat: class x prediction; pca: true class and clusters; taps: the curve over taps; deletion: deletion and
        insertion of channels.
    path : str
        As for `projections`, and the errors too.

    Raises
    ------
    GradtoolsError
        The stores hold nothing for the picture; names the command that computes it.
    """
    check(path)
    if picture == "deletion":
        deletion_curves({subject.name: {name: found for (_, name), found in subject.channels.items()} for subject in subjects}, path)
        return
    page.save({"bars": bars.draw, "heat": _heat, "pca": _pca, "taps": curves.draw}[picture](subjects), path)


def _heat(subjects):
    """One row a model, one column a feature of the table's head."""
    maps = {}
    for metric in sorted({metric for subject in subjects for _, metric in subject.similarity}):
        found = [by_role(subject, subject.similarity, metric) for subject in subjects]
        names = tables.headline(found)
        maps[metric] = [(subject.name, {name: results.get(name) for name in names})
                        for subject, results in zip(subjects, found)]
    if not maps:
        raise GradtoolsError(f"no similarities to draw: {FILLED_BY['similarity']} computes them")
    return heat.draw(maps)


def _pca(subjects):
    """One grid a model that was clustered."""
    grids = [planes.Grid(subject.name, subject.labels, subject.class_names, _planes(subject))
             for subject in subjects if subject.projections]
    if not grids:
        raise GradtoolsError(f"no projections to draw: {FILLED_BY['clustering']} computes them")
    return planes.draw(grids)


def _planes(subject):
    """The stored projections of a model, in the order of the tables."""
    features = {tables.role(subject, feature): feature for feature in subject.projections}
    return [planes.Plane(role, *subject.projections[features[role]], _stored_repeats(subject, features[role]))
            for role in tables.headline([features]) if role in features]


def _stored_repeats(subject, feature):
    """{method: (labels, ARI)} of a feature's first stored repeats."""
    return {method: (measured.labels[0], float(measured.columns["ari"][0]))
            for (name, method), measured in subject.clusters.items() if name == feature and measured.labels is not None}
