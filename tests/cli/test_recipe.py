"""gradtools recipe: the list, the Makefiles, and that make understands them."""

import subprocess

import pytest
from conftest import ROOT
from shell import call

from gradtools.stages import recipe

STAND_IN = "#!/bin/sh\nwhile [ $# -gt 0 ]; do case $1 in -o|--figure) shift; echo made > $1;; esac; shift; done\n"  # only makes its output


def make(folder, *arguments):
    """make in a folder, with the checkout's commands on the path."""
    return subprocess.run(
        ["make", *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        env={"PATH": f"{ROOT / 'bin'}:/usr/bin:/bin", "LC_ALL": "C"},
    )


def test_the_list_has_every_recipe_and_what_it_makes(capsys):
    ended = call(capsys, "recipe")
    files = sorted((ROOT / "gradtools" / "bundled" / "recipes").iterdir())
    assert ended.status == 0 and files
    for path in files:
        first = path.read_text().splitlines()[0]
        assert any(
            line.split()[0] == path.stem and line.endswith(first.split(": ", 1)[1])
            for line in ended.out.splitlines()
        )


@pytest.mark.parametrize("name", recipe.names())
def test_make_parses_every_recipe_and_finds_what_each_target_needs(name, capsys, tmp_path):
    (tmp_path / "Makefile").write_text(call(capsys, "recipe", name).out)
    ended = make(tmp_path, "-n", "--warn-undefined-variables")
    assert ended.returncode == 0 and "gradtools" in ended.stdout and not ended.stderr, ended.stderr
    assert ".DELETE_ON_ERROR:" in (tmp_path / "Makefile").read_text()


def test_a_file_is_written_once_and_replaced_with_force(capsys, tmp_path):
    path = tmp_path / "x.mk"
    assert call(capsys, "recipe", "class-relations", "-o", path).status == 0
    text = path.read_text()
    path.write_text("precious")
    assert (
        "--force" in call(capsys, "recipe", "class-relations", "-o", path).line
        and path.read_text() == "precious"
    )
    assert (
        call(capsys, "recipe", "class-relations", "-o", path, "--force").status == 0
        and path.read_text() == text
    )


def test_an_unknown_name_lists_the_known(capsys):
    ended = call(capsys, "recipe", "class-relation")
    assert ended.status == 2 and "did you mean class-relations" in ended.line
    assert "class-relations" in call(capsys, "recipe", "zzz").line


def test_another_variable_makes_only_what_depends_on_it(tmp_path):
    (tmp_path / "Makefile").write_text(recipe.text("class-relations"))
    (tmp_path / "gradtools").write_text(STAND_IN)
    (tmp_path / "gradtools").chmod(0o755)
    ours = ("GRADTOOLS=./gradtools", "MODEL=it's a model")
    assert make(tmp_path, *ours).returncode == 0
    again = make(tmp_path, *ours)
    assert "Nothing to be done" in again.stdout or not again.stdout, again.stdout
    assert make(tmp_path, "-q", *ours).returncode == 0
    other = make(tmp_path, *ours, "OF=it's (another), class").stdout
    assert other.count("./gradtools neighbors") == 2 and other.count("./gradtools") == 2
    assert (
        make(tmp_path, "-n", *ours, "OF=it's (another), class", "OTHER=third").stdout.count(
            "./gradtools"
        )
        == 4
    )


def test_other_steps_measure_anew_and_draw_nothing_else(tmp_path):
    (tmp_path / "Makefile").write_text(recipe.text("channel-relevance"))
    (tmp_path / "gradtools").write_text(STAND_IN)
    (tmp_path / "gradtools").chmod(0o755)
    ours = ("GRADTOOLS=./gradtools", "OUT=out", "CLASS=it's (one), class")
    assert make(tmp_path, *ours).returncode == 0 and (tmp_path / "out" / "measured.txt").exists()
    assert make(tmp_path, "-q", *ours).returncode == 0
    other = make(tmp_path, "-n", *ours, "STEPS=5").stdout
    assert (
        other.count("--ablate zero") == other.count("./gradtools evaluate") == 1
        and other.count("./gradtools") == 2
    )
