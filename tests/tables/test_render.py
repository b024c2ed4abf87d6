"""Tables in every form: what people and programs read is what the cells hold."""

import csv
import io
import json
import re
import shutil
import subprocess

import pytest

from gradtools.tables import render
from gradtools.tables.model import Cell, Table
from gradtools.tables.wording import FOR_PROGRAMS, FORMS

TABLE = Table(
    "pair-auc",
    "pair AUC & more",
    ["model", "feature", "value", "pairs", "about_it"],
    [
        {
            "model": "net_a",
            "feature": "logits",
            "value": Cell(1 / 3, 0.25, 0.5, n=12, left_out=3),
            "pairs": 12,
            "about_it": "all",
        },
        {
            "model": "net b",
            "feature": "100 % {x} \\y #~^$",
            "value": Cell(float("nan"), note="gradtools similarity computes it"),
            "pairs": 7,
            "about_it": Cell(note="no labels"),
        },
    ],
    ("a note",),
    "higher",
    heads=("model", "feature"),
)


def test_forms_that_help_names_are_those_that_are_written():
    assert tuple(render.WRITERS) == FORMS and set(FOR_PROGRAMS) < set(FORMS)


def written(tables, form, width=None):
    stream = io.StringIO()
    render.write_tables(tables, form, stream, width)
    return stream.getvalue()


def test_json_has_the_documented_keys_and_full_precision():
    (table,) = json.loads(written([TABLE], "json"))["tables"]
    assert (table["id"], table["title"], table["columns"], table["notes"]) == (
        "pair-auc",
        "pair AUC & more",
        TABLE.columns,
        ["a note"],
    )
    first, pairs, about, missing, _, reason = table["rows"]
    assert first == {
        "model": "net_a",
        "row": "logits",
        "column": "value",
        "value": 1 / 3,
        "low": 0.25,
        "high": 0.5,
        "n": 12,
        "left_out": 3,
        "note": "",
    }
    assert pairs["value"] == 12 and about["value"] == "all"
    assert missing["value"] is None and missing["note"] == "gradtools similarity computes it"
    assert reason["note"] == "no labels"


@pytest.mark.parametrize("form, delimiter", [("csv", ","), ("tsv", "\t")])
def test_separated_text_holds_the_same_rows_as_json(form, delimiter):
    rows = list(csv.DictReader(io.StringIO(written([TABLE], form)), delimiter=delimiter))
    (table,) = json.loads(written([TABLE], "json"))["tables"]
    assert [row.pop("table") for row in rows] == ["pair-auc"] * 6
    for row, expected in zip(rows, table["rows"], strict=True):
        assert {key: text for key, text in row.items() if text} == {
            key: str(value) for key, value in expected.items() if value not in (None, "")
        }


def test_every_form_of_no_table_is_valid():
    assert json.loads(written([], "json")) == {"tables": []}
    assert written([], "text") == "" and len(written([], "csv").splitlines()) == 1


def test_text_marks_cells_without_a_value_with_their_reasons():
    lines = written([TABLE], "text").splitlines()
    assert lines[0] == "pair AUC & more, higher is better"
    assert lines[2].split()[:3] == ["net_a", "logits", "0.333"] and "[0.250, 0.500]" in lines[2]
    assert "- (a)" in lines[3] and "- (b)" in lines[3]
    assert [line.strip() for line in lines[4:7]] == [
        "- (a): gradtools similarity computes it",
        "- (b): no labels",
        "a note",
    ]


def test_text_of_a_narrow_terminal_repeats_the_row_heads():
    columns = [f"column_{number}" for number in range(9)]
    wide = Table("w", "", ["model", *columns], [{"model": "net", **dict.fromkeys(columns, 0.5)}])
    text = written([wide], "text", 40)
    assert all(len(line) <= 40 for line in text.splitlines())
    assert text.count("net") == 3 and all(text.count(column) == 1 for column in columns)
    assert len(written([wide], "text").strip().splitlines()) == 2


def test_markdown_has_as_many_cells_in_every_row():
    table = Table("t", "", ["a|b", "c"], [{"a|b": "x|y", "c": 1}, {"a|b": "z", "c": 2.5}])
    lines = [
        re.split(r"(?<!\\)\|", line)[1:-1] for line in written([table], "markdown").split("\n")[:4]
    ]
    assert [[cell.strip().replace("\\|", "|") for cell in line] for line in lines] == [
        ["a|b", "c"],
        ["---", "---:"],
        ["x|y", "1"],
        ["z", "2.500"],
    ]


def test_latex_has_the_rows_of_tabulate():
    tabulate = pytest.importorskip("tabulate").tabulate
    texts = [["a_{b}", r"50 % \x"], ["& #~^$", "±"], ["plain", "two words"]]
    table = Table(
        "t", "", ["first", "second_one"], [dict(zip(("first", "second_one"), row)) for row in texts]
    )
    theirs = tabulate(
        texts, headers=["first", "second_one"], tablefmt="latex_booktabs", disable_numparse=True
    )

    def body(text):
        inside = re.search(r"\\begin\{tabular\}\{\w+\}\n(.*?)\\end\{tabular\}", text, re.S)[1]
        return [
            re.sub(r"\s*(&|\\\\)\s*", r" \1 ", re.sub(r" +", " ", line)).strip()
            for line in inside.splitlines()
        ]

    same = {r"\^{}": r"\^{}", "±": r"$\pm$", r"\ensuremath{^}": r"\^{}"}
    expected = body(theirs)
    for old, new in same.items():
        expected = [line.replace(old, new) for line in expected]
    assert body(written([table], "latex")) == expected


def test_latex_has_caption_label_and_notes_under_the_table():
    text = written([TABLE], "latex")
    assert (
        r"\caption{pair AUC \& more, higher is better}" in text and r"\label{tab:pair-auc}" in text
    )
    assert text.index(r"\end{tabular}") < text.index(r"a note\par") < text.index(r"\end{table}")


def test_latex_splits_a_table_that_is_wider_than_the_page():
    columns = [f"a long head {number}" for number in range(10)]
    wide = Table(
        "w",
        "wide",
        ["model", *columns],
        [{"model": "net", **dict.fromkeys(columns, 0.5)}],
        ("note",),
    )
    text = written([wide], "latex")
    heads = [
        line.removesuffix(r" \\").split(" & ")
        for line in text.splitlines()
        if line.startswith("model & ")
    ]
    assert [head for line in heads for head in line[1:]] == columns and len(heads) == 2
    assert all(len("  ".join(line)) <= render.PAGE for line in heads)
    assert "(part 1 of 2)" in text and r"\label{tab:w}" in text and r"\label{tab:w-2}" in text
    assert text.count(r"note\par") == 1


def test_latex_compiles(tmp_path):
    tex = next(
        filter(None, map(shutil.which, ("pdflatex", "lualatex", "xelatex", "tectonic"))), None
    )
    if tex is None:
        pytest.skip("no TeX is installed")
    document = "\\documentclass{article}\\usepackage{booktabs}\\begin{document}\n%s\\end{document}"
    (tmp_path / "t.tex").write_text(document % written([TABLE, TABLE], "latex"), encoding="utf-8")
    options = [] if tex.endswith("tectonic") else ["-interaction=nonstopmode", "-halt-on-error"]
    ended = subprocess.run([tex, *options, "t.tex"], cwd=tmp_path, capture_output=True, text=True)
    assert ended.returncode == 0, ended.stdout[-2000:]


def test_rounding_noise_has_no_sign_and_sizes_of_any_kind_have_three_digits():
    assert str(Cell(-0.0001)) == "0.000" and str(Cell(1234.5, digits=None)) == "1.23e+03"
    assert str(Cell(float("nan"))) == "-" and Cell(float("nan")).note == "not defined here"


def test_long_row_heads_go_on_in_further_lines_of_a_narrow_terminal():
    rows = [
        {"model": "squeezenet1_0", "a": "gam@features.10+features.12", "b": other, "IoU": cell}
        for other, cell in (
            ("gradcam++@features.10+features.12", Cell(0.106, 0.028, 0.188)),
            ("centred Gaussian", Cell(0.123, 0.039, 0.202)),
        )
    ]
    table = Table("d", "differences", ["model", "a", "b", "IoU"], rows)
    wide, narrow = (written([table], "text", width) for width in (None, 70))
    assert max(map(len, wide.splitlines())) > 90
    lines = narrow.splitlines()
    assert max(map(len, lines)) <= 70
    assert (
        sum("[" in line for line in lines) == 2
    )  # every interval on one line, beside its row's first
    names = "".join(line[15:] for line in lines).replace(" ", "")
    assert "gradcam++" in names and "+features.12" in names
    for name in ("@features.10", "centred Gaussian", "0.123 [0.039, 0.202]"):
        assert name in narrow


def test_lists_of_names_go_on_in_further_lines_on_a_terminal():
    """A column of texts beside numbers: no line beyond the terminal, and no word lost."""
    members = ", ".join(f"Staffordshire terrier {number}" for number in range(9))
    rows = [{"cluster": "0", "size": 12, "members": members}, {"cluster": "1", "size": 2, "members": "a"}]  # fmt: skip
    table = Table("t", "clusters", ["cluster", "size", "members"], rows, heads=("cluster",))
    lines = written([table], "text", 60).splitlines()
    assert max(map(len, lines)) <= 60
    shown = " ".join(lines)
    assert all(f"terrier {number}" in " ".join(shown.split()) for number in range(9))
