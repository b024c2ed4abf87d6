"""What `dendrogram` prints: the tree in characters with the clusters of its cut, or all of it for programs."""

import json
import math

from gradtools.errors import UsageError
from gradtools.math import trees
from gradtools.tables import text_tree
from gradtools.tables.rows import number, write_table
from gradtools.tables.wording import LINKAGES, LINKED_ON, ROWS

SMALL = 60  # leaves of a tree, or clusters of a cut, that are shown each
TOP = 40  # branches that are shown of more
MEMBERS = 6  # names of a cluster's members in the text
WIDER = 4  # clusters around the smallest one of --find


def one_text(form, newick):
    """What goes to stdout as text: a form of the table, the Newick line, or None."""
    if newick != "-":
        return form
    if form:
        raise UsageError(
            f"--{form} and --newick - both are text on standard output: write one of them to a file"
        )
    return "newick"


def show(tree, found, form, stream):
    """Print a tree.

    Parameters
    ----------
    tree : dendrogram.Tree
    found : dict of str to (members, height)
        What --find asked for.
    form : str
        text, json or tsv (one row a leaf, in leaf order).
    """
    if form == "json":
        stream.write(json.dumps(_plain(_object(tree, found)), ensure_ascii=False) + "\n")
    elif form == "tsv":
        rows = list(_leaf_rows(tree))
        write_table(rows, list(rows[0]), "tsv", stream=stream)
    else:
        _show_text(tree, found, stream)


def title(tree):
    """What the tree is of, in one line."""
    facts = tree.facts
    rows = f", rows {ROWS[facts['normalised']]}" if facts["normalised"] else ""
    on = LINKED_ON[facts["linkage_on"]]
    return f"{LINKAGES[facts['method']]}{on} on {tree.feature}{rows}: {facts['rows']} {facts['samples']}; height: {facts['height']}"


def _show_text(tree, found, stream):
    """The tree, its clusters, what --find asked for, and what it all means."""
    facts, encoding = tree.facts, getattr(stream, "encoding", None)
    stream.write(title(tree) + "\n")
    stream.write("\n".join([*_drawn(tree, encoding), ""]))
    rows = [_cluster_row(tree, number, facts["rows"] <= SMALL) for number in range(facts["k"])]
    write_table(
        rows,
        list(rows[0]),
        "text",
        f"\n{facts['k']} cluster{'s' if facts['k'] > 1 else ''}{_between(facts)}",
        list(_notes(facts)),
        stream,
    )
    for text, (members, height) in found.items():
        _show_around(tree, text, members, height, stream)


def _drawn(tree, encoding):
    """Lines of the whole tree, or of its top."""
    n, k, labels = tree.facts["rows"], tree.facts["k"], [str(label) for label in tree.labels]
    if n <= SMALL:
        return text_tree.draw(tree.merges, tree.names, labels, encoding)
    branches = k if 1 < k <= SMALL else TOP
    nodes = trees.cluster_nodes(tree.merges, branches)
    inside = [trees.leaves(tree.merges, node) for node in nodes]
    names = [
        f"({len(leaves)}) {_some([tree.names[leaf] for leaf in leaves], 2)}" for leaves in inside
    ]
    marks = [str(number) if branches == k else "" for number in range(branches)]
    above = (
        f"the {branches} branches at the top, with their sizes:"
        if branches != k
        else "the tree above the cut, clusters with their sizes:"
    )
    return [above, *text_tree.draw(trees.top(tree.merges, branches), names, marks, encoding)]


def _some(names, most):
    return ", ".join(text_tree.shortened(name) for name in names[:most]) + (
        ", ..." if len(names) > most else ""
    )


def _between(facts):
    """Where the cut goes through."""
    places = text_tree.decimals(facts["cut_high"]) if facts["cut_high"] == facts["cut_high"] else 3
    if facts["k"] == 1:
        return f", above {facts['cut_low']:.{places}f}"
    return f", cut between {facts['cut_low']:.{places}f} and {facts['cut_high']:.{places}f}"


def _cluster_row(tree, cluster, whole):
    """One cluster; a small tree has its members beside its branches."""
    columns, members = (
        tree.clusters,
        [tree.names[leaf] for leaf in tree.order if tree.labels[leaf] == cluster],
    )
    row = {"cluster": cluster, "size": int(columns["size"][cluster])}
    row |= {
        name: number(float(columns[name][cluster]), 3) for name in ("height", "joins", "stability")
    }
    return row if whole else row | {"members": _some(members, MEMBERS)}


def _notes(facts):
    """What the numbers mean, each with its control."""

    def spread(name):
        return f"{number(facts[name], 3)} ±{number(facts[name + '_sd'], 3)}"

    control = (
        "rows with their values permuted"
        if facts["dimension"]
        else "the same distances between other pairs"
    )
    beside = (
        f"; of {control}: {spread('cophenetic_control')}"
        if facts["cophenetic_control"] == facts["cophenetic_control"]
        else ""
    )
    yield f"cophenetic correlation {number(facts['cophenetic'], 3)}{beside}"
    if facts["ari"] == facts["ari"]:
        yield f"cut against {facts['resamples']} trees of resampled dimensions: ARI {spread('ari')}; of permuted rows: {spread('ari_control')}"
        yield f"stability: mean Jaccard index with the likest cluster there, all {spread('jaccard')}; of permuted rows: {spread('jaccard_control')}"
    if facts["floor"] > 0:  # NaN without controls; intent begins at 0 by construction
        yield f"{facts['below_floor']} of {facts['rows'] - 1} merges are below {spread('floor')}, where trees of permuted rows begin on average"
    yield from compat_notes(facts)
    if facts["degenerate"]:
        yield f"{facts['degenerate']} rows without a direction are left out"
    if facts["left_out"]:
        yield f"{facts['left_out']} {facts['samples']} are left out by --where"


def compat_notes(facts):
    """What the variants of the blog post do."""
    if facts["linkage_on"] == "seed":
        yield "seed: linkage takes the uncondensed matrix for observations, so heights are distances between its rows (scipy warns of it)"
    if facts["linkage_on"] == "intent":
        yield "intent: (1 - cosine)/2 is a squared distance where Ward assumes a plain one, and less its minimum the first merge is at 0"


def _show_around(tree, text, members, height, stream):
    """The smallest cluster around a name, and the next ones around that."""
    rows, seen, leaf = [], set(), int(members[0])
    for _ in range(WIDER + 1):
        names = [tree.names[member] for member in members if member not in seen]
        rows.append(
            {
                "size": len(members),
                "height": number(float(height), 3),
                "members": _some(names, MEMBERS),
            }
        )
        seen |= set(members.tolist())
        if len(members) == len(tree.names):
            break
        members, height = trees.around(tree.merges, leaf, len(members) + 1)
    write_table(
        rows,
        list(rows[0]),
        "text",
        f"around {text}: the smallest cluster, then what joins it",
        stream=stream,
    )


def _leaf_rows(tree):
    """One row a leaf, in leaf order."""
    joins = [*trees.joins(tree.merges).tolist(), math.nan]
    for place, (leaf, height) in enumerate(zip(tree.order.tolist(), joins)):
        yield {
            "place": place,
            "index": leaf,
            "name": tree.names[leaf],
            "cluster": int(tree.labels[leaf]),
            "joins": height,
        }


def _object(tree, found):
    """All of a tree (dict)."""
    clusters = [
        {
            "cluster": cluster,
            **{name: values[cluster].item() for name, values in tree.clusters.items()},
            "members": [leaf for leaf in tree.order.tolist() if tree.labels[leaf] == cluster],
        }
        for cluster in range(tree.facts["k"])
    ]
    return {
        "title": title(tree),
        "rows": list(_leaf_rows(tree)),
        "names": tree.names,
        "merges": [
            [int(a), int(b), height, int(size)] for a, b, height, size in tree.merges.tolist()
        ],
        "order": tree.order.tolist(),
        "cut": tree.labels.tolist(),
        "clusters": clusters,
        "find": {
            text: {
                "height": height,
                "members": members.tolist(),
                "names": [tree.names[member] for member in members],
            }
            for text, (members, height) in found.items()
        },
        "facts": tree.facts,
        "notes": list(_notes(tree.facts)),
    }


def _plain(value):
    """The same with null for NaN."""
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    return None if isinstance(value, float) and value != value else value
