"""Path lengths against breadth-first search over every common ancestor."""

import itertools

import numpy as np
import pytest

from gradtools.math.spaces import taxonomy

EDGES = [
    ("cat", "feline"),
    ("lion", "feline"),
    ("dog", "canine"),
    ("feline", "carnivore"),
    ("canine", "carnivore"),
    ("whale", "mammal"),
    ("carnivore", "mammal"),
    ("dog", "pet"),
    ("cat", "pet"),
    ("pet", "thing"),
    ("mammal", "thing"),
    ("rock", "mineral"),
]


def up(node):
    """{ancestor: steps} by trying every way up; the roots meet in None."""
    steps_to = {node: 0}
    parents = [parent for child, parent in EDGES if child == node] or (
        [None] if node is not None else []
    )
    for parent in parents:
        for ancestor, steps in up(parent).items():
            steps_to[ancestor] = min(steps_to.get(ancestor, np.inf), steps + 1)
    return steps_to


def test_lengths_are_the_shortest_way_over_a_common_ancestor():
    names = ["cat", "dog", "lion", "whale", "feline", "rock"]
    lengths = taxonomy.path_lengths(EDGES, names)
    assert not np.diagonal(lengths).any() and (lengths == lengths.T).all()
    for i, j in itertools.combinations(range(6), 2):
        above, other = up(names[i]), up(names[j])
        assert lengths[i, j] == min(above[node] + other[node] for node in above if node in other)
    assert lengths[0, 1] == 2  # both are pets, nearer than as carnivores


def test_an_ancestor_of_itself_is_named():
    with pytest.raises(ValueError) as error:
        taxonomy.path_lengths([("a", "b"), ("b", "c"), ("c", "a")], ["a", "b"])
    assert error.value.args[0] == "a"
    with pytest.raises(ValueError):  # a circle above it
        taxonomy.path_lengths([("x", "a"), ("a", "b"), ("b", "a")], ["x", "a"])


def test_lone_groups_meet_at_a_root():
    assert taxonomy.path_lengths(
        [("a", "g"), ("b", "g"), ("c", "h")], ["a", "b", "c"]
    ).tolist() == [[0, 2, 4], [2, 0, 4], [4, 4, 0]]
