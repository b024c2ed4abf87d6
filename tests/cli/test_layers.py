"""gradtools layers in the shell: a hand-made network whose taps are known."""

import csv
import re

import pytest
from networks import TOY_SOURCE
from shell import call, rows_of

RULES = (
    'PREPROCESS = {"resize": 8, "crop": 8, "mean": (0.5, 0.5, 0.5), "std": (0.25, 0.25, 0.25)}\n'
)


@pytest.fixture(scope="module")
def network(tmp_path_factory):
    path = tmp_path_factory.mktemp("layers") / "toy.py"
    path.write_text(TOY_SOURCE + RULES)
    return f"{path}:Toy"


def rows(capsys, *arguments):
    ended = call(capsys, "layers", *arguments, "--weights", "random", "--json")
    assert ended.status == 0, ended.err
    by_tap = {}
    for row in rows_of(ended.out):
        by_tap.setdefault(row["row"], {"tap": row["row"]})[row["column"]] = row["value"]
    return by_tap


def test_shapes_calls_and_verdicts(capsys, network):
    by_tap = rows(capsys, network)
    assert {
        tap: [row[key] for key in ("module", "calls", "channels", "height", "width")]
        for tap, row in by_tap.items()
    } == {"stem": ["Conv2d", 1, 4, 8, 8], "body": ["Conv2d", 1, 3, 8, 8]}
    # body is averaged over positions into the linear layer: its gradient is the class row; stem's goes through a ReLU
    assert [by_tap["body"][key] for key in ("constant", "independent")] == [
        "yes",
        "yes",
    ] and "class weights" in by_tap["body"]["verdict"]
    assert [by_tap["stem"][key] for key in ("constant", "independent", "verdict")] == [
        "no",
        "no",
        None,
    ]
    assert "auto:last-conv" in by_tap["body"]["auto"]


def test_size_and_no_classes(capsys, network):
    assert {row["height"] for row in rows(capsys, network, "--size", 12).values()} == {12}
    assert {
        (row["constant"], row["independent"])
        for row in rows(capsys, network, "--head", "none").values()
    } == {(None, None)}


def test_text_and_tsv_say_the_same(capsys, network):
    expected = list(rows(capsys, network).values())
    text = call(capsys, "layers", network, "--weights", "random")
    lines = text.out.splitlines()
    assert re.split(r"\s{2,}", lines[1]) == [
        "tap", "module", "calls", "shape", "auto:", "gradient of"
    ]  # fmt: skip
    assert "random weights" in text.err
    shown = {line.split()[0]: line for line in lines[2:] if line and line[0] != " "}
    for row in expected:
        shape = "x".join(str(row[side]) for side in ("channels", "height", "width"))
        word = "the image" if row["verdict"] is None else "class row"
        assert shape in shown[row["tap"]] and shown[row["tap"]].endswith(word)
    verdicts = {row["verdict"] for row in expected} - {None}
    assert verdicts and all(verdict in text.out for verdict in verdicts)
    table = csv.DictReader(
        call(capsys, "layers", network, "--weights", "random", "--tsv").out.splitlines(),
        delimiter="\t",
    )
    values = [(row["row"], row["column"], row["value"]) for row in table]
    assert values == [
        (row["tap"], column, "" if value is None else str(value))
        for row in expected
        for column, value in row.items()
        if column != "tap"
    ]
    assert call(capsys, "layers", "-q", network, "--weights", "random").err == ""


@pytest.mark.parametrize("arguments", [["--size", 0], ["--head", "x"], ["--preprocess", "x"]])
def test_mistakes_are_one_line(capsys, network, arguments):
    ended = call(capsys, "layers", network, *arguments)
    assert ended.status == 2 and ended.line.startswith("gradtools layers: ")


def test_weights_that_are_not_there(capsys, network):
    ended = call(capsys, "layers", network, "--weights", "missing.pth")
    assert ended.status and "missing.pth" in ended.line


def test_a_model_that_is_not_there(capsys, network):
    ended = call(capsys, "layers", network.replace(":Toy", ":Tou"))
    assert ended.status and "Toy" in ended.line
