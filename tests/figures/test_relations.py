"""Pictures of neighbours and of matrices: what stands in them is what was measured."""

import numpy as np
import pytest
from planted import alike, plant, write
from scipy.cluster.hierarchy import linkage
from scipy.spatial.distance import squareform

from gradtools import store
from gradtools.figures import matrices, rankings
from gradtools.math import trees
from gradtools.selection.neighbors import Near
from gradtools.stages import similarity
from gradtools.stages.similarity import matrices as compared

DATA = plant(24)


def near(values=(1.0, 0.8, 0.3, 0.1), floor=0.2, metric="cosine"):
    return Near("weight", metric, "post", 3, np.array([3, 0, 2, 1]), np.array(values), floor, 2, 3)


def test_bars_are_the_values_and_a_line_the_floor():
    figure = rankings.draw([near()], ["a", "b$", "c\td", "itself"])
    (panel,) = figure.axes
    assert [bar.get_width() for bar in panel.patches] == [1.0, 0.8, 0.3, 0.1]
    assert [label.get_text() for label in panel.get_yticklabels()] == ["itself", "a", "c\\td", "b$"]
    assert [line.get_xdata()[0] for line in panel.lines] == [0, 0.2]
    colours = [bar.get_facecolor() for bar in panel.patches]
    assert colours[1] == colours[2] != colours[3] and colours[0] not in colours[1:]


def test_of_distances_the_smaller_are_nearer_and_without_a_floor_there_is_no_line():
    colours = [
        bar.get_facecolor()
        for bar in rankings.draw([near((0.0, 1.0, 2.0, 3.0), 1.5, "euclidean")], list("abcd"))
        .axes[0]
        .patches
    ]
    assert colours[1] != colours[2] == colours[3]
    assert len(rankings.draw([near(floor=np.nan)], list("abcd")).axes[0].lines) == 1


@pytest.fixture(scope="module")
def pair_matrices(tmp_path_factory):
    with store.read(write(tmp_path_factory.mktemp("figures") / "a.h5", DATA)) as source:
        options = similarity.Options(feature=("gradient",))
        return similarity.compute_matrices(source, similarity.chosen(source, options)[0], options)


def images(figure):
    """Arrays of the panels that show one, feature by feature."""
    return [
        panel.images[0].get_array()
        for panel in figure.axes
        if panel.images and panel.get_aspect() == 1
    ]


def test_matrices_stand_side_by_side_sorted_by_class(pair_matrices):
    order = np.argsort(DATA.labels, kind="stable")
    x = DATA.of("gradient@conv")[order]
    shown = images(matrices.draw(pair_matrices, "class"))
    assert len(shown) == 4  # gradient and the control, cosine and euclidean each
    for matrix, metric in zip(shown, ("cosine", "euclidean")):
        np.testing.assert_allclose(matrix, [[alike(a, b, metric) for b in x] for a in x], atol=1e-9)
    assert [
        label.get_text()
        for label in matrices.draw(pair_matrices, "class").axes[0].get_yticklabels()
    ] == ["ant", "bee", "cat"]


def test_leaves_are_in_an_order_of_the_tree_as_near_as_any(pair_matrices):
    distances = pair_matrices[0].values["euclidean"]
    order = trees.leaves(trees.linkage(squareform(distances, checks=False)))
    assert sorted(order) == list(range(24))
    plain = np.arange(24)
    path = [distances[np.ix_(places, places)].diagonal(1).sum() for places in (order, plain)]
    assert path[0] < path[1]
    tree, members = (
        linkage(squareform(distances, checks=False), "ward"),
        {i: {i} for i in range(24)},
    )
    for at, (a, b, *_) in enumerate(tree):  # every cluster of the tree stands together
        members[24 + at] = members[int(a)] | members[int(b)]
        places = sorted(order.tolist().index(member) for member in members[24 + at])
        assert places[-1] - places[0] == len(places) - 1
    shown = images(matrices.draw(pair_matrices, "leaf"))
    np.testing.assert_allclose(shown[1], distances[np.ix_(order, order)])


def test_more_samples_than_are_drawn_are_drawn_by_the_seed(tmp_path, monkeypatch):
    monkeypatch.setattr(compared, "DRAWN", 10)
    with store.read(write(tmp_path / "a.h5", DATA)) as source:
        options = similarity.Options(feature=("logits",))
        drawn = similarity.compute_matrices(source, similarity.chosen(source, options)[0], options)
    assert (
        drawn[0].values["cosine"].shape == (10, 10)
        and drawn[0].samples == 24
        and len(set(drawn[0].names)) == 10
    )
    assert (
        matrices.draw(drawn, "class").subfigs[0].get_suptitle()
        == "logits (rows raw), 10 images of 24, drawn, class order"
    )
