"""The arrows between modules point one way, and what is installed is what is listed."""

import ast
import configparser
import re
from pathlib import Path

import pytest

from conftest import ROOT

PACKAGE = ROOT / "gradtools"
FILES = sorted(PACKAGE.rglob("*.py"))
TORCH = {"models", "taps", "extract", "scores", "layers", "demo", "bundled", "jobs", "saliency", "channels"}
MAY_IMPORT = {
    "math": {"math", "errors"},
    "store": {"store", "errors", "interrupt"},
    "images": {"images", "errors"},
    "labels": {"labels", "errors", "bundled"},
    "models": {"models", "taps", "errors"},
    "taps": {"taps", "errors"},
    "errors": set(),
    "interrupt": set(),
    "bundled": {"bundled", "errors"},
}


def room(path):
    """The first part of a module's name below the package."""
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imported(path, everywhere=True):
    """Full names that a file imports, at any depth or at its top only."""
    tree = ast.parse(path.read_text())
    for node in ast.walk(tree) if everywhere else tree.body:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def inside(path):
    """Rooms of the house that a file imports from."""
    return {name.split(".")[1] for name in imported(path) if name.startswith("gradtools.")} - {"__version__"}


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_arrows_point_one_way(path):
    here = room(path)
    if here not in ("cli", "__main__"):
        assert "cli" not in inside(path)
    if here in MAY_IMPORT:
        assert inside(path) <= MAY_IMPORT[here]
    if here != "store":
        assert not any(name.split(".")[0] == "h5py" for name in imported(path))
    if here in ("math", "store", "images"):
        assert not any(name.split(".")[0] in ("torch", "torchvision", "click") for name in imported(path))
    if here not in TORCH:
        assert not any(name.split(".")[0] == "torch" for name in imported(path))
    if here not in ("cli",):
        assert not any(name.split(".")[0] in ("click", "rich") for name in imported(path))


def test_torchvision_is_imported_only_when_a_model_comes_from_it():
    for path in FILES:
        assert not any(name.split(".")[0] == "torchvision" for name in imported(path, everywhere=False)), path


def test_every_command_is_installed_and_runs_from_bin():
    from gradtools.cli import COMMANDS

    config = configparser.ConfigParser()
    config.read(ROOT / "setup.cfg")
    scripts = {
        line.split("=")[0].strip() for line in config["options.entry_points"]["console_scripts"].split("\n") if line
    }
    expected = {"gradtools"} | {f"gradtools-{name}" for name in COMMANDS}
    assert scripts == expected
    assert {path.name for path in (ROOT / "bin").iterdir()} == expected
    assert all((PACKAGE / "cli" / f"{name}.py").exists() for name in COMMANDS)


def test_readme_names_every_command_and_only_options_that_are_there():
    from gradtools import cli

    readme = (ROOT / "README.md").read_text()
    group = cli.gradtools
    known = set()
    for name in cli.COMMANDS:
        assert f"gradtools {name}" in readme, name
        known |= {
            option
            for parameter in group.get_command(None, name).params
            for option in (*parameter.opts, *parameter.secondary_opts)
        }
    code = "\n".join(re.findall(r"```(?:sh|make)\n(.*?)```", readme, re.S))
    used = {
        word
        for line in code.splitlines()
        if "gradtools" in line
        for word in re.findall(r"(?<=\s)--[a-z][a-z0-9-]*", line)
    }
    assert used <= known


def test_no_paths_of_a_machine():
    for path in [*FILES, ROOT / "README.md", ROOT / "Makefile", *Path(ROOT / "tests").rglob("*.py")]:
        assert not re.search(r"(^|[\s\"'=(])/(home|Users|root|work)/", path.read_text()), path
