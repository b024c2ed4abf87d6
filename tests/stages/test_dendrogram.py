"""The stage: planted trees, SqueezeNet's (mathematics#trees), invariances, what is written, and what is refused."""

import itertools

import numpy as np
import pytest
from conftest import DATA, needs_data
from planted_classes import NAMES, planted, write_classes
from scipy.cluster import hierarchy
from scipy.spatial.distance import pdist, squareform
from sklearn.metrics import adjusted_rand_score

from gradtools import store
from gradtools.errors import GradtoolsError, UsageError
from gradtools.math import trees
from gradtools.network import models
from gradtools.stages import classes, dendrogram, similarity
from gradtools.store import paths

QUIET = {"say": lambda line: None}


def grow(path, output=None, **options):
    with store.read(path) as source:
        return dendrogram.dendrogram(source, output, dendrogram.Options(**options), **QUIET)


@pytest.mark.parametrize("linkage_on", ["rows", "as-published", "as-meant"])
@pytest.mark.parametrize("rows", ["post", "raw", "gauge"])
def test_a_planted_tree_comes_back_whatever_the_order_of_the_classes(rows, linkage_on, tmp_path):
    vectors, branch, twig = planted()
    shuffle = np.random.default_rng(1).permutation(24)
    for name, order in (("a.h5", np.arange(24)), ("b.h5", shuffle)):
        path = write_classes(tmp_path / name, vectors[order])
        for truth, k in ((branch, 3), (twig, 6)):
            tree = grow(path, rows=rows, linkage_on=linkage_on, k=k, resamples=3)
            assert adjusted_rand_score(tree.labels, truth[order]) == 1
            assert tree.facts["ari"] > 0.95 and tree.facts["ari_control"] < 0.5
            assert tree.facts["cophenetic"] > tree.facts["cophenetic_control"] + 0.2 and np.all(
                tree.clusters["stability"] > 0.9
            )
    assert sorted(
        tree.facts["k"] for tree in [grow(path, cut_height=1e9), grow(path, cut_height=0.0)]
    ) == [1, 24]


def test_permuted_classes_give_the_permuted_tree(tmp_path):
    vectors, _, _ = planted()
    shuffle = np.random.default_rng(2).permutation(24)
    one = grow(write_classes(tmp_path / "a.h5", vectors), resamples=0)
    other = grow(
        write_classes(tmp_path / "b.h5", vectors[shuffle], [NAMES[index] for index in shuffle]),
        resamples=0,
    )
    assert [one.names[leaf] for leaf in one.order] == [other.names[leaf] for leaf in other.order]
    assert np.array_equal(one.labels[shuffle], other.labels) and np.allclose(
        one.merges[:, 2:], other.merges[:, 2:]
    )


def test_the_gauge_does_not_see_a_vector_added_to_every_row(tmp_path):
    vectors, _, _ = planted()
    shift = 20 * np.random.default_rng(3).normal(size=vectors.shape[1])
    paths_of = [
        write_classes(tmp_path / f"{name}.h5", rows)
        for name, rows in (("a", vectors), ("b", vectors + shift))
    ]
    one, other = (grow(path, rows="gauge", resamples=3) for path in paths_of)
    assert np.allclose(one.merges, other.merges, atol=1e-9) and one.facts["ari"] == pytest.approx(
        other.facts["ari"]
    )
    assert one.facts["metric"] == "cosine" and one.facts["height"] == "sqrt(2 (1 - cosine))"
    one, other = (grow(path, rows="post", resamples=0) for path in paths_of)
    assert not np.allclose(one.merges[:, 2], other.merges[:, 2], rtol=0.1)


@pytest.mark.parametrize("linkage", trees.METHODS)
def test_a_stored_matrix_gives_the_tree_of_its_rows(linkage, tmp_path):
    path, matrix = write_classes(tmp_path / "a.h5", planted()[0]), str(tmp_path / "s.h5")
    with store.read(path) as source:
        similarity.similarity(
            source,
            matrix,
            similarity.Options(metric=("cosine", "euclidean", "dot"), matrix=True),
            **QUIET,
        )
    for metric, of in (("cosine", "cosine"), ("euclidean", "euclidean"), ("dot", "euclidean")):
        one, other = (
            grow(path, metric=of, linkage=linkage, resamples=0),
            grow(matrix, metric=metric, linkage=linkage, resamples=2),
        )
        assert np.allclose(one.merges, other.merges, rtol=1e-4) and np.array_equal(
            one.order, other.order
        )
        assert other.facts["cophenetic_control"] < 0.6 < other.facts["cophenetic"] and np.isnan(
            other.facts["ari"]
        )
    with pytest.raises(
        UsageError, match="cosine of weight, dot of weight, euclidean of weight: name one"
    ):
        grow(matrix)
    with pytest.raises(UsageError, match="has only a matrix"):
        grow(matrix, metric="cosine", rows="post")


def test_a_small_tree_by_hand(tmp_path):
    """Four points on a line under single linkage: the heights are the gaps."""
    path = write_classes(tmp_path / "a.h5", np.array([[0.0, 0], [1, 0], [5, 0], [7, 0]]) + [0, 1])
    tree = grow(path, rows="raw", metric="euclidean", linkage="single", cut_height=2.0)
    assert tree.merges[:, 2].tolist() == [1, 2, 4] and tree.order.tolist() in (
        [0, 1, 2, 3],
        [3, 2, 1, 0],
    )
    assert tree.facts["k"] == 2 and (tree.facts["cut_low"], tree.facts["cut_high"]) == (2, 4)
    assert sorted(tree.clusters["height"].tolist()) == [1, 2] and tree.clusters[
        "joins"
    ].tolist() == [4, 4]
    assert tree.facts["cophenetic"] == pytest.approx(
        np.corrcoef([1, 5, 7, 4, 6, 2], [1, 4, 4, 4, 4, 2])[0, 1]
    )
    coloured = grow(
        path, rows="raw", metric="euclidean", linkage="single", k=1, color_threshold=1.0
    )
    assert coloured.facts["k"] == 1 and len(set(coloured.colours)) == 3


def test_what_is_written_reads_back_and_opens_elsewhere(tmp_path):
    import xarray

    path, out = write_classes(tmp_path / "a.h5", planted()[0]), str(tmp_path / "t.h5")
    tree = grow(path, out, k=6, resamples=3)
    with store.read(out) as made:
        assert made.kind == "linkage" and made.unit == "class" and made.ids == NAMES
        where = paths.linkage("weight")
        assert np.array_equal(made.values(f"{where}/merges"), tree.merges) and np.array_equal(
            made.values(f"{where}/label"), tree.labels
        )
        assert np.array_equal(made.values(f"{where}/order"), hierarchy.leaves_list(tree.merges))
        columns, facts = made.table(where)
        assert (
            columns["size"].tolist() == [4] * 6
            and facts["method"] == "ward"
            and facts["cophenetic"] == tree.facts["cophenetic"]
        )
    opened = xarray.open_dataset(out, engine="h5netcdf", group="/linkage/weight")
    assert (
        opened["merges"].dims == ("merge", "field")
        and opened["order"].dims == ("sample",)
        and opened["size"].dims == ("cluster",)
    )


def test_the_same_command_gives_the_same_bytes(tmp_path):
    path = write_classes(tmp_path / "a.h5", planted()[0])
    digests = []
    for name in ("b.h5", "c.h5"):
        grow(path, str(tmp_path / name), resamples=3, seed=5)
        with store.read(str(tmp_path / name)) as made:
            digests.append(
                {key: value for key, value in store.digests(made.file).items() if key != "/history"}
            )
    assert digests[0] == digests[1] and any(
        key.startswith("/linkage/weight/merges") for key in digests[0]
    )


def test_the_cluster_around_a_name(tmp_path):
    path = write_classes(tmp_path / "a.h5", planted()[0])
    with store.read(path) as source:
        tree = dendrogram.dendrogram(source, None, dendrogram.Options(resamples=0), **QUIET)
        for text, row in (("it's, [a]: maillot", 2), ("crane (1)", 1), ("CLASS-7", 7), ("11", 11)):
            members, height = dendrogram.around(source, tree, text)
            pair = min(
                (place, first, second)
                for place, (first, second) in enumerate(tree.merges[:, :2])
                if row in (first, second)
            )
            assert height == tree.merges[pair[0], 2] and row in members
        with pytest.raises(UsageError, match="crane.*several|several.*0.*1"):
            dendrogram.around(source, tree, "crane")


def test_rows_without_a_direction_and_samples_left_out_are_no_leaves(tmp_path):
    vectors = planted()[0]
    vectors[3] = 0
    path = write_classes(tmp_path / "a.h5", vectors)
    tree = grow(path, str(tmp_path / "t.h5"), rows="raw", resamples=2)
    assert tree.facts["degenerate"] == 1 and tree.facts["rows"] == 23 and NAMES[3] not in tree.names
    with store.read(str(tmp_path / "t.h5")) as made:
        assert made.ids == tree.names
    (tmp_path / "list").write_text("\n".join(NAMES[6:12]))
    with store.read(path) as source:
        tree = dendrogram.dendrogram(
            source, None, dendrogram.Options(where=(f"list={tmp_path}/list",), resamples=0), **QUIET
        )
        assert tree.names == NAMES[6:12] and tree.facts["left_out"] == 18
        with pytest.raises(UsageError, match="is not a leaf of this tree"):
            dendrogram.around(source, tree, "class 20")


def test_images_are_samples_too(feature_store):
    tree = grow(str(feature_store), k=3, resamples=2)
    with store.read(str(feature_store)) as source:
        rows = source.rows(paths.tap("block", "activation")).read(0, 60).astype(float)
    unit = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    assert (
        tree.feature == "activation@block"
        and tree.facts["samples"] == "images"
        and tree.facts["normalised"] == "raw"
    )
    expected = hierarchy.linkage(unit, "ward")
    assert np.allclose(tree.merges[:, 2], expected[:, 2], atol=1e-6)
    assert adjusted_rand_score(tree.labels, hierarchy.fcluster(expected, 3, "maxclust")) == 1


@pytest.mark.parametrize(
    "options, words",
    [
        ({"k": 61}, "between 1 and 60"),
        ({"k": 2, "cut_height": 1.0}, "give one"),
        ({"metric": "dot"}, "euclidean, cosine, correlation"),
        ({"feature": ("logits", "weight")}, "a tree is of one"),
        ({"linkage_on": "as-published", "metric": "euclidean"}, "no --metric euclidean"),
        ({"feature": ("nonsense",)}, "no feature"),
    ],
)
def test_mistakes_are_named(options, words, feature_store):
    with pytest.raises(GradtoolsError, match=words):
        grow(str(feature_store), **options)


def test_too_many_samples_are_refused_before_the_work(feature_store, monkeypatch):
    monkeypatch.setattr(dendrogram.inputs, "MOST_BYTES", 8 * 60 * 59 // 2 - 1)
    with pytest.raises(GradtoolsError, match="60 samples have .* take fewer with --where"):
        grow(str(feature_store))
    monkeypatch.setattr(dendrogram, "ORDERED_SAMPLES", 59)
    monkeypatch.setattr(dendrogram.inputs, "MOST_BYTES", 8 * 60 * 59 // 2)
    assert grow(str(feature_store), resamples=0).facts["order"] == "none"


@needs_data
def test_squeezenet_as_in_spec_2(tmp_path):
    """The three variants' agreement; what is coloured at 2; Ward on rows is condensed sqrt(2 (D-1)(1-r))."""
    path = str(tmp_path / "c.h5")
    classes.classes(
        models.load("squeezenet1_0", str(DATA / "squeezenet1_0_imagenet.pth"), without_images=True),
        path,
    )
    grown = {
        on: grow(path, linkage_on=on, k=30, order="none", resamples=0) for on in trees.LINKED_ON
    }
    for one, other, expected in (
        ("as-published", "as-meant", 0.39),
        ("as-published", "rows", 0.40),
        ("as-meant", "rows", 0.58),
    ):
        assert abs(adjusted_rand_score(grown[one].labels, grown[other].labels) - expected) < 0.02
    coloured = {
        on: grow(path, linkage_on=on, order="none", resamples=0)
        for on in ("as-published", "as-meant")
    }
    assert {on: int((tree.clusters["size"] > 1).sum()) for on, tree in coloured.items()} == {
        "as-published": 47,
        "as-meant": 2,
    }
    with store.read(path) as source:
        r = np.corrcoef(source.class_rows.astype("f8"))
    condensed = squareform(r, checks=False)
    assert np.allclose(
        grown["rows"].merges[:, 2],
        hierarchy.linkage(np.sqrt(2 * 511 * (1 - condensed)), "ward")[:, 2],
        rtol=0,
        atol=3e-13,
    )
    assert np.allclose(
        grown["as-published"].merges[:, 2],
        hierarchy.linkage(pdist((1 - r) / 2), "ward")[:, 2],
        atol=1e-9,
    )
    unshifted = hierarchy.fcluster(hierarchy.linkage((1 - condensed) / 2, "ward"), 30, "maxclust")
    assert (
        abs(adjusted_rand_score(unshifted, grown["as-meant"].labels) - 0.62) < 0.03
    )  # .646 from scipy alone as well
    assert grown["as-meant"].merges[0, 2] == 0
    for one, other in itertools.combinations(trees.LINKED_ON, 2):
        assert grown[one].facts["height"] != grown[other].facts["height"]


def test_merges_below_the_floor_are_those_of_what_is_planted(tmp_path):
    """Four pairs of nearly equal rows among sixteen that have nothing in common."""
    random = np.random.default_rng(4)
    rows = random.normal(size=(20, 400))
    rows = np.concatenate([rows, rows[:4] + 0.1 * random.normal(size=(4, 400))])
    tree = grow(write_classes(tmp_path / "a.h5", rows), linkage="single", resamples=20)
    assert tree.facts["below_floor"] == pytest.approx(4, abs=1) and tree.facts[
        "floor"
    ] == pytest.approx(np.sqrt(2 * 399), rel=0.15)
