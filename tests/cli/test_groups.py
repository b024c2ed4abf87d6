"""Help in groups, man pages that are made of it, and what shells complete."""

import re
import shutil
import subprocess

import click
import pytest
from click.shell_completion import ShellComplete
from conftest import ROOT

from gradtools import cli
from gradtools.cli import groups, manual


def options_of(command):
    return [one for one in command.params if isinstance(one, click.Option) and not one.hidden]


@pytest.mark.parametrize("name", cli.COMMANDS)
def test_help_shows_every_option_once_under_a_heading(name, monkeypatch):
    monkeypatch.setenv("COLUMNS", "300")
    command = cli.gradtools.get_command(None, name)
    context = click.Context(command, info_name=name, max_content_width=300, terminal_width=300)
    text = command.get_help(context)
    parts = re.split(r"^(Data|Model|What to compute|Output):$", text, flags=re.M)
    headings, bodies = parts[1::2], parts[2::2]
    assert headings == [one for one in groups.HEADINGS if one in headings] and headings
    for option in options_of(command):
        flag = max(option.opts, key=len)
        lines = [body for body in bodies if re.search(rf"^  (-\w, )?{flag}(?![\w-])", body, re.M)]
        assert len(lines) == 1, flag
    if any(one.name == "where" for one in command.params):
        assert "--where" in bodies[headings.index("Data")]
    if any(one.name == "output" for one in command.params):
        assert "--output" in bodies[headings.index("Output")]


@pytest.mark.parametrize("name", ["", *cli.COMMANDS])
def test_a_man_page_has_every_option_and_example(name):
    page = manual.page(name)
    assert page.startswith(".TH ") and ".SH NAME" in page and ".SH SYNOPSIS" in page
    assert not re.search(r"^'|^\.(?!TH|ad l|SH|PP|TP|B |nf|fi)", page, re.M)
    if name:
        command = cli.gradtools.get_command(None, name)
        plain = page.replace("\\-", "-")
        assert all(max(option.opts, key=len) in plain for option in options_of(command))
        assert plain.count(f"gradtools {name}") >= 3


@pytest.mark.skipif(not shutil.which("groff"), reason="no groff here")
def test_groff_reads_the_pages(tmp_path):
    manual.main(str(tmp_path))
    for path in tmp_path.iterdir():
        ended = subprocess.run(
            ["groff", "-man", "-Tutf8", "-wmac", path], capture_output=True, text=True
        )
        assert not ended.stderr, ended.stderr


def test_make_man_is_there():
    assert "gradtools.cli.manual" in (ROOT / "Makefile").read_text()


def completed(*arguments):
    """What a shell is offered for the last argument."""
    *before, incomplete = map(str, arguments)
    shell = ShellComplete(cli.gradtools, {}, "gradtools", "_GRADTOOLS_COMPLETE")
    return [item.value for item in shell.get_completions(before, incomplete)]


def test_features_are_those_of_the_store(feature_store):
    offered = completed("similarity", feature_store, "--feature", "grad")
    assert {"gradient", "gradient@block"} <= set(offered)
    assert completed("similarity", "--feature", "weig") == ["weight"]


def test_models_and_taps_are_offered_without_torch():
    assert "gradtools.bundled.scene_resnet:resnet8" in completed("extract", "--model", "gradtools")
    assert "resnet50" in completed("classes", "resnet5")
    assert completed("extract", "--tap", "auto:last") == ["auto:last-conv", "auto:last-block"]
