"""gradtools similarity in the shell: what it prints and writes, and where."""

import csv
import dataclasses
import io
import json

import h5py
import numpy as np
import pytest
from planted import plant, write
from shell import call, pipe, rows_of

from gradtools import figures, store
from gradtools.stages import similarity
from gradtools.tables.wording import STATISTICS, feature_head

QUICK = ("--resamples", 20, "--permutations", 20)
DATA = plant()


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    return write(tmp_path_factory.mktemp("shell") / "a.h5", DATA)


def results(path, **options):
    with store.read(path) as source:
        return similarity.similarity(
            source,
            None,
            similarity.Options(resamples=20, permutations=20, **options),
            say=lambda line: None,
        )


def same(rows, results):
    """Rows of a table for programs are the results, statistic by statistic."""
    expected = {
        (f"{feature_head(result.feature)} {result.metric}", STATISTICS[name]): values
        for result in results
        for name, *values in zip(
            *(result.columns[key] for key in ("statistic", "value", "low", "high", "pairs"))
        )
    }
    assert len(rows) == len(expected)
    for row in rows:
        numbers = [
            float("nan") if row[key] in (None, "") else float(row[key])
            for key in ("value", "low", "high", "n")
        ]
        values = expected[row["row"], row["column"]]
        assert numbers == pytest.approx([float(value) for value in values], nan_ok=True)


def test_json_and_tsv_hold_every_value(capsys, path):
    ended = call(capsys, "similarity", path, "--json", *QUICK)
    assert ended.status == 0 and ended.err == ""
    same(rows_of(ended.out), results(path))
    ended = call(capsys, "similarity", path, "--tsv", *QUICK)
    same(list(csv.DictReader(ended.out.splitlines(), delimiter="\t")), results(path))


def test_a_table_for_programs_beside_the_store(capsys, path, tmp_path):
    ended = call(
        capsys,
        "similarity",
        path,
        "--tsv",
        "-o",
        tmp_path / "out.h5",
        "--feature",
        "logits",
        *QUICK,
    )
    rows = list(csv.DictReader(ended.out.splitlines(), delimiter="\t"))
    with store.read(str(tmp_path / "out.h5")) as opened:
        columns, _ = opened.table("/similarity/logits/cosine")
    values = [float(row["value"]) for row in rows if row["row"] == "logits cosine"]
    assert sorted(values) == pytest.approx(sorted(columns["value"]))


def test_a_file_is_written_silently_where_there_is_no_terminal(capsys, path, tmp_path):
    ended = call(capsys, "similarity", path, "-o", tmp_path / "out.h5", *QUICK)
    assert (ended.status, ended.out, ended.err) == (0, "", "")
    assert (tmp_path / "out.h5").exists() and not (tmp_path / "out.h5.part").exists()


def test_on_a_terminal_the_table_is_the_answer(capsys, path, monkeypatch):
    ended = call(
        capsys,
        "similarity",
        path,
        "--feature",
        "gradient",
        *QUICK,
        terminal=["out"],
        monkeypatch=monkeypatch,
    )
    (result,) = (
        result
        for result in results(path, feature=("gradient",))
        if result.feature == "gradient@conv"
    )
    lines = ended.out.splitlines()
    assert lines[0] == "cosine, 30 images" and lines[1].split()[:2] == ["feature", "metric"]
    at = result.columns["statistic"].index("auc")
    shown = "{:.3f} [{:.3f}, {:.3f}]".format(
        *(result.columns[key][at] for key in ("value", "low", "high"))
    )
    assert (
        lines[2].startswith("gradient@conv")
        and shown in lines[2]
        and f"{result.facts['p_label_effect']:.3f}" in lines[2]
    )
    assert lines[3].startswith("class row") and "pair AUC" in lines[1]


def test_with_an_output_the_terminal_gets_the_table_on_stderr(capsys, path, tmp_path, monkeypatch):
    options = (path, "-q", "--feature", "logits", "-o", tmp_path / "out.h5", *QUICK)
    ended = call(capsys, "similarity", *options, terminal=["out", "err"], monkeypatch=monkeypatch)
    assert ended.out == "" and "pair AUC" in ended.err and (tmp_path / "out.h5").exists()


def test_a_store_may_name_its_feature(capsys, path):
    ended = call(capsys, "similarity", f"{path}::gradient@block", "--json", *QUICK)
    names = [row["row"] for row in rows_of(ended.out)]
    assert list(dict.fromkeys(names)) == ["gradient@block cosine", "class row cosine"]


def test_metrics_conditions_and_no_intervals(capsys, path):
    options = (
        "--metric",
        "dot",
        "--metric",
        "euclidean",
        "--where",
        "correct",
        "--no-intervals",
        "--no-auc",
        "--feature",
        "logits",
    )
    rows = rows_of(call(capsys, "similarity", path, "--json", *options).out)
    assert {row["row"].split()[-1] for row in rows} == {"dot", "euclidean"}
    assert {row["low"] for row in rows} == {None}
    right = int((DATA.labels == DATA.predicted).sum())
    of_all = [row for row in rows if row["column"] == "all pairs"]
    assert {row["n"] for row in of_all} == {right * (right - 1) // 2}


def test_rows_of_zeros_are_said(capsys, tmp_path, monkeypatch):
    data = plant()
    data.taps["gradient@conv"][:2] = 0
    path = write(tmp_path / "a.h5", data)
    ended = call(capsys, "similarity", path, *QUICK, terminal=["out"], monkeypatch=monkeypatch)
    assert (
        "gradient@conv: 2 rows without a direction (zero, or constant) are left out" in ended.out
        and "cosine, 30 images" in ended.out
    )


@pytest.mark.parametrize(
    "arguments, status, words",
    [
        (["--where", "right"], 2, "write correct, wrong"),
        (["--feature", "x"], 2, "has no feature 'x'"),
        (["--metric", "x"], 2, "euclidean"),
        (["--seed", "-1"], 2, "--seed"),
        (["--resamples", "-1"], 2, "--resamples"),
        (["--json", "-o", "-"], 2, "leave one of them out"),
        (["--figure", "a.gif", "--json"], 2, ".png"),
        (["--where", "class=ant", "--where", "class=bee", "--json"], 1, "no sample meets"),
    ],
)
def test_mistakes_are_one_line(capsys, path, arguments, status, words):
    ended = call(capsys, "similarity", path, *arguments)
    assert (
        ended.status == status
        and words in ended.line
        and ended.line.startswith("gradtools similarity: ")
    )


def test_an_hdf5_file_never_goes_to_a_terminal(capsys, path, monkeypatch):
    ended = call(capsys, "similarity", path, "-o", "-", terminal=["out"], monkeypatch=monkeypatch)
    assert ended.status == 2 and "name a file with -o" in ended.line


def test_a_picture_beside_the_table(capsys, path, tmp_path):
    ended = call(capsys, "similarity", path, "--json", "--figure", tmp_path / "a.png", *QUICK)
    assert (
        ended.status == 0
        and (tmp_path / "a.png").read_bytes()[:4] == b"\x89PNG"
        and json.loads(ended.out)
    )


def test_a_picture_of_every_pair(capsys, path, tmp_path, monkeypatch):
    drawn = []
    monkeypatch.setattr(
        figures, "every_pair", lambda results, order, path: drawn.append((len(results), order))
    )
    for order in ("class", "leaf"):
        assert (
            call(
                capsys,
                "similarity",
                path,
                "--json",
                "--figure",
                tmp_path / "a.png",
                "--order",
                order,
                "--feature",
                "logits",
                *QUICK,
            ).status
            == 0
        )
    unlabelled = write(tmp_path / "b.h5", dataclasses.replace(DATA, labels=np.full(30, -1, "i4")))
    assert (
        call(
            capsys,
            "similarity",
            unlabelled,
            "--json",
            "--figure",
            tmp_path / "a.png",
            "--feature",
            "logits",
            *QUICK,
        ).status
        == 0
    )
    assert drawn == [(2, "class"), (2, "leaf"), (2, "class")]
    ended = call(capsys, "similarity", path, "--order", "leaf")
    assert ended.status == 2 and "--figure" in ended.line


def test_without_labels_the_table_is_of_all_pairs(capsys, tmp_path, monkeypatch):
    path = write(tmp_path / "a.h5", dataclasses.replace(DATA, labels=np.full(30, -1, "i4")))
    result = results(path, feature=("gradient",))[0]
    ended = call(
        capsys,
        "similarity",
        path,
        "-q",
        "--feature",
        "gradient",
        *QUICK,
        terminal=["out"],
        monkeypatch=monkeypatch,
    )
    lines = ended.out.splitlines()
    value = dict(zip(result.columns["statistic"], result.columns["value"]))
    assert (
        lines[1].split()[:3] == ["feature", "metric", "rows"]
        and "same pred" in lines[1]
        and "within" not in lines[1]
    )
    shown = [
        f"{value[name]:.3f}"
        for name in (
            "all",
            "same_prediction",
            "median",
            "most_alike",
            "shuffled_all",
            "mean_row_share",
        )
    ]
    assert all(number in lines[2] for number in shown) and "nan" not in ended.out
    pair = f"{result.facts['most_alike_first']}, {result.facts['most_alike_second']}"
    assert pair in ended.out


def test_through_a_pipe_everything_is_carried(path, tmp_path):
    ended = pipe(
        ["similarity", "--no-intervals"],
        ["similarity", "--metric", "dot", "--no-intervals", "--where", "correct"],
        folder=tmp_path,
        stdin=path,
        stdout=tmp_path / "out.h5",
    )
    assert (
        ended.returncode == 0
        and "not copied (computed from samples excluded here): similarity" in ended.stderr
    )
    with store.read(f"{tmp_path}/out.h5") as opened:
        assert opened.tree("/similarity/logits") == ["dot"] and len(opened.history_lines()) == 3
        assert opened.values("/taps/conv/gradient").shape == (
            (DATA.labels == DATA.predicted).sum(),
            6,
        )


@pytest.mark.parametrize("form", ["json", "tsv"])
def test_without_labels_programs_get_no_empty_statistics(capsys, tmp_path, form):
    path = write(tmp_path / "a.h5", dataclasses.replace(DATA, labels=np.full(30, -1, "i4")))
    out = call(capsys, "similarity", path, "--feature", "logits", f"--{form}", *QUICK).out
    rows = (
        rows_of(out) if form == "json" else list(csv.DictReader(io.StringIO(out), delimiter="\t"))
    )
    names = {row["column"] for row in rows if row["row"] == "logits cosine"}
    assert {"all pairs", "median", "most alike"} <= names
    assert not {"within class", "between", "label effect | pred", "pair AUC"} & names
    assert all(row["value"] not in (None, "nan", "") for row in rows)
    assert all(int(row["n"]) > 0 for row in rows if row["column"] in STATISTICS.values())


def test_on_a_narrow_terminal_the_table_is_in_parts(capsys, path, monkeypatch):
    ended = call(
        capsys, "similarity", path, *QUICK, terminal=["out"], columns=80, monkeypatch=monkeypatch
    )
    heads = [line for line in ended.out.splitlines() if line.startswith("feature")]
    table = [line for line in ended.out.splitlines()[1:] if not line.startswith("  ")]
    assert len(heads) > 1 and all(line.split()[:2] == ["feature", "metric"] for line in heads)
    assert all(len(line) <= 80 for line in table)


def test_gradients_that_repeat_the_class_row_are_noted_under_the_table(capsys, tmp_path):
    path = write(tmp_path / "a.h5", DATA)
    with h5py.File(path, "r+") as file:
        file["taps/conv"].attrs.update(spatially_constant=0, input_independent=0, parallel=1.0)
        file["taps/block"].attrs.update(spatially_constant=1, input_independent=1, parallel=1.0)
    both = ("--feature", "gradient", "--feature", "gradient@block")
    drawn = ("--resamples", "2")
    conv, block = (
        "gradient@conv: parallel to the class row",
        "gradient@block: the class row of the target",
    )
    for command, words in (
        (("similarity", *both, *QUICK), (conv, block)),
        (("cluster", *both, "--repeats", "1", "--no-intervals"), (conv, block)),
        (("compare", *both, *drawn, "--permutations", "2"), (conv, block)),
        (("dendrogram", "--feature", "gradient", *drawn), (conv,)),
        (("dendrogram", "--feature", "gradient@block", *drawn), (block,)),
    ):
        name, *options = command
        told = call(capsys, name, path, *options, "--json")
        (table, *_) = json.loads(told.out)["tables"]
        notes = " ".join(table["notes"])
        assert all(one in notes for one in words), (command, notes)
