"""The arrows between modules point one way, and what is installed is what is listed."""

import ast
import configparser
import re
from pathlib import Path

import pytest
import sources
from conftest import ROOT

PACKAGE = ROOT / "gradtools"
FILES = sorted(PACKAGE.rglob("*.py"))
FREE = {"errors", "interrupt", "__version__"}
BELOW = {  # what each wing may import beside itself
    "cli": {"stages", "figures", "tables", "selection", "network", "images", "store"},
    "stages": {"figures", "tables", "selection", "network", "store", "images", "math", "bundled"},
    "figures": {"tables", "selection", "store", "images", "math"},
    "tables": {"selection", "math"},
    "selection": {"store", "images", "math"},
    "network": {"store", "images", "math"},
    "store": set(),
    "images": {"bundled"},
    "math": set(),
    "bundled": set(),
    "training": {"network", "store", "images", "math", "bundled"},
}
CLI = {  # what cli may import of the wings that stages work with
    "network": {"models", "generators", "passes"},  # to load them, and on which device
    "images": {
        "ImageList",
        "loading",
        "annotations",
        "versions",
    },  # types, and the texts of options
}
DOORS = {*BELOW, "docs", "__init__", "__main__", "errors", "interrupt"}
STAGES = {  # which stage may import which other, and why
    "demo": {
        "classes",
        "cluster",
        "counterfactual",
        "dendrogram",
        "evaluate",
        "extract",
        "faithfulness",
        "link",
        "localize",
        "neighbors",
        "saliency",
        "sanity",
        "similarity",
        "tune",
    },  # it runs them on the bundled examples
    "verify": {"evaluate", "extract"},  # it fills the tables again, and runs images again
    "python": {
        "evaluate",
        "extract",
        "saliency",
        "similarity",
        "transfer",
    },  # as Python calls them
    "merge": {"faithfulness", "tune"},  # whose tables rest on the rows of all shards
    "report": {"evaluate"},  # it has the tables of it
    "sanity": {"saliency"},  # it makes the maps of many networks
    "trial": {"saliency"},  # it makes every method's maps
}
TORCH = {  # where torch may be imported outside network
    "bundled/creatures.py",  # the bundled generators and networks
    "bundled/digit_generator.py",
    "bundled/lenet.py",
    "bundled/scene_resnet.py",
    "bundled/stylegan_xl.py",
}


def wing(path):
    """The first part of a module's name below the package."""
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imported(path, everywhere=True):
    """Full names that a file imports, at any depth or at its top only."""
    tree = sources.tree(path)
    for node in ast.walk(tree) if everywhere else tree.body:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: imports are absolute"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def inside(path):
    """Modules of the package that a file imports, as lists of names below it."""
    return [name.split(".")[1:] for name in imported(path) if name.startswith("gradtools.")]


def test_there_are_no_other_doors():
    assert {wing(path) for path in FILES} <= DOORS


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_arrows_point_down(path):
    here, where = wing(path), str(path.relative_to(PACKAGE))
    if here in BELOW:
        assert {names[0] for names in inside(path)} - FREE <= BELOW[here] | {here}
    if here == "cli":
        assert all({*names[1:2]} <= CLI[names[0]] for names in inside(path) if names[0] in CLI)
    outside = {name.split(".")[0] for name in imported(path)}
    assert "h5py" not in outside or here == "store"
    assert (
        not {"torch", "torchvision"} & outside or here in ("network", "training") or where in TORCH
    )
    assert not {"click", "rich"} & outside or here == "cli"
    assert "matplotlib" not in outside or here == "figures"


SLASHED = {  # what has such a slash outside the store and is no path inside one
    ("bundled/scenes.py", "{}/{}.png"),
    ("cli/commands.py", "/dev/stdin"),
    ("cli/terminal.py", ", {}/s"),
    ("cli/terminal.py", "{}/s"),
    ("network/models/checkpoints.py", "/code/"),  # in the archive of a network
    ("selection/samples.py", "/{}"),  # the end of an image's path
    ("stages/channels/profiles.py", "{}/{}"),  # ids of samples
    ("stages/link/__init__.py", "{}/{}"),
    ("stages/run.py", "--shard {}/{}: the job h"),
}


def slashed(tree):
    """The first letters of texts of a module that begin with a slash and a name, or have a slash after what is filled in ({}); docstrings left out."""
    texts = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            parts = [part for part in node.values if isinstance(part, ast.Constant)]
            texts |= set(map(id, parts))
            if any(re.match(r"/([a-z_]|$)", part.value) for part in parts):
                filled = (part.value if part in parts else "{}" for part in node.values)
                yield "".join(filled)[:24]
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            if id(node) not in texts and re.match(r"/[a-z_]", node.value):
                yield node.value[:24]


def test_only_the_store_spells_paths_and_touches_the_file():
    """No path inside a store, nor an end of one, stands outside it: `store.paths` makes them all."""
    known = set()
    for path in FILES:
        if wing(path) == "store":
            continue
        tree, where = sources.tree(path), str(path.relative_to(PACKAGE))
        known |= {(where, text) for text in slashed(tree)}
        for node in ast.walk(tree):
            if isinstance(node, ast.Attribute) and node.attr == "file":
                assert ast.unparse(node) == "sources.file", f"{path}: {ast.unparse(node)}"
    assert known == SLASHED


@pytest.mark.parametrize(
    "text", ["x = '/maps/sample'", "x = f'{a}/sample'", "x = a + '/map'", "x = f'{a}/{b}'"]
)
def test_a_path_in_any_form_is_seen(text):
    assert list(slashed(ast.parse(text)))


def test_a_stage_imports_only_the_stages_it_is_listed_with():
    for path in (PACKAGE / "stages").rglob("*.py"):
        stage = path.relative_to(PACKAGE / "stages").parts[0].removesuffix(".py")
        others = {names[1] for names in inside(path) if names[0] == "stages" and len(names) > 1} - {
            stage,
            "run",
        }
        assert others <= STAGES.get(stage, set()), path


def test_torchvision_is_imported_only_when_a_model_comes_from_it():
    for path in FILES:
        assert not any(
            name.split(".")[0] == "torchvision" for name in imported(path, everywhere=False)
        ), path


def test_every_command_is_installed_and_runs_from_bin():
    from gradtools.cli import COMMANDS

    config = configparser.ConfigParser()
    config.read(ROOT / "setup.cfg")
    scripts = {
        line.split("=")[0].strip()
        for line in config["options.entry_points"]["console_scripts"].split("\n")
        if line
    }
    expected = {"gradtools"} | {f"gradtools-{name}" for name in COMMANDS}
    assert scripts == expected
    assert {path.name for path in (ROOT / "bin").iterdir()} == expected
    assert all((PACKAGE / "cli" / f"{name}.py").exists() for name in COMMANDS)


def test_the_wheel_has_every_file_but_the_training_code():
    """The packages and patterns of setup.cfg reach every file below gradtools/."""
    find_packages = pytest.importorskip("setuptools").find_packages
    config = configparser.ConfigParser()
    config.read(ROOT / "setup.cfg")
    where, data = config["options.packages.find"], config["options.package_data"]
    packages = set(
        find_packages(ROOT, include=where["include"].split(), exclude=where["exclude"].split())
    )
    patterns = [
        f"{package.replace('.', '/')}/{pattern}"
        for package, text in data.items()
        for pattern in text.split()
        if package in packages
    ]
    for path in PACKAGE.rglob("*"):
        name = path.relative_to(ROOT)
        if path.is_dir() or "__pycache__" in name.parts:
            continue
        shipped = (
            ".".join(name.parent.parts) in packages
            if path.suffix == ".py"
            else any(name.match(pattern) for pattern in patterns)
        )
        assert shipped == ("training" not in name.parts), name


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
    assert len(readme.splitlines()) <= 200  # the rest is gradtools help


def test_no_paths_of_a_machine():
    for path in [
        *FILES,
        ROOT / "README.md",
        ROOT / "Makefile",
        *Path(ROOT / "tests").rglob("*.py"),
    ]:
        assert not re.search(r"(^|[\s\"'=(])/(home|Users|root|work)/", path.read_text()), path


MOST_LOOSE = 20  # hints that say Any or object


def functions(tree, public=True):
    """(function, whether it is public) of a module, with those of its classes."""
    for node in tree.body:
        if isinstance(node, ast.FunctionDef):
            yield node, public and (not node.name.startswith("_") or node.name == "__init__")
        elif isinstance(node, ast.ClassDef):
            yield from functions(node, public and not node.name.startswith("_"))


def parameters(function):
    """The parameters that take a hint."""
    given = function.args
    every = [*given.posonlyargs, *given.args, *given.kwonlyargs, given.vararg, given.kwarg]
    return [one for one in every if one is not None and one.arg not in ("self", "cls")]


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_public_functions_have_hints(path):
    for function, public in functions(sources.tree(path)):
        if public:
            bare = [one.arg for one in parameters(function) if one.annotation is None]
            assert not bare, f"{function.name}: {bare}"
            assert function.returns is not None or function.name == "__init__", function.name


def test_few_hints_say_anything():
    loose = []
    for path in FILES:
        for node in ast.walk(sources.tree(path)):
            hints = []
            if isinstance(node, ast.FunctionDef):
                hints = [node.returns, *(one.annotation for one in parameters(node))]
            elif isinstance(node, ast.AnnAssign):
                hints = [node.annotation]
            elif isinstance(node, ast.Assign):  # a name for a type
                hints = [node.value] if isinstance(node.value, ast.Subscript | ast.BinOp) else []
            loose += [
                f"{path}:{node.lineno}"
                for hint in hints
                if hint is not None
                for name in ast.walk(hint)
                if isinstance(name, ast.Name) and name.id in ("Any", "object")
            ]
    assert len(loose) <= MOST_LOOSE, loose
