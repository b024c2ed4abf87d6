"""gradtools demo: the commands that it says it ran are commands, and what it ends with."""

import glob
import itertools
import re
import resource
import shlex

import click
import pytest
from conftest import ROOT
from documented import PAGES, agree, printed
from shell import call

from gradtools import cli
from gradtools.stages import demo


def test_every_step_is_a_command_that_can_be_given(tmp_path):
    """Options and choices are parsed; nothing runs."""
    names = []
    for step in demo.steps(str(tmp_path), {}):
        name, *arguments = step.arguments
        command = cli.gradtools.get_command(None, name)
        with command.make_context(name, list(arguments)) as context:
            assert isinstance(context, click.Context)
        names.append(name)
    assert names.count("extract") == names.count("cluster") == len(demo.NETWORKS)
    assert {"saliency", "localize", "dendrogram", "neighbors"} <= set(names)


def test_a_full_disk_is_said_with_its_place(capsys, tmp_path):
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, limits[1]))
    try:
        ended = call(capsys, "demo", tmp_path / "demo")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert ended.status == 1 and "--force" in ended.line
    assert f"no space left for {tmp_path / 'demo' / 'scenes'}" in ended.line


def test_texts_are_whole_or_not_there(tmp_path, monkeypatch):
    (tmp_path / demo.TABLES).write_text("old")

    def stopped(tables, form, stream):
        stream.write("half of a ")
        raise KeyboardInterrupt

    monkeypatch.setattr(demo, "write_tables", stopped)
    monkeypatch.setattr(demo.evaluate, "evaluate", lambda subjects, layout: [])
    with pytest.raises(KeyboardInterrupt):
        demo._write_texts(str(tmp_path), [], ["gradtools info"])
    assert (tmp_path / demo.TABLES).read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == [demo.TABLES]


@pytest.mark.slow
def test_it_ends_with_the_answer_and_the_pictures_and_pages_print_what_its_stores_say(
    capsys, tmp_path, monkeypatch
):
    folder = tmp_path / "demo"
    ended = call(capsys, "demo", folder)
    assert ended.status == 0, ended.err
    lines = ended.out.splitlines()
    assert lines[0].startswith("300 images of 10 classes") and "3 models" in lines[0]
    at = lines.index("Pictures, the main question's first:")
    assert at <= 26 and lines[at + 1].strip() == str(folder / "prediction.png")
    assert all((tmp_path / line.strip()).exists() for line in lines[at:] if line.startswith("  "))
    commands = (folder / "commands.sh").read_text().splitlines()
    assert commands[: len(ended.err.splitlines())] == ended.err.splitlines()
    assert all(shlex.split(line)[0] == "gradtools" for line in commands)
    tables = (folder / "tables.txt").read_text()
    assert "pair AUC by cosine" in tables and "cophenetic correlation" in tables
    readme = (ROOT / "README.md").read_text()
    answer = re.search(r"^```text\n(300 images.*?)^```", readme, re.M | re.S)[1]
    assert agree(answer, ended.out)
    monkeypatch.chdir(tmp_path)
    for page in PAGES.values():
        for command, text in printed(page):
            assert agree(text, _printed(command, capsys)), command


def _printed(command, capsys):
    """What a command of a page prints, its patterns of names expanded as a shell does."""
    words = shlex.split(command)[1:]
    files = [sorted(glob.glob(word)) if "*" in word else [word] for word in words]
    return call(capsys, *itertools.chain(*files)).out
