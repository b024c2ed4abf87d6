"""Tanglegrams: crossings against loops, and turned trees against every way of turning."""

import itertools

import numpy as np
from scipy.cluster.hierarchy import linkage

from gradtools.math.spaces import untangle
from gradtools.math.trees import leaves


def crossings_by_loops(first, second):
    first, second = list(first), list(second)
    return sum(
        (first.index(i) < first.index(j)) != (second.index(i) < second.index(j))
        for i, j in itertools.combinations(range(len(first)), 2)
    )


def tree(n, seed):
    return linkage(np.random.default_rng(seed).standard_normal((n, 3)), "average")


def every_order(merges):
    """Leaf orders of all ways to turn a binary tree."""
    n = len(merges) + 1
    for turns in itertools.product((False, True), repeat=n - 1):
        turned = merges.copy()
        for row, turn in enumerate(turns):
            if turn:
                turned[row, :2] = merges[row, 1::-1]
        yield leaves(turned)


def test_crossings_are_pairs_in_the_other_order():
    rng = np.random.default_rng(0)
    for _ in range(5):
        first, second = rng.permutation(9), rng.permutation(9)
        assert untangle.crossings(first, second) == crossings_by_loops(first, second)
    assert untangle.crossings(np.arange(6), np.arange(6)[::-1]) == 15


def test_turning_one_tree_finds_the_fewest_crossings():
    for seed in range(6):
        merges, fixed = tree(8, seed), np.random.default_rng(seed + 50).permutation(8)
        places = np.argsort(fixed)
        fewest = min(untangle.crossings(fixed, order) for order in every_order(merges))
        assert untangle.crossings(fixed, untangle.turned(merges, places)) == fewest


def test_a_tree_and_its_turned_copy_untangle_fully():
    merges = tree(40, 1)
    other = merges.copy()
    swap = np.random.default_rng(0).random(39) < 0.5
    other[swap, :2] = merges[swap, 1::-1]
    assert untangle.crossings(leaves(merges), leaves(other)) > 0
    first, second, crossed = untangle.untangle(merges, other)
    assert crossed == 0 and (first == second).all()


def test_parts_of_a_group_of_one_height_stand_in_any_order():
    """Three groups of three under one root, as a taxonomy has them: no binary turning of scipy's merges is in the way."""
    distances = np.full((9, 9), 4.0)
    for group in ((0, 5, 7), (1, 3, 8), (2, 4, 6)):
        distances[np.ix_(group, group)] = 2
    np.fill_diagonal(distances, 0)
    merges = linkage(distances[np.triu_indices(9, 1)], "average")
    wanted = np.array([8, 1, 3, 7, 0, 5, 4, 2, 6])
    assert (untangle.turned(merges, np.argsort(wanted)) == wanted).all()


def test_neither_tree_can_be_turned_to_cross_less():
    for seed in range(4):
        trees = tree(7, seed), tree(7, seed + 20)
        one, other, crossed = untangle.untangle(*trees)
        assert crossed == crossings_by_loops(one, other)
        assert crossed <= min(crossings_by_loops(order, other) for order in every_order(trees[0]))
        assert crossed <= min(crossings_by_loops(one, order) for order in every_order(trees[1]))
