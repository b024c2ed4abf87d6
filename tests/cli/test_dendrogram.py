"""gradtools dendrogram in the shell: what it prints and writes, and where."""

import csv
import io
import json
import resource

import numpy as np
import pytest
from planted_classes import NAMES, planted, write_classes
from shell import call, pipe, rows_of

from gradtools import store
from gradtools.math import trees
from gradtools.stages import dendrogram
from gradtools.tables import text_tree

QUICK = ("--resamples", 2)


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    return write_classes(tmp_path_factory.mktemp("shell") / "a.h5", planted()[0])


@pytest.fixture(scope="module")
def tree(path):
    with store.read(path) as source:
        return dendrogram.dendrogram(
            source, None, dendrogram.Options(resamples=2, k=6), say=lambda line: None
        )


def test_json_has_merges_order_names_and_cut(capsys, path, tree):
    ended = call(capsys, "dendrogram", path, "--json", "--k", 6, "--find", "crane (1)", *QUICK)
    assert ended.status == 0 and ended.err == ""
    rows = rows_of(ended.out)

    def column(table, name):
        return [row["value"] for row in rows if (row["table"], row["column"]) == (table, name)]

    merges = [column("tree-merges", name) for name in ("first", "second", "height", "size")]
    assert np.allclose(np.transpose(merges), tree.merges)
    leaves = [
        row["row"] for row in rows if (row["table"], row["column"]) == ("tree-leaves", "index")
    ]
    assert leaves == [NAMES[leaf] for leaf in tree.order]
    assert column("tree-leaves", "index") == tree.order.tolist()
    assert column("tree-leaves", "cluster") == tree.labels[tree.order].tolist()
    assert column("tree-leaves", "joins")[-1] is None and sum(column("tree-clusters", "size")) == 24
    assert column("tree", "tree")[0] == pytest.approx(tree.facts["cophenetic"])
    members, _ = trees.around(tree.merges, NAMES.index("crane (1)"))
    assert column("tree-around", "index") == members.tolist() and len(members) > 1


def test_tsv_has_a_leaf_a_line(capsys, path, tree):
    text = call(capsys, "dendrogram", path, "--tsv", "--k", 6, *QUICK).out
    every = csv.DictReader(io.StringIO(text), delimiter="\t")
    rows = [row for row in every if (row["table"], row["column"]) == ("tree-leaves", "cluster")]
    assert [row["row"] for row in rows] == [NAMES[leaf] for leaf in tree.order]
    assert [int(row["value"]) for row in rows] == np.repeat(np.arange(6), 4).tolist()


def test_on_a_terminal_the_tree_is_the_answer(capsys, path, tree, monkeypatch):
    ended = call(
        capsys,
        "dendrogram",
        path,
        "--k",
        6,
        "--find",
        "crane (1)",
        *QUICK,
        terminal=["out"],
        monkeypatch=monkeypatch,
    )
    lines = ended.out.splitlines()
    assert (
        ended.status == 0
        and lines[0] == "Ward on weight, rows standardised: 24 classes; height: euclidean distance"
    )
    assert [line.split("  ")[-1] for line in lines[2:26]] == [NAMES[leaf] for leaf in tree.order]
    facts = tree.facts
    line = next(line for line in lines if line.startswith("cophenetic correlation"))
    shown = [f"{facts[name]:.3f}" for name in ("cophenetic", "cophenetic_control")]
    assert [word for word in line.split() if word.startswith("0.")] == shown
    agreement = next(line for line in lines if line.startswith("ARI of the cut"))
    assert "1.000 ±0.000" in agreement
    assert "around crane (1): the smallest cluster" in ended.out


def test_a_large_tree_shows_its_top(capsys, tmp_path, monkeypatch):
    rows = np.random.default_rng(0).normal(size=(9, 40))[
        np.arange(90) % 9
    ] + 0.1 * np.random.default_rng(1).normal(size=(90, 40))
    path = write_classes(tmp_path / "a.h5", rows, [f"leaf {index}" for index in range(90)])
    shown = call(
        capsys, "dendrogram", path, "--k", 9, *QUICK, terminal=["out"], monkeypatch=monkeypatch
    ).out
    assert (
        "the tree above the cut" in shown and shown.count("(10)") == 9 and "1.000 ±0.000" in shown
    )
    shown = call(
        capsys, "dendrogram", path, "--k", 1, *QUICK, terminal=["out"], monkeypatch=monkeypatch
    ).out
    assert "the 40 branches at the top" in shown


def test_characters_spell_the_tree():
    """Four leaves at 1, 2 and 4: every trunk stands in its column, every leaf on its line."""
    merges = np.array([[0, 1, 1.0, 2], [2, 3, 2.0, 2], [4, 5, 4.0, 4]])
    lines = text_tree.draw(merges, ["a", "b", "c", "d"], ["0", "0", "1", "1"])
    assert lines[0].split() == ["4.000", "2.000", "0", "joins"]
    columns = [round((1 - height / 4) * (text_tree.WIDTH - 2)) for height in (1, 2, 4)]
    expected = {
        (0, columns[0]): "┬",
        (1, columns[0]): "└",
        (2, columns[1]): "┬",
        (3, columns[1]): "└",
        (0, 0): "┌",
        (1, 0): "│",
        (2, 0): "└",
    }
    assert {place: lines[1 + place[0]][place[1]] for place in expected} == expected
    assert [line.split()[-3:] for line in lines[1:4]] == [
        ["1.000", "0", "a"],
        ["4.000", "0", "b"],
        ["2.000", "1", "c"],
    ]
    assert all(
        ord(character) < 128
        for line in text_tree.draw(merges, list("abcd"), list("0011"), "ascii")
        for character in line
    )
    flat = trees.linkage(trees.distances(np.zeros((3, 2))))
    assert len(text_tree.draw(flat, ["a", "b", "c"], ["0"] * 3)) == 4


def test_newick_goes_to_a_file_or_to_stdout(capsys, path, tree, tmp_path):
    ended = call(capsys, "dendrogram", path, "--newick", "-", "--resamples", 0)
    assert ended.out == trees.newick(tree.merges, NAMES) and ended.status == 0
    ended = call(
        capsys,
        "dendrogram",
        path,
        "--newick",
        tmp_path / "a.nwk",
        "-o",
        tmp_path / "t.h5",
        "--resamples",
        0,
    )
    assert (ended.status, ended.out, ended.err) == (0, "", "")
    assert (tmp_path / "a.nwk").read_text() == trees.newick(
        tree.merges, NAMES
    ) and "'it''s, [a]: maillot'" in (tmp_path / "a.nwk").read_text()


@pytest.mark.parametrize(
    "arguments, status, words",
    [
        (["--newick", "-", "--json"], 2, "both are text"),
        (["--newick", "nowhere/a.nwk", "--json"], 2, "folder that exists"),
        (["--figure", "a.gif", "--json"], 2, ".png"),
        (["--k", 0, "--json"], 2, "--k"),
        (["--k", 25, "--json"], 2, "between 1 and 24"),
        (["--linkage", "median", "--json"], 2, "ward"),
        (["--find", "unicorn", "--json"], 2, "unicorn"),
        (["--rows", "pre", "--json"], 2, "centred"),
        (["--find", "crane", "--json"], 2, "several"),
        (["--k", 2, "--cut-height", 3, "--json"], 2, "give one"),
    ],
)
def test_mistakes_are_one_line(capsys, path, arguments, status, words):
    ended = call(capsys, "dendrogram", path, *arguments)
    assert (
        ended.status == status
        and words in ended.line
        and ended.line.startswith("gradtools dendrogram: ")
    )


@pytest.mark.parametrize("end", ["png", "svg", "pdf"])
def test_a_picture_for_which_there_is_no_room_is_one_line(capsys, path, tmp_path, end):
    picture = tmp_path / f"tree.{end}"
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, limits[1]))
    try:
        ended = call(capsys, "dendrogram", path, "--figure", picture, "--json", *QUICK)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert ended.status == 1 and f"--figure {picture} cannot be written" in ended.line
    assert not list(tmp_path.iterdir())


def test_a_pipe_of_classes_ends_in_a_tree_that_info_reads(path, tmp_path):
    ended = pipe(
        ["similarity", path, "--matrix", "--resamples", "0", "--permutations", "0"],
        ["dendrogram", "--figure", tmp_path / "a.svg", "--resamples", "2"],
        ["info"],
        folder=tmp_path,
    )
    assert ended.returncode == 0 and "/linkage/weight/merges" in ended.stdout, ended.stderr
    assert b"<svg" in (tmp_path / "a.svg").read_bytes()


def test_a_constant_row_is_no_leaf(capsys, tmp_path, monkeypatch):
    """Row-standardised it would be 0, nearer to every row, at sqrt(D - 1), than these are to each other, at about sqrt(2 (D - 1))."""
    rows = np.random.default_rng(0).standard_normal((6, 12))
    rows[4] = 0.5
    names = [f"class {index}" for index in range(6)]
    whole = write_classes(tmp_path / "a.h5", rows, names)
    without = write_classes(tmp_path / "b.h5", np.delete(rows, 4, 0), np.delete(names, 4).tolist())
    of_whole, of_others = (
        json.loads(call(capsys, "dendrogram", path, "--json", "--resamples", 0).out)
        for path in (whole, without)
    )
    of_whole, of_others = (made["tables"] for made in (of_whole, of_others))
    assert [table["rows"] for table in of_whole[1:]] == [table["rows"] for table in of_others[1:]]
    assert "1 zero rows are left out" in of_whole[0]["notes"]
    rows[:] = 0.5
    ended = call(capsys, "dendrogram", write_classes(tmp_path / "c.h5", rows, names), "--json")
    assert (
        ended.status == 1
        and "6 of 6 rows of weight (rows standardised) have no direction" in ended.line
    )


@pytest.mark.parametrize(
    "on, words",
    [
        ("rows", "Ward on weight"),
        ("as-published", "the blog post's as its code runs"),
        ("as-meant", "the blog post's as it was meant"),
    ],
)
def test_the_title_says_whose_tree_it_is(capsys, path, on, words):
    made = json.loads(
        call(capsys, "dendrogram", path, "--json", "--linkage-on", on, "--resamples", 0).out
    )
    assert words in made["tables"][0]["title"]


@pytest.mark.parametrize("columns", [80, 60])
@pytest.mark.parametrize("names", ["a/very/long/path/to/the/photograph/{}.jpeg", "great {0}, {0}"])
def test_lines_of_a_tree_are_no_longer_than_the_terminal(columns, names):
    """Long names narrow the tree first; of a path the end is kept, of a list the beginning."""
    merges = trees.linkage(trees.distances(np.random.default_rng(0).standard_normal((9, 4))))
    long = [names.format(f"Chesapeake Bay retriever {number}") for number in range(9)]
    lines = text_tree.draw(merges, long, ["0"] * 9, columns=columns)
    assert max(map(len, lines)) <= columns and len(lines) == 10
    kept = "great Ches" if ", " in long[0] else "8.jpeg"
    assert any(kept in line for line in lines[1:])
    assert len(text_tree.draw(merges, list("abcdefghi"), ["0"] * 9, columns=columns)[0]) > 50
