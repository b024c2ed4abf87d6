"""The pages that ship: what they name exists, what they define is cited, and the page of the format is the schema's."""

import ast
import dataclasses
import re
import sys
from pathlib import Path

import numpy as np
import pytest
import sources
from conftest import ROOT
from shell import call
from store_page import page as made_store_page

from gradtools import cli
from gradtools.stages import help as pages

DOCS = ROOT / "gradtools" / "docs"
SOURCES = sorted((ROOT / "gradtools").rglob("*.py"))
TESTS = sorted((ROOT / "tests").rglob("*.py"))
CITED = re.compile(rf"\b({'|'.join(pages.ORDER)})#([a-z0-9-]+)")
NOT_OPTIONS = {
    "--help",
    "--version",
    "--nproc-per-node",
    "--array",
    "--wrap",
}  # some are of torchrun and SLURM


def anchors(name):
    return pages.anchors((DOCS / f"{name}.md").read_text())


def leaves(name):
    """Anchors of the sections that have none below them."""
    headings = list(pages._headings((DOCS / f"{name}.md").read_text()))
    deeper = [after[1] > own[1] for own, after in zip(headings, headings[1:])] + [False]
    return [anchor for (_, _, anchor), parent in zip(headings, deeper) if not parent]


def citations(paths):
    return {
        (match[1], match[2], path) for path in paths for match in CITED.finditer(path.read_text())
    }


def functions(path):
    """Public functions of a file (ast.FunctionDef)."""
    for node in sources.tree(path).body:
        if isinstance(node, ast.FunctionDef) and not node.name.startswith("_"):
            yield node


def test_the_pages_are_there_and_every_page_has_its_line():
    assert pages.names() == list(pages.ORDER)
    for name in pages.names():
        first = (DOCS / f"{name}.md").read_text().splitlines()[0]
        assert re.fullmatch(rf"# {name}: .+", first) and len(pages.summary(name)) < 90


@pytest.mark.parametrize("name", pages.ORDER)
def test_anchors_are_unique_and_links_lead_somewhere(name):
    text = (DOCS / f"{name}.md").read_text()
    assert len(set(anchors(name))) == len(anchors(name))
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        other, _, anchor = target.partition("#")
        if target.startswith("https://"):
            continue
        assert not other or (DOCS / other).exists(), target
        assert not anchor or anchor in anchors(other.removesuffix(".md") or name), target


def test_every_citation_names_a_section():
    every = [*SOURCES, *TESTS, *DOCS.glob("*.md"), ROOT / "README.md"]
    for name, anchor, path in citations(every):
        assert anchor in anchors(name), (path, f"{name}#{anchor}")


def test_every_section_of_the_mathematics_is_cited_by_code():
    cited = {anchor for name, anchor, _ in citations(SOURCES) if name == "mathematics"}
    assert not set(leaves("mathematics")) - cited


def test_every_function_of_math_cites_the_mathematics():
    missing = [
        f"{path.relative_to(ROOT)}: {node.name}"
        for path in SOURCES
        if "math" in path.relative_to(ROOT / "gradtools").parts
        for node in functions(path)
        if "mathematics#" not in (ast.get_docstring(node) or "")
    ]
    assert not missing


def test_no_document_is_cited_that_does_not_ship():
    for path in {*SOURCES, *TESTS} - {Path(__file__)}:
        assert not re.search(r"\b(SPEC|DESIGN)('s)? ?\d", path.read_text()), path


def test_options_and_commands_that_pages_name_exist():
    known = set(NOT_OPTIONS)
    for name in cli.COMMANDS:
        for parameter in cli.gradtools.get_command(None, name).params:
            known |= {*parameter.opts, *parameter.secondary_opts}
    for name in pages.ORDER:
        text = (DOCS / f"{name}.md").read_text()
        if name != "changes":  # which names what is gone
            assert set(re.findall(r"(?<![\w-])--[a-z][a-z0-9-]*", text)) <= known, name
        for command in re.findall(r"`gradtools ([a-z]+)", text):
            assert command in cli.COMMANDS, (name, command)


def test_files_that_the_architecture_names_exist():
    text = (DOCS / "architecture.md").read_text()
    for name in set(re.findall(r"`([a-z_/.]+/[a-z_]*(?:\.py)?)`", text)):
        assert (ROOT / name).exists() or any((ROOT / "gradtools").glob(f"**/{name}")), name


def mean_within(path):
    """Mean cosine of the activations of two samples of one class."""
    import h5py

    with h5py.File(path) as file:
        rows, label = file["taps/block/activation"][:].astype(float), file["samples/label"][:]
    unit = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    first, second = np.triu_indices(len(rows), 1)
    same = label[first] == label[second]
    return np.sum(unit[first[same]] * unit[second[same]], axis=1).mean()


def holds(value, number, depth=0):
    """Whether a value is a number, or has it in it as text, entry or field."""
    if isinstance(value, float):
        return abs(value - number) < 1e-12
    if isinstance(value, str):
        return f"{number:.3f}" in value
    if isinstance(value, np.ndarray):
        return value.dtype.kind == "f" and bool((abs(value - number) < 1e-12).any())
    if dataclasses.is_dataclass(value):
        value = vars(value)
    if isinstance(value, dict):
        value = list(value.values())
    return (
        isinstance(value, (list, tuple))
        and depth < 6
        and any(holds(entry, number, depth + 1) for entry in value)
    )


def test_the_mean_within_classes_goes_through_the_nine_files_that_the_architecture_lists(
    feature_store, capsys, monkeypatch
):
    walk = pages.text("architecture#the-mean-cosine-within-classes-from-option-to-cell")
    listed = re.findall(r"^\d+\. `([\w/.]+)`", walk, re.M)
    number, files = mean_within(feature_store), set()

    def watch(frame, event, returned):
        path = Path(frame.f_code.co_filename)
        if event == "return" and ROOT / "gradtools" in path.parents and holds(returned, number):
            files.add(str(path.relative_to(ROOT / "gradtools")))

    arguments = ("similarity", feature_store, "--feature", "activation", "--no-intervals", "-q")
    sys.setprofile(watch)
    try:
        shown = call(capsys, *arguments, terminal=("out",), monkeypatch=monkeypatch)
    finally:
        sys.setprofile(None)
    assert f"{number:.3f}" in shown.out
    assert files == set(listed) and len(listed) == len(files) <= 9


def test_the_page_of_the_format_is_the_schemas():
    assert (DOCS / "store.md").read_text() == made_store_page(), "make docs writes it anew"


@pytest.mark.parametrize("path", [ROOT / "README.md", *sorted(DOCS.glob("*.md"))])
def test_code_and_networks_do_not_tell_or_know(path):
    """Words of people, said of programs; `known` is an answer's."""
    found = re.findall(r".*\b(?:tells?|telling|told|knows?|knew)\b.*", path.read_text())
    assert not found, found


def test_sentences_of_tables_do_not_tell_or_know():
    texts = [
        text
        for path in sorted((ROOT / "gradtools" / "tables").rglob("*.py"))
        for node in ast.walk(sources.tree(path))
        if isinstance(node, ast.Constant) and isinstance(text := node.value, str)
    ]
    assert len(texts) > 500
    assert not [text for text in texts if re.search(r"\b(tells?|telling|told|knows?)\b", text)]
