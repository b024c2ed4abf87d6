"""Every command that README and the guides show: its options exist, and it runs to its end."""

import re
import shlex
import subprocess
import sys
import types

import pytest
import torch
from documented import NETWORK, PAGES, WEIGHTS, blocks, folder, lines

from gradtools import cli
from gradtools.bundled.scene_resnet import CLASSES, resnet8

ANSWERS = {"claim": (0, 1, 4)}  # 1: contradicted, 4: undecided


def calls(line):
    """The calls of gradtools in a shell line, each as its words."""
    words = shlex.split(line, comments=False, posix=True)
    parts, part = [], []
    for word in [*words, "|"]:
        if word in ("|", "&&", ">"):
            parts.append(part)
            part = []
        else:
            part.append(word)
    return [part[1:] for part in parts if part[:1] == ["gradtools"]]


@pytest.mark.parametrize("name", PAGES)
def test_every_option_and_choice_that_a_page_shows_is_taken(name):
    text = "\n".join(blocks(PAGES[name], "sh")).replace("\\\n", " ")
    for line in text.splitlines():
        for command, *arguments in calls(line):
            parser = cli.gradtools.get_command(None, command)
            with parser.make_context(command, arguments):
                pass


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in PAGES if lines(PAGES[name])])
def test_every_command_of_a_page_runs_to_its_end(name, tmp_path):
    env = folder(tmp_path)
    if name == "relations":
        _before_relations(tmp_path, env)
    if name == "claims":
        _run("gradtools extract photos --model resnet50 -o results/p.h5", tmp_path, env)
        _run("gradtools similarity results/p.h5 -o results/s.h5", tmp_path, env)
    for line in lines(PAGES[name]):
        line = (
            re.sub(r"(-o|--figure|--newick) ", r"--force \1 ", line)
            if "merge" not in line
            else line
        )
        _run(line, tmp_path, env)


def _before_relations(where, env):
    """The stores that the page compares."""
    for path in ("photos", "epoch_1", "resnet18"):
        _run(f"gradtools extract photos --model resnet50 -o {path}.h5", where, env)
    other = WEIGHTS.with_name("scene_resnet14.pth")
    for path in ("epoch_2", "resnet50"):
        model = f"gradtools.bundled.scene_resnet:resnet14 --weights {other}"
        _run(f"gradtools extract photos --model {model} -o {path}.h5", where, env)


def _run(line, where, env):
    ended = subprocess.run(
        ["bash", "-o", "pipefail", "-c", line],
        cwd=where,
        env=env,
        capture_output=True,
        text=True,
        errors="replace",
    )
    answers = next((ANSWERS[name] for name in ANSWERS if f"gradtools {name}" in line), (0,))
    assert ended.returncode in answers, (line, ended.stderr[-2000:])


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in PAGES if blocks(PAGES[name], "python")])
def test_the_python_of_a_page_runs(name, tmp_path, monkeypatch):
    env = folder(tmp_path)
    _run("gradtools extract photos --model resnet50 -o photos.h5", tmp_path, env)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(sys.modules, "segmentation_models_pytorch", _library())
    for block in blocks(PAGES[name], "python"):
        code = block.replace('"resnet50"', f'"{NETWORK}", weights="{WEIGHTS}"')
        exec(code, _ones_own() if "network" in code else {})


def _ones_own():
    """A reader's own network, an input of it, and its classes."""
    return {"network": resnet8(), "example": torch.zeros(2, 3, 32, 32), "classes": list(CLASSES)}


def _library():
    """A library with a network, as the page's example calls one."""
    library = types.ModuleType("library")
    library.Unet = lambda encoder, classes: None
    return library
