"""gradtools cluster in the shell: what it prints and writes, and where."""

import csv
import dataclasses
import re

import numpy as np
import pytest
from planted import plant, write
from shell import call, rows_of

from gradtools import store
from gradtools.stages import cluster
from gradtools.tables.wording import INDICES, feature_head

QUICK = ("--repeats", 2, "--n-init", 1, "--resamples", 20, "--feature", "gradient")
DATA = plant()


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    return write(tmp_path_factory.mktemp("shell") / "a.h5", DATA)


@pytest.fixture(scope="module")
def results(path):
    options = cluster.Options(repeats=2, n_init=1, resamples=20, feature=("gradient",))
    with store.read(path) as source:
        return cluster.cluster(source, None, options, say=lambda line: None)[0]


def same(rows, results):
    """Rows of a table for programs are the repeats of the results."""
    expected = [
        (f"{feature_head(result.feature)} {result.method} {repeat}", INDICES[name], column[repeat])
        for result in results
        for repeat in range(2)
        for name, column in result.columns.items()
    ]
    values = {
        (row["row"], row["column"]): row["value"]
        for row in rows
        if row["table"] == "cluster-repeats"
    }
    assert len(values) >= len(expected) > 8 * 7
    for name, head, value in expected:
        value = "" if value != value else float(value)
        got = values[name, head]
        assert ("" if got in (None, "") else float(got)) == pytest.approx(value), (name, head)


def test_json_and_tsv_hold_every_repeat(capsys, path, results):
    ended = call(capsys, "cluster", path, "--json", *QUICK)
    assert ended.status == 0 and ended.err.count("half samples") == 2
    same(rows_of(ended.out), results)
    same(
        list(
            csv.DictReader(
                call(capsys, "cluster", path, "--tsv", *QUICK).out.splitlines(), delimiter="\t"
            )
        ),
        results,
    )


def test_on_a_terminal_the_table_is_the_answer(capsys, path, results, monkeypatch):
    ended = call(capsys, "cluster", path, *QUICK, terminal=["out"], monkeypatch=monkeypatch)
    lines = ended.out.splitlines()
    assert lines[0] == "3 clusters of 30 samples, higher is better"
    assert lines[1].split()[:3] == ["feature", "method", "ARI"]
    first = results[0]
    assert (
        lines[2].startswith("gradient@conv  kmeans")
        and f"{first.columns['ari'].mean():.3f} ±{first.columns['ari'].std():.3f}" in lines[2]
    )
    assert f"[{first.facts['ari_low']:.3f}, {first.facts['ari_high']:.3f}]" in lines[2]
    assert (
        re.search(rf"argmax itself +control +{first.facts['argmax_ari']:.3f}", ended.out)
        and "random labels  control" in ended.out
    )


def test_with_an_output_the_terminal_gets_the_table_on_stderr(capsys, path, tmp_path, monkeypatch):
    ended = call(
        capsys,
        "cluster",
        path,
        "-q",
        "-o",
        tmp_path / "out.h5",
        *QUICK,
        terminal=["out", "err"],
        monkeypatch=monkeypatch,
    )
    assert ended.out == "" and "3 clusters of 30 samples" in ended.err
    with store.read(str(tmp_path / "out.h5")) as opened:
        assert opened.tree("/clusters/gradient@conv") == ["gmm", "kmeans"]


def test_a_file_is_written_silently_and_the_table_only_where_asked(capsys, path, results, tmp_path):
    ended = call(capsys, "cluster", path, "-o", tmp_path / "a.h5", *QUICK)
    assert (ended.status, ended.out) == (0, "") and (tmp_path / "a.h5").exists()
    assert [line.split(":")[0] for line in ended.err.splitlines()] == ["kmeans", "gmm"]
    same(
        rows_of(call(capsys, "cluster", path, "-o", tmp_path / "b.h5", "--json", *QUICK).out),
        results,
    )
    assert (tmp_path / "b.h5").exists()


def test_samples_without_classes(capsys, tmp_path, monkeypatch):
    path = write(tmp_path / "a.h5", dataclasses.replace(DATA, labels=np.full(30, -1, "i4")))
    assert call(capsys, "cluster", path, "--json").status == 1
    ended = call(
        capsys, "cluster", path, "--k", 3, *QUICK, terminal=["out"], monkeypatch=monkeypatch
    )
    assert (
        ended.status == 0
        and "3 clusters of 30 samples" in ended.out
        and "random labels  control" not in ended.out
    )
    rows = rows_of(call(capsys, "cluster", path, "--k", 3, "--json", *QUICK).out)
    ari = [row for row in rows if row["column"] == INDICES["ari"]]
    assert ari and all(row["value"] is None and "no labels" in row["note"] for row in ari)
    assert all(row["value"] for row in rows if row["column"] == INDICES["ari_argmax"])


def test_a_store_may_name_its_feature(capsys, path):
    options = (
        "--method",
        "agglomerative",
        "--linkage",
        "average",
        "--pca",
        2,
        "--normalize",
        "none",
        "--no-intervals",
    )
    rows = rows_of(call(capsys, "cluster", f"{path}::logits", "--json", *options).out)
    repeats = [row["row"] for row in rows if row["table"] == "cluster-repeats"]
    assert list(dict.fromkeys(repeats)) == ["logits agglomerative 0", "class row agglomerative 0"]


def test_rows_of_zeros_are_said(capsys, tmp_path, monkeypatch):
    data = plant()
    data.taps["gradient@conv"][:2] = 0
    path = write(tmp_path / "a.h5", data)
    ended = call(capsys, "cluster", path, *QUICK, terminal=["out"], monkeypatch=monkeypatch)
    assert (
        ended.out.count(
            "gradient@conv: 2 rows without a direction (zero, or constant) are left out"
        )
        == 1
        and "3 clusters of 30 samples" in ended.out
    )


@pytest.mark.parametrize(
    "arguments, status, words",
    [
        (["--k", 31, "--json"], 1, "ask for fewer with --k"),
        (["--k", 0], 2, "--k"),
        (["--method", "dbscan"], 2, "agglomerative"),
        (["--seed", 2**31], 2, "--seed"),
        (["--json", "-o", "-"], 2, "leave one of them out"),
        (["--figure", "a.gif", "--json"], 2, ".png"),
        (["--where", "smallest=10%", "--json"], 1, "has no boxes"),
    ],
)
def test_mistakes_are_one_line(capsys, path, arguments, status, words):
    ended = call(capsys, "cluster", path, *arguments)
    assert (
        ended.status == status
        and words in ended.line
        and ended.line.startswith("gradtools cluster: ")
    )


def test_a_picture_beside_the_table(capsys, path, tmp_path):
    ended = call(capsys, "cluster", path, "--json", "--figure", tmp_path / "a.svg", *QUICK)
    assert ended.status == 0 and b"<svg" in (tmp_path / "a.svg").read_bytes()
