"""gradtools evaluate in the shell: every format says the same and is read back."""

import csv
import functools

import pytest
from planted import plant, write
from shell import call, rows_of

from gradtools import store
from gradtools.stages import cluster, evaluate, similarity
from gradtools.tables.model import as_cell

LAYOUTS = ("all", "layers", "gradient-similarity", "summary", "confusion")


@pytest.fixture(scope="module")
def paths(tmp_path_factory):
    folder = tmp_path_factory.mktemp("shell")
    stores = [str(folder / "similarity.h5"), str(folder / "clusters.h5")]
    with store.read(write(folder / "a.h5", plant())) as source:
        chosen = similarity.Options(
            resamples=20, permutations=20, feature=("gradient", "activation", "logits")
        )
        similarity.similarity(source, stores[0], chosen, say=print)
        cluster.cluster(
            source,
            stores[1],
            cluster.Options(repeats=2, n_init=1, resamples=20, feature=("gradient", "logits")),
            say=print,
        )
    return tuple(stores)


@functools.cache
def tables(paths, layout):
    return evaluate.evaluate(evaluate.gather(paths), layout)


def asked(layout):
    return ("--layout", layout)


def values(paths, layout):
    """Every (table, column, value) of the tables."""
    return [
        (table.id, column, as_cell(row[column]).value)
        for table in tables(paths, layout)
        for row in table.rows
        for column in table.columns
        if column not in table.row_heads()
    ]


@pytest.mark.parametrize("layout", LAYOUTS)
def test_json_csv_and_tsv_hold_every_value(capsys, paths, layout):
    expected = values(paths, layout)
    read = {"json": rows_of(call(capsys, "evaluate", *paths, "--json", *asked(layout)).out)}
    for form, delimiter in (("csv", ","), ("tsv", "\t")):
        text = call(capsys, "evaluate", *paths, "--format", form, *asked(layout)).out
        read[form] = list(csv.DictReader(text.splitlines(), delimiter=delimiter))
    for rows in read.values():
        assert [(row["table"], row["column"]) for row in rows] == [
            (name, column) for name, column, _ in expected
        ]
        for row, (*_, value) in zip(rows, expected):
            assert row["value"] == value or str(row["value"]) == (
                "" if value is None else str(value)
            )
            assert row["value"] not in (None, "") or row["note"]
        assert {row["model"] for row in rows} <= {"planted", ""}


def test_text_shows_every_table_and_note(capsys, paths):
    ended = call(capsys, "evaluate", *paths, "--layout", "all")
    assert ended.status == 0 and ended.err == ""
    for table in tables(paths, "all"):
        assert table.title in ended.out and all(note in ended.out for note in table.notes)
        assert all(str(cell) in ended.out for row in table.rows for cell in row.values())


def test_the_published_values_are_shown_where_asked(capsys, paths):
    assert (
        "0.970702"
        in call(capsys, "evaluate", *paths, "--layout", "gradient-similarity", "--published").out
    )
    assert "0.970702" not in call(capsys, "evaluate", *paths, "--layout", "gradient-similarity").out


def test_what_nobody_computed_is_named_below(capsys, paths):
    ended = call(capsys, "evaluate", paths[0], "--layout", "all")
    assert (
        ended.status == 0 and ended.err == "planted: no clusters: gradtools cluster computes them\n"
    )
    assert call(capsys, "evaluate", "-q", paths[0]).err == ""


@pytest.mark.parametrize(
    "arguments, status, words",
    [
        (["--layout", "x"], 2, "clustering"),
        (["--format", "docx"], 2, "markdown"),
        (["--figure", "a.gif"], 2, ".png"),
        (["missing.h5"], 1, "no such file"),
    ],
)
def test_mistakes_are_one_line(capsys, paths, arguments, status, words):
    ended = call(capsys, "evaluate", *paths, *arguments)
    assert ended.status == status and words in ended.line


@pytest.mark.parametrize("picture", ["bars", "heat", "pca"])
def test_a_picture_beside_the_tables(capsys, paths, tmp_path, picture):
    ended = call(capsys, "evaluate", *paths, "--figure", tmp_path / "a.png", "--picture", picture)
    assert ended.status == 0 and (tmp_path / "a.png").read_bytes()[:4] == b"\x89PNG"


@pytest.mark.parametrize(
    "layout, drawn",
    [("summary", "prediction"), ("layers", "prediction"), ("confusion", "confusion")],
)
def test_a_figure_is_the_picture_of_its_layout(capsys, paths, tmp_path, layout, drawn):
    path = tmp_path / "a.png"
    ended = call(capsys, "evaluate", *paths, "--layout", layout, "--figure", path)
    assert ended.status == 0 and f"{path}: {drawn} (--picture" in ended.err
    asked = tmp_path / "b.png"
    assert call(capsys, "evaluate", *paths, "--figure", asked, "--picture", drawn).status == 0
    assert asked.read_bytes() == path.read_bytes()


def test_only_what_the_layout_shows_is_missed(capsys, paths):
    """Similarities alone: clusters are missed by the layouts that show them."""
    for layout, missed in (
        ("all", True),
        ("summary", False),
        ("clustering", False),
        ("similarity", False),
        ("layers", False),
        ("gradient-similarity", True),
    ):
        path = paths[1] if layout == "clustering" else paths[0]
        assert ("no clusters" in call(capsys, "evaluate", path, *asked(layout)).err) == missed
