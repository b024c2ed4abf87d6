"""gradtools help: the pages, their sections, the options of commands, near names, and the pager on a terminal."""

import subprocess
import sys

import pytest
from conftest import ROOT
from shell import call

from gradtools.stages import help as pages

DOCS = ROOT / "gradtools" / "docs"


def test_the_list_has_every_page_with_its_line(capsys):
    lines = call(capsys, "help").out.splitlines()
    for path in DOCS.glob("*.md"):
        title = path.read_text().splitlines()[0].removeprefix(f"# {path.stem}: ")
        assert any(line.split()[:1] == [path.stem] and line.endswith(title) for line in lines)


@pytest.mark.parametrize("path", sorted(DOCS.glob("*.md")), ids=lambda path: path.stem)
def test_a_page_in_a_pipe_is_the_file(path, capsys):
    assert call(capsys, "help", path.stem).out == path.read_text()


def test_a_section_ends_where_the_next_of_its_level_begins(capsys):
    section = call(capsys, "help", "mathematics#pair-auc").out
    assert section.startswith("### Pair AUC\n") and section.count("\n#") == 0
    assert section in (DOCS / "mathematics.md").read_text()
    group = call(capsys, "help", "mathematics#pairs-of-images").out
    assert group.startswith("## Pairs of images\n") and section in group and "\n## " not in group


def test_headings_in_code_are_not_sections():
    text = "# page: title\n## One's own (1)\n```sh\n## not one\n```\n### Two\n"
    assert pages.anchors(text) == ["ones-own-1", "two"]


def test_a_command_gives_its_options(capsys):
    shown = call(capsys, "help", "recipe").out
    assert shown.startswith("Usage: gradtools recipe") and "--output" in shown


@pytest.mark.parametrize(
    "name, near",
    [
        ("mathematic", "did you mean mathematics"),
        ("pair auc", "mathematics#pair-auc"),
        ("mathematics#" + "pair-au", "did you mean pair-auc"),
        ("xyzzy", "there are "),
    ],
)
def test_near_names(name, near, capsys):
    ended = call(capsys, "help", name)
    assert ended.status == 2 and near in ended.line


def test_a_terminal_gets_the_pager(capsys, monkeypatch):
    seen = []
    monkeypatch.setattr("click.echo_via_pager", seen.append)
    call(capsys, "help", "mathematics#pair-auc", terminal=("out",), monkeypatch=monkeypatch)
    assert len(seen) == 1 and "Pair AUC" in seen[0] and "### " not in seen[0]


def test_a_pipe_loads_neither_rich_nor_numpy():
    script = (
        "import sys; from gradtools.cli import main; main(['help', 'mathematics']); "
        "print(sorted({'rich', 'numpy', 'h5py', 'torch'} & set(sys.modules)), file=sys.stderr)"
    )
    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, cwd=ROOT)
    assert ended.stderr.strip() == "[]", ended.stderr
