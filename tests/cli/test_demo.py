"""gradtools demo: the commands that it says it ran are commands, and what it ends with."""

import shlex

import click
import pytest
from conftest import ROOT
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


@pytest.mark.slow
def test_it_ends_with_the_answer_and_the_pictures(capsys, tmp_path):
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
    assert "\n".join(lines[4:13]) in readme  # the headline figures
