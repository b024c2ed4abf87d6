"""Tables of a tree: how well it holds beside its controls, the clusters of its cut, its leaves and merges; and its drawing in characters."""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from gradtools.math import trees
from gradtools.selection.subjects import Subject
from gradtools.selection.trees import Tree
from gradtools.tables import text_tree
from gradtools.tables.model import Cell, Entry, Table
from gradtools.tables.wording import (
    BELOW_FLOOR,
    HOW_WELL,
    LAST_LEAF,
    LINKAGES,
    LINKED_ON,
    LINKED_ON_NOTES,
    LOWEST_MERGE,
    NEVER_JOINS,
    NO_RESAMPLES,
    NO_ROWS,
    ONE_CLUSTER,
    ROWS,
    TREE_CONTROLS,
    TREE_MEASURES,
    TREE_NUMBERS,
)

SMALL = 60  # leaves of a tree, or clusters of a cut, that are shown each
TOP = 40  # branches that are shown of more
MEMBERS = 6  # names of a cluster's members in the text
WIDER = 4  # clusters around the smallest one of --find
Around = Mapping[str, tuple[np.ndarray, float]]  # members and height of the smallest cluster


def tables(tree: Tree, around: Around, every: bool = False) -> Iterator[Table]:
    """Yield the tables of a tree.

    Parameters
    ----------
    around
        The smallest cluster around each name of --find.
    every
        Every leaf and merge, not what a page holds.
    """
    yield measures(tree, every)
    yield clusters(tree, every)
    if every:
        yield _leaves(tree)
        yield _merges(tree)
        if around:
            yield _members(tree, around)
        return
    for name, (members, height) in around.items():
        yield _around(tree, name, members, height)


def build(subjects: Sequence[Subject]) -> Iterator[Table]:
    """Yield the tables of every tree that the stores hold."""
    for subject in subjects:
        for tree in subject.trees.values():
            yield from tables(tree, {})


def title(tree: Tree) -> str:
    """Return what the tree is of, in one line."""
    facts = tree.facts
    rows = f", rows {ROWS[str(facts['normalised'])]}" if facts["normalised"] else ""
    on = LINKED_ON[str(facts["linkage_on"])]
    return f"{LINKAGES[str(facts['method'])]}{on} on {tree.feature}{rows}: {facts['rows']} {facts['samples']}; height: {facts['height']}"


def drawn(tree: Tree, encoding: str | None, columns: int | None = None) -> list[str]:
    """Return the lines of the whole tree, or of its top, for a terminal of an encoding and a width."""
    n, k = int(tree.facts["rows"]), int(tree.facts["k"])
    labels = [str(label) for label in tree.labels]
    if n <= SMALL:
        return text_tree.draw(tree.merges, tree.names, labels, encoding, columns)
    branches = k if 1 < k <= SMALL else TOP
    nodes = trees.cluster_nodes(tree.merges, branches)
    members = [trees.leaves(tree.merges, node) for node in nodes]
    names = [
        f"({len(leaves)}) {_some([tree.names[leaf] for leaf in leaves], 2)}" for leaves in members
    ]
    marks = [str(number) if branches == k else "" for number in range(branches)]
    above = (
        f"the {branches} branches at the top, with their sizes:"
        if branches != k
        else "the tree above the cut, clusters with their sizes:"
    )
    top = trees.top(tree.merges, branches)
    return [above, *text_tree.draw(top, names, marks, encoding, columns)]


def measures(tree: Tree, every: bool = False) -> Table:
    """Return how well a tree keeps the distances and how stable its cut is, beside the same of the control."""
    facts = tree.facts
    rows: list[dict[str, Entry]] = [
        {
            "measure": head,
            "tree": _spread(facts, name),
            "control": _spread(facts, f"{name}_control"),
        }
        for name, head in TREE_MEASURES.items()
    ]
    floor = _spread(facts, "floor")
    rows.append(
        {"measure": LOWEST_MERGE, "tree": Cell(tree.merges[0, 2], digits=None), "control": floor}
    )
    if every:
        rows += [
            {"measure": head, "tree": Cell(facts[name])} for name, head in TREE_NUMBERS.items()
        ]
    return Table(
        "tree",
        title(tree) if every else HOW_WELL,
        ["measure", "tree", "control"],
        rows,
        tuple(notes(facts)),
        heads=("measure",),
    )


def _spread(facts: Mapping, name: str) -> Cell:
    """Return a measure with its standard deviation over the resamples."""
    value, spread = facts[name], facts.get(f"{name}_sd")
    if value != value:
        return Cell(note=_why(facts))
    return Cell(value, spread=spread, n=facts["rows"])


def _why(facts: Mapping) -> str:
    """Return the reason why a measure of resampled trees has no value."""
    if facts["resamples"] == 0:
        return NO_RESAMPLES
    return NO_ROWS if not facts["dimension"] else ONE_CLUSTER


def notes(facts: Mapping) -> Iterator[str]:
    """Yield what the numbers mean."""
    yield TREE_CONTROLS[bool(facts["dimension"])]
    if facts["floor"] > 0:  # NaN without controls; as-meant begins at 0 by construction
        yield BELOW_FLOOR.format(below=facts["below_floor"], merges=facts["rows"] - 1)
    if facts["linkage_on"] in LINKED_ON_NOTES:
        yield LINKED_ON_NOTES[facts["linkage_on"]]
    if facts["degenerate"]:
        yield f"{facts['degenerate']} zero rows are left out"
    if facts["left_out"]:
        yield f"{facts['left_out']} {facts['samples']} are left out by --where"


def clusters(tree: Tree, every: bool = False) -> Table:
    """Return the clusters of the cut, in leaf order; of a large tree with their first members."""
    facts = tree.facts
    named = not every and int(facts["rows"]) > SMALL
    k = int(facts["k"])
    return Table(
        "tree-clusters",
        f"{k} cluster{'s' if k > 1 else ''}{_between(facts)}",
        ["cluster", "size", "height", "joins", "stability", *(["members"] if named else [])],
        [_cluster(tree, number, named) for number in range(k)],
        heads=("cluster",),
    )


def _cluster(tree: Tree, number: int, named: bool) -> dict[str, Entry]:
    """Return one cluster; a small tree has its members beside its branches."""
    columns, size = tree.clusters, int(tree.clusters["size"][number])
    row: dict[str, Entry] = {
        "cluster": number,
        "size": size,
        "height": Cell(columns["height"][number], n=size),
        "joins": _or(columns["joins"][number], NEVER_JOINS, size),
        "stability": _or(columns["stability"][number], _why(tree.facts), size),
    }
    members = [tree.names[leaf] for leaf in tree.order if tree.labels[leaf] == number]
    return row | ({"members": _some(members, MEMBERS)} if named else {})


def _or(value: float, why: str, n: int | None = None) -> Cell:
    """Return the cell of a value; without one its reason."""
    return Cell(value, n=n) if value == value else Cell(note=why)


def _between(facts: Mapping) -> str:
    """Return the heights that the cut lies between."""
    places = text_tree.decimals(facts["cut_high"]) if facts["cut_high"] == facts["cut_high"] else 3
    if facts["k"] == 1:
        return f", above {facts['cut_low']:.{places}f}"
    return f", cut between {facts['cut_low']:.{places}f} and {facts['cut_high']:.{places}f}"


def _leaves(tree: Tree) -> Table:
    """Return one row a leaf, in leaf order: its cluster, and the height at which it joins the next leaf."""
    joins = [*trees.joins(tree.merges).tolist(), np.nan]
    rows: list[dict[str, Entry]] = [
        {
            "leaf": tree.names[leaf],
            "index": leaf,
            "cluster": int(tree.labels[leaf]),
            "joins": _or(height, LAST_LEAF),
        }
        for leaf, height in zip(tree.order.tolist(), joins)
    ]
    return Table("tree-leaves", "leaves, in leaf order", list(rows[0]), rows, heads=("leaf",))


def _merges(tree: Tree) -> Table:
    """Return one row a merge, as scipy has them."""
    rows: list[dict[str, Entry]] = [
        {"merge": number, "first": int(a), "second": int(b), "height": Cell(height), "size": int(n)}
        for number, (a, b, height, n) in enumerate(tree.merges.tolist(), len(tree.names))
    ]
    return Table(
        "tree-merges",
        "what joins: leaves by index, then merges by number",
        list(rows[0]),
        rows,
        heads=("merge",),
    )


def _members(tree: Tree, around: Mapping[str, tuple[np.ndarray, float]]) -> Table:
    """Return one row a name of --find and member of the smallest cluster around it."""
    rows: list[dict[str, Entry]] = [
        {"find": name, "member": tree.names[member], "index": int(member), "height": Cell(height)}
        for name, (members, height) in around.items()
        for member in members
    ]
    heads = ("find", "member")
    return Table(
        "tree-around", "the smallest cluster around each name", list(rows[0]), rows, heads=heads
    )


def _around(tree: Tree, name: str, members: np.ndarray, height: float) -> Table:
    """Return the smallest cluster around a name, and the next ones around that."""
    rows: list[dict[str, Entry]] = []
    seen: set[int] = set()
    leaf = int(members[0])
    for _ in range(WIDER + 1):
        added = [tree.names[member] for member in members if member not in seen]
        rows.append(
            {"size": len(members), "height": Cell(height), "members": _some(added, MEMBERS)}
        )
        seen |= set(members.tolist())
        if len(members) == len(tree.names):
            break
        members, height = trees.around(tree.merges, leaf, len(members) + 1)
    return Table(
        "tree-around",
        f"around {name}: the smallest cluster, then what joins it",
        list(rows[0]),
        rows,
        heads=("size",),
    )


def _some(names: Sequence[str], most: int) -> str:
    """Return the first names, and dots for more."""
    first = ", ".join(text_tree.shortened(name) for name in names[:most])
    return first + (", ..." if len(names) > most else "")
