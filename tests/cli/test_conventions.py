"""What every command must do: help with examples, one line for every mistake, no torch where none is needed, clean pipes."""

import json
import os
import shutil
import subprocess
import sys

import click
import pytest
from conftest import ROOT
from shell import pipe, run

from gradtools import cli

NEEDS_TORCH = {"extract", "classes", "saliency", "layers", "demo", "link", "tune"}
MAKES_STORE = ["channels", "similarity", "neighbors", "cluster", "dendrogram", "compare"]
READS_STORE = [*MAKES_STORE, "evaluate", "info"]


QUICK = {
    "channels": ["--resamples", "10"],
    "compare": ["--feature", "logits", "--feature", "gradient", "--no-intervals"],
    "similarity": ["--feature", "logits", "--no-intervals"],
    "neighbors": ["--feature", "logits", "--resamples", "10"],
    "cluster": ["--feature", "logits", "--repeats", "1", "--resamples", "10"],
    "dendrogram": ["--resamples", "2"],
}


def one_line(result, status):
    """A failed run says one line and nothing on stdout."""
    assert result.returncode == status, result.stderr
    lines = result.stderr.strip().splitlines()
    assert len(lines) == 1 and not result.stdout, result.stderr
    return lines[0]


@pytest.mark.parametrize("name", cli.COMMANDS)
def test_help_describes_every_option_and_ends_with_two_examples(name):
    command = cli.gradtools.get_command(None, name)
    assert command.help and command.name == name
    for parameter in command.params:
        assert isinstance(parameter, click.Argument) or parameter.help, parameter.name
    examples = command.epilog.split("Examples:")[1].strip().splitlines()
    assert len(examples) == 2 and all(f"gradtools {name}" in line for line in examples)


def test_help_and_the_list_of_commands_import_nothing_heavy():
    script = (
        "import sys; from gradtools.cli import main\n"
        "heavy = {'torch', 'numpy', 'h5py', 'rich', 'matplotlib', 'sklearn', 'scipy', 'PIL', 'csv', 'gradtools.tables.render'}\n"
        "for argv in [['--help']] + [[name, '--help'] for name in sys.argv[1:]]:\n"
        "    main(argv)\n"
        "print(sorted(heavy & set(sys.modules)), file=sys.stderr)"
    )
    result = subprocess.run(
        [sys.executable, "-c", script, *cli.COMMANDS], capture_output=True, text=True, cwd=ROOT
    )
    assert result.stderr.strip().splitlines()[-1] == "[]"


def test_no_torch_where_none_is_needed(feature_store, tmp_path):
    """One process for all, so that the first command that imports it is named."""
    lines = [
        [name, str(tmp_path / "similarity.h5" if name == "evaluate" else feature_store)]
        + QUICK.get(name, [])
        + (["-o", str(tmp_path / f"{name}.h5")] if name in MAKES_STORE else [])
        for name in cli.COMMANDS
        if name not in NEEDS_TORCH
    ]
    script = (
        "import json, sys; from gradtools.cli import main\n"
        "for words in json.loads(sys.argv[1]):\n"
        "    status = main(words)\n"
        "    print('ended', words[0], status, 'torch' in sys.modules, file=sys.stderr)"
    )
    result = subprocess.run(
        [sys.executable, "-c", script, json.dumps(lines)], capture_output=True, text=True, cwd=ROOT
    )
    ended = [line.split()[1:] for line in result.stderr.splitlines() if line.startswith("ended ")]
    assert [name for name, *_ in ended] == [name for name, *_ in lines], result.stderr
    assert all(loaded == "False" for *_, loaded in ended), ended
    assert {name for name, status, _ in ended if status == "0"} >= {*READS_STORE}, result.stderr


@pytest.mark.parametrize("name", READS_STORE)
def test_empty_stdin_says_so(name):
    assert "standard input was empty" in one_line(run(name), 1)


@pytest.mark.parametrize("name", READS_STORE)
def test_wrong_paths(name, tmp_path):
    assert "no such file" in one_line(run(name, tmp_path / "missing.h5"), 1)
    (tmp_path / "text.h5").write_text("hello")
    assert "not an HDF5 file" in one_line(run(name, tmp_path / "text.h5"), 1)


def test_unknown_command_and_option_suggest():
    assert "did you mean extract" in one_line(run("extrakt"), 2)
    assert "--nonsense" in one_line(run("info", "--nonsense"), 2)


@pytest.mark.parametrize("name", MAKES_STORE)
def test_existing_output_and_read_only_folder(name, feature_store, tmp_path):
    out = tmp_path / "out.h5"
    out.write_text("precious")
    assert "--force" in one_line(run(name, feature_store, "-o", out), 1)
    assert out.read_text() == "precious"
    assert "does not exist" in one_line(
        run(name, feature_store, "-o", tmp_path / "no" / "out.h5"), 1
    )


@pytest.mark.parametrize("name", MAKES_STORE)
def test_json_is_text_on_stdout(name, feature_store):
    result = run(name, feature_store, "--json", *QUICK[name])
    assert result.returncode == 0, result.stderr
    made = json.loads(result.stdout)
    assert made["tables"][0]["rows"] if "tables" in made else made["rows"]


def test_environment_gives_options(feature_store):
    result = run(
        "similarity",
        feature_store,
        "--json",
        env={"GRADTOOLS_SIMILARITY_NO_INTERVALS": "1", "GRADTOOLS_SIMILARITY_FEATURE": "logits"},
    )
    (table,) = json.loads(result.stdout)["tables"]
    assert {row["row"] for row in table["rows"]} == {"logits cosine", "class row cosine"}


def test_pipe_carries_everything_and_prints_the_table(feature_store, tmp_path):
    result = pipe(
        ["similarity", feature_store, "--resamples", "50", "--permutations", "50"],
        ["cluster", "--repeats", "2", "--resamples", "50", "--feature", "gradient"],
        ["evaluate", "--layout", "all"],
        folder=tmp_path,
    )
    assert result.returncode == 0, result.stderr
    for words in (
        "pair AUC by cosine",
        "kmeans: ARI",
        "gmm: ARI",
        "argmax itself",
        "class x prediction",
    ):
        assert words in result.stdout


def test_reader_that_leaves_ends_a_text_command_silently(feature_store):
    line = f"{sys.executable} -m gradtools info --json {feature_store} | (exec <&-; sleep 2); echo ${{PIPESTATUS[0]}}"
    result = subprocess.run(["bash", "-c", line], capture_output=True, text=True, cwd=ROOT)
    assert result.stdout.strip() == "141" and result.stderr == ""


@pytest.mark.parametrize(
    "closed, status, words",
    [
        ("<&-", 0, ""),
        (">&-", 1, "gradtools info: writing the output: not writable"),
        ("2>&-", 0, ""),
        ("<&- >/dev/null 2>&-", 0, ""),
    ],
)
def test_closed_streams(feature_store, closed, status, words):
    line = f"{sys.executable} -m gradtools info {feature_store} {closed}"
    result = subprocess.run(["bash", "-c", line], capture_output=True, text=True, cwd=ROOT)
    assert result.returncode == status and result.stderr.strip() == words


def test_a_store_for_a_closed_stdout_is_refused_and_one_beside_closed_streams_is_whole(
    feature_store, tmp_path
):
    """What is printed must not get into a file that was opened under the number of a closed stream."""
    command = (
        f"{sys.executable} -m gradtools similarity {feature_store} {' '.join(QUICK['similarity'])}"
    )
    closed = subprocess.run(["bash", "-c", f"{command} >&-"], capture_output=True, text=True)
    assert closed.returncode == 2 and "standard output is closed" in closed.stderr
    for way in (f"-o {tmp_path}/a.h5 <&- >&- 2>&-", f"2>&- > {tmp_path}/b.h5"):
        assert subprocess.run(["bash", "-c", f"{command} {way}"]).returncode == 0
    for name in ("a.h5", "b.h5"):
        assert run("info", "--check", tmp_path / name).returncode == 0


@pytest.mark.parametrize("length", [252, 255])
def test_names_as_long_as_the_file_system_takes(feature_store, tmp_path, length):
    name = "n" * (length - 3) + ".h5"
    words = ["similarity", feature_store, *QUICK["similarity"], "-q", "-o"]
    assert run(*words, tmp_path / name).returncode == 0
    assert [path.name for path in tmp_path.iterdir()] == [name]
    assert run("info", "--check", tmp_path / name).returncode == 0
    longer = one_line(run(*words, tmp_path / f"{'n' * 255}.h5"), 2)
    assert "a file name of 258 bytes is too long here (at most 255)" in longer


def test_full_stdout_is_a_failure(feature_store):
    with open("/dev/full", "wb") as full:
        result = subprocess.run(
            [sys.executable, "-m", "gradtools", "info", str(feature_store)],
            stdout=full,
            stderr=subprocess.PIPE,
            cwd=ROOT,
            text=True,
        )
    assert result.returncode == 1 and len(result.stderr.strip().splitlines()) == 1


@pytest.mark.parametrize("called", ["gradtools", "gradtools-info"])
def test_bin_runs_uninstalled_under_both_names(called, feature_store, tmp_path):
    arguments = [str(feature_store)] if called != "gradtools" else ["info", str(feature_store)]
    result = subprocess.run(
        [str(ROOT / "bin" / called), *arguments], capture_output=True, text=True, cwd=tmp_path
    )
    assert result.returncode == 0 and "features" in result.stdout, result.stderr


@pytest.mark.parametrize(
    "written, status, words",
    [
        (("--newick", "f.h5", "-o", "g.h5", "--force"), 2, "--newick f.h5 is an input"),
        (("--figure", "picture.png", "-o", "link.png", "--force"), 2, "both name"),
        (("--newick", "new.png", "--figure", "./new.png"), 2, "both name"),
        (
            ("--newick", "names.txt", "--where", "list=names.txt", "--force"),
            2,
            "--newick names.txt is an input",
        ),
        (("--figure", "picture.png", "-o", "g.h5"), 1, "--figure picture.png exists"),
        (("--newick", "picture.png", "-o", "g.h5"), 1, "--newick picture.png exists"),
        (("--newick", "folder", "--force", "-o", "g.h5"), 2, "is not a regular file"),
        (("-o", ""), 2, "is a variable unset?"),
        (("--figure", "", "-o", "g.h5"), 2, "is a variable unset?"),
        (("-o", "new/"), 2, "names no file"),
    ],
)
def test_written_files_take_no_others_place(
    feature_store, tmp_path, monkeypatch, capsys, written, status, words
):
    monkeypatch.chdir(tmp_path)
    shutil.copy(feature_store, "f.h5")
    os.symlink("picture.png", "link.png")
    os.mkdir("folder")
    for name in ("picture.png", "names.txt"):
        with open(name, "w") as file:
            file.write("00.png\n")
    before = {path.name: path.is_file() and path.read_bytes() for path in tmp_path.iterdir()}
    assert cli.main(["dendrogram", "f.h5", *written]) == status
    assert words in capsys.readouterr().err
    assert {
        path.name: path.is_file() and path.read_bytes() for path in tmp_path.iterdir()
    } == before


@pytest.mark.parametrize(
    "command",
    [
        ("cluster", "--tsv", "--repeats", 1, "--resamples", 0),
        ("similarity", "--tsv", "--no-intervals"),
        ("evaluate",),
        ("neighbors", "--of", "00.png", "--permutations", 9, "--feature", "gradient"),
        ("dendrogram", "--tsv", "--resamples", 0),
        ("compare", "--feature", "gradient", "--feature", "activation", "--no-intervals", "--tsv"),
        ("channels", "--tsv", "--resamples", 0),
    ],
)
def test_a_picture_that_exists_is_replaced_by_force_alone(command, feature_store, tmp_path, capsys):
    path = tmp_path / "picture.svg"
    path.write_text("kept")
    source = feature_store
    if command == ("evaluate",):
        source = tmp_path / "s.h5"
        assert (
            cli.main(["similarity", str(feature_store), "-o", str(source), "--no-intervals", "-q"])
            == 0
        )
    arguments = [command[0], str(source), *map(str, command[1:]), "--figure", str(path)]
    assert cli.main(arguments) == 1 and path.read_text() == "kept"
    assert "replace it with --force" in capsys.readouterr().err
    status = cli.main([*arguments, "--force"])
    assert status == 0 and "<svg" in path.read_text(), capsys.readouterr().err


@pytest.mark.parametrize("name", cli.COMMANDS)
def test_every_command_that_draws_has_force(name):
    names = {parameter.name for parameter in cli.gradtools.get_command(None, name).params}
    assert "force" in names or not names & {"output", "figure", "newick"}
