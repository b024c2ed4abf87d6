"""Trees against scipy, brute force over what a tree is, and planted structure."""

import itertools
import math
import warnings

import numpy as np
import pytest
from scipy.cluster import hierarchy
from scipy.spatial.distance import pdist, squareform
from sklearn.metrics import adjusted_rand_score

from gradtools.errors import GradtoolsError, UsageError
from gradtools.math import trees
from gradtools.math.trees import merging
from gradtools.tables.wording import LINKAGES

ROWS = np.random.default_rng(0).normal(size=(30, 7))


def tree(rows=ROWS, method="ward", order="none"):
    return trees.linkage(trees.distances(rows, method=method), method, order)


def leaf_sets(merges):
    """The leaves of every cluster by the definition of the merges."""
    sets = [{leaf} for leaf in range(len(merges) + 1)]
    for first, second, _, _ in merges:
        sets.append(sets[int(first)] | sets[int(second)])
    return sets


def loop(rows, function):
    return [function(a, b) for a, b in itertools.combinations(rows, 2)]


def cosine(a, b):
    return sum(a * b) / math.hypot(*a) / math.hypot(*b)


def test_distances_are_those_of_loops():
    assert np.allclose(trees.distances(ROWS), loop(ROWS, math.dist), atol=1e-12)
    cosines = np.array(loop(ROWS, cosine))
    assert np.allclose(trees.distances(ROWS, "cosine", "average"), 1 - cosines, atol=1e-12)
    unit = ROWS / np.linalg.norm(ROWS, axis=1, keepdims=True)
    assert np.allclose(trees.distances(ROWS, "cosine", "ward"), pdist(unit), atol=1e-9)
    assert np.allclose(trees.distances_from_matrix(ROWS @ ROWS.T, "dot"), pdist(ROWS), atol=1e-9)
    assert np.allclose(
        trees.distances(ROWS, "cosine", on="as-meant"),
        (1 - cosines) / 2 - ((1 - cosines) / 2).min(),
        atol=1e-12,
    )


def test_the_tree_as_published_is_scipys_linkage_of_the_uncondensed_matrix():
    half = (1 - np.corrcoef(ROWS)) / 2
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        written = hierarchy.linkage(half - half.min(), "ward")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        ours = trees.linkage(trees.distances(ROWS, "correlation", on="as-published"), order="none")
    assert np.allclose(written[:, 2], ours[:, 2], atol=1e-12)
    assert np.array_equal(hierarchy.linkage(pdist(half), "ward")[:, 3], ours[:, 3])


def test_linkages_are_scipys_under_the_names_of_the_help():
    assert tuple(LINKAGES) == trees.METHODS
    for method in trees.METHODS:
        assert np.allclose(
            tree(method=method)[:, 2], hierarchy.linkage(ROWS, method)[:, 2], atol=1e-12
        )


def test_permuted_rows_give_the_permuted_tree():
    shuffle = np.random.default_rng(1).permutation(30)
    for method in trees.METHODS:
        one, other = tree(method=method, order="optimal"), tree(ROWS[shuffle], method, "optimal")
        assert np.array_equal(trees.leaves(one), shuffle[trees.leaves(other)])
        assert {frozenset(leaves) for leaves in leaf_sets(one)} == {
            frozenset(shuffle[list(leaves)].tolist()) for leaves in leaf_sets(other)
        }


@pytest.mark.parametrize("n", range(2, 10))
def test_the_optimal_order_is_the_best_of_all_flips(n):
    rows, square = ROWS[:n], squareform(pdist(ROWS[:n]))

    def length(order):
        return sum(square[a, b] for a, b in zip(order, order[1:]))

    def orders(merges, node):
        if node < n:
            return [[node]]
        first, second = (orders(merges, int(child)) for child in merges[node - n, :2])
        return [a + b for a in first for b in second] + [b + a for a in first for b in second]

    for method in trees.METHODS:
        merges = tree(rows, method, "optimal")
        assert length(trees.leaves(merges)) == pytest.approx(
            min(map(length, orders(merges, 2 * n - 2)))
        )
        assert np.allclose(hierarchy.cophenet(merges), hierarchy.cophenet(tree(rows, method)))


def test_cuts_are_scipys_and_numbered_in_leaf_order():
    merges = tree(order="optimal")
    for k in range(1, 31):
        labels = trees.cut(merges, k)
        assert adjusted_rand_score(labels, hierarchy.fcluster(merges, k, "maxclust")) == 1
        along = labels[trees.leaves(merges)]
        assert (
            along[0] == 0
            and np.all(np.diff(along) >= 0)
            and np.all(np.diff(along) <= 1)
            and along[-1] == k - 1
        )
    for height in (0, 1.5, 3, merges[7, 2], 99):
        assert (
            adjusted_rand_score(
                trees.cut(merges, height=height), hierarchy.fcluster(merges, height, "distance")
            )
            == 1
        )
    with pytest.raises(UsageError, match="between 1 and 30"):
        trees.cut(merges, 31)


def test_equal_heights_are_still_cut_into_k():
    merges = tree(np.repeat(np.eye(3), 4, axis=0), "single")
    assert [len(set(trees.cut(merges, k))) for k in range(1, 13)] == list(range(1, 13))


def test_joins_with_the_order_are_the_whole_tree():
    merges = tree(order="optimal")
    order, heights = trees.leaves(merges), squareform(hierarchy.cophenet(merges))
    joins = trees.joins(merges)
    assert np.array_equal(order, hierarchy.leaves_list(merges))
    for a, b in itertools.combinations(range(30), 2):
        assert joins[a:b].max() == heights[order[a], order[b]]


def test_the_cophenetic_correlation_is_pearsons():
    merges, condensed = tree(), pdist(ROWS)
    assert trees.cophenetic(merges, condensed) == pytest.approx(
        hierarchy.cophenet(merges, condensed)[0], abs=1e-12
    )
    assert math.isnan(trees.cophenetic(tree(ROWS[:2]), pdist(ROWS[:2])))
    assert math.isnan(trees.cophenetic(tree(np.eye(4)), pdist(np.eye(4))))


def test_the_smallest_cluster_around_a_leaf():
    merges = tree(method="average")
    sets, heights = leaf_sets(merges), [0.0] * 30 + merges[:, 2].tolist()
    for leaf, least in itertools.product(range(30), (1, 2, 5, 30)):
        expected = min(
            (len(leaves), node)
            for node, leaves in enumerate(sets)
            if leaf in leaves and len(leaves) >= least
        )
        members, height = trees.around(merges, leaf, least)
        assert (set(members.tolist()), height) == (sets[expected[1]], heights[expected[1]])


def test_the_top_of_a_tree_is_cut_as_the_tree():
    merges = tree(order="optimal")
    whole, top = trees.cut(merges, 12), trees.top(merges, 12)
    assert (
        np.array_equal(top[:, 2], merges[-11:, 2])
        and top[-1, 3] == 12
        and np.array_equal(trees.leaves(top), np.arange(12))
    )
    for k in range(1, 13):
        assert np.array_equal(trees.cut(top, k)[whole], trees.cut(merges, k))


def test_clusters_are_coloured_below_a_share_of_the_way_up_or_the_posts_two():
    merges = tree()
    assert trees.threshold(merges) == pytest.approx(0.3 * merges[0, 2] + 0.7 * merges[-1, 2])
    assert trees.threshold(merges, "as-published") == trees.threshold(merges, "as-meant") == 2


NOT_EUCLIDEAN = np.array([[1, 0.9, 0], [0.9, 1, 0.9], [0, 0.9, 1]])


@pytest.mark.parametrize(
    "matrix, settings, words",
    [
        (np.eye(1), {}, "at least 2 rows"),
        (np.full((2, 2), np.nan), {}, "NaN"),
        (np.array([[1, 0.2], [0.3, 1]]), {}, "not symmetric"),
        (np.array([[1, 2.0], [2, 1]]), {}, "at most 1"),
        (np.eye(3), {"method": "centroid"}, "ward, average"),
        (np.eye(3), {"on": "rowz"}, "rows, as-published, as-meant"),
        (np.eye(3), {"metric": "euclidean", "on": "as-published"}, "no --metric euclidean"),
        (NOT_EUCLIDEAN, {"metric": "overlap"}, "take --linkage average"),
    ],
)
def test_what_makes_no_tree_is_refused(matrix, settings, words):
    with pytest.raises(GradtoolsError, match=words):
        trees.distances_from_matrix(matrix, **settings)


def test_other_similarities_take_linkages_that_assume_nothing_or_ward_where_they_are_euclidean():
    assert np.allclose(
        trees.distances_from_matrix(NOT_EUCLIDEAN, "overlap", "average"), [0.1, 1, 0.1]
    )
    assert np.allclose(
        trees.distances_from_matrix(np.corrcoef(ROWS), "rsa"),
        np.sqrt(2 - 2 * squareform(np.corrcoef(ROWS), checks=False)),
    )


NAMES = [
    "it's",
    "a (b)",
    "c,d",
    "e:f;g",
    "[h]",
    "Cardigan",
    "cardigan",
    "under_score",
    "ünï code",
    "''",
    "a  b",
    "n01.jpg",
]


def test_newick_survives_a_parser_that_is_not_ours():
    dendropy = pytest.importorskip("dendropy")
    merges = tree(ROWS[:12], order="optimal")
    parsed = dendropy.Tree.get(
        data=trees.newick(merges, NAMES),
        schema="newick",
        preserve_underscores=True,
        case_sensitive_taxon_labels=True,
    )
    assert [leaf.taxon.label for leaf in parsed.leaf_node_iter()] == [
        NAMES[leaf] for leaf in trees.leaves(merges)
    ]
    apart, heights = parsed.phylogenetic_distance_matrix(), squareform(hierarchy.cophenet(merges))
    taxa = {taxon.label: taxon for taxon in parsed.taxon_namespace}
    for a, b in itertools.combinations(range(12), 2):
        assert apart.patristic_distance(taxa[NAMES[a]], taxa[NAMES[b]]) == pytest.approx(
            heights[a, b], rel=1e-9
        )


def test_newick_of_a_long_chain_and_of_three_leaves_by_hand():
    assert (
        trees.newick(np.array([[0, 1, 2.0, 2], [2, 3, 3.0, 3]]), ["a", "it's", "c\nd"])
        == "('c d':1.5,('a':1,'it''s':1):0.5);\n"
    )
    chain = trees.linkage(
        trees.distances(np.cumsum(np.arange(3000.0))[:, None], method="single"), "single", "none"
    )
    assert trees.newick(chain, list(map(str, range(3000)))).count("(") == 2999


def test_jaccard_is_that_of_sets():
    random = np.random.default_rng(2)
    labels, others = random.permutation(np.arange(40) % 4), random.integers(6, size=40)
    overlaps = trees.jaccard(labels, others)
    for cluster in range(4):
        mine = set(np.flatnonzero(labels == cluster))
        theirs = [set(np.flatnonzero(others == other)) for other in range(6)]
        assert overlaps[cluster] == pytest.approx(
            max(len(mine & one) / len(mine | one) for one in theirs)
        )


def test_planted_groups_come_back_from_drawn_dimensions_and_permuted_rows_do_not():
    random = np.random.default_rng(3)
    groups = np.arange(60) % 4
    rows = random.normal(size=(4, 200))[groups] + 0.5 * random.normal(size=(60, 200))
    stability = trees.stability(rows, trees.distances, trees.cut(tree(rows), 4), resamples=5)
    assert (
        np.allclose(stability.ari, 1)
        and np.allclose(stability.jaccard, 1)
        and stability.jaccard.shape == (5, 4)
    )
    assert abs(stability.control_ari.mean()) < 0.35 and stability.control_jaccard.mean() < 0.8
    assert trees.cophenetic(tree(rows), pdist(rows)) > 0.9 > stability.control_cophenetic.max()
    assert tree(rows)[0, 2] < stability.control_lowest.min()
    again = trees.stability(rows, trees.distances, trees.cut(tree(rows), 4), resamples=5)
    assert np.array_equal(stability.control_ari, again.control_ari)
    assert trees.stability(rows, trees.distances, groups, resamples=0).jaccard.shape == (0, 4)
    shuffled = trees.shuffled_cophenetic(pdist(rows), repeats=5)
    assert len(shuffled) == 5 and shuffled.max() < 0.5


def test_the_control_permutes_the_values_of_each_row_by_themselves():
    """Rows of a value of their own, and a little noise: permuted they are what they were, whatever the labels say."""
    random = np.random.default_rng(0)
    level = np.repeat([0.0, 100.0], 6)
    rows = level[:, None] + random.normal(size=(12, 30))
    stability = trees.stability(rows, lambda x: trees.distances(x), np.arange(12) % 2, resamples=3)
    assert stability.control_ari.tolist() == [1, 1, 1] and (stability.control_jaccard == 1).all()
    within = pdist(rows[:6])
    assert (stability.control_lowest < within.max()).all() and (stability.ari < 0.1).all()
    far = trees.stability(
        rows + np.linspace(0, 1000, 30),
        lambda x: trees.distances(x),
        np.arange(12) % 2,
        resamples=2,
    )
    assert (far.control_lowest > 50 * within.max()).all()  # a profile that all rows share is gone


@pytest.mark.parametrize("order", list(itertools.permutations([0.0, 1.0, 2.5, 100.0])))
def test_the_larger_part_of_the_root_comes_first(order):
    places = np.array(order)
    merges = trees.linkage(pdist(places[:, None]), "average")
    assert places[trees.leaves(merges)].tolist() in ([0, 1, 2.5, 100], [2.5, 1, 0, 100])


@pytest.mark.parametrize(
    "metric, on",
    [("euclidean", "rows"), ("cosine", "rows"), ("correlation", "rows"), ("cosine", "as-meant")],
)
def test_distances_of_blocks_are_those_of_the_whole_matrix(metric, on, monkeypatch):
    rows = np.random.default_rng(2).standard_normal((31, 5))
    rows[7], rows[12] = rows[3], 0
    whole = trees.distances(rows, metric, "average", on)
    for size in (1, 7, 30):
        monkeypatch.setattr(merging, "AT_ONCE", size)
        np.testing.assert_allclose(
            trees.distances(rows, metric, "average", on), whole, rtol=0, atol=1e-7
        )
    rows[5, 2] = np.nan
    with pytest.raises(GradtoolsError, match="NaN"):
        trees.distances(rows, metric, "average", on)


def test_cophenetic_correlation_of_parts_is_that_of_all(monkeypatch):
    rows = np.random.default_rng(3).standard_normal((20, 4))
    condensed = pdist(rows)
    merges = trees.linkage(condensed, "average")
    monkeypatch.setattr(merging, "PAIRS", 7)
    expected = hierarchy.cophenet(merges, condensed)[0]
    assert trees.cophenetic(merges, condensed) == pytest.approx(expected, abs=1e-12)
