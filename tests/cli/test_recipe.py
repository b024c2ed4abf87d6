"""gradtools recipe: the list, the Makefiles, and that make understands them."""

import os
import subprocess
import time

import pytest
from conftest import ROOT
from shell import call

from gradtools.bundled import scenes
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


def test_an_output_without_a_recipe_is_refused(capsys, tmp_path):
    ended = call(capsys, "recipe", "-o", tmp_path / "x.mk")
    assert ended.status == 2 and "name one" in ended.line and not list(tmp_path.iterdir())


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


def test_another_part_draws_its_units_and_another_link_makes_all(tmp_path):
    (tmp_path / "Makefile").write_text(recipe.text("linking"))
    (tmp_path / "gradtools").write_text(STAND_IN)
    (tmp_path / "gradtools").chmod(0o755)
    (tmp_path / "net.py").write_text("")
    ours = ("GRADTOOLS=./gradtools", "OUT=out", "MODEL=net.py:it's")
    assert make(tmp_path, "-j2", *ours).returncode == 0
    assert make(tmp_path, "-q", *ours).returncode == 0
    other = make(tmp_path, "-n", *ours, "PART=eye (left), one").stdout
    assert other.count("./gradtools tune") == other.count("./gradtools") == 3
    assert make(tmp_path, *ours).returncode == 0  # -n writes what was asked, too
    moved = make(tmp_path, "-n", *ours, "MARGIN=20").stdout
    assert moved.count("./gradtools counterfactual") == 4 and moved.count("./gradtools") == 6
    assert make(tmp_path, *ours).returncode == 0
    later = time.time() + 5
    os.utime(tmp_path / "net.py", (later, later))
    assert make(tmp_path, "-n", *ours).stdout.count("./gradtools") == 15


@pytest.mark.parametrize(
    "name", ["gradient-similarity", "gam-evaluation", "channel-relevance", "class-relations"]
)
def test_a_touched_or_further_image_remakes(name, tmp_path):
    (tmp_path / "Makefile").write_text(recipe.text(name))
    (tmp_path / "gradtools").write_text(STAND_IN)
    (tmp_path / "gradtools").chmod(0o755)
    photos = tmp_path / "photos" / "a b"
    photos.mkdir(parents=True)
    (photos / "1.png").write_text("x")
    (tmp_path / "out" / "overlays").mkdir(parents=True)
    ours = ("GRADTOOLS=./gradtools", "OUT=out", "NETWORKS=resnet18", "IMAGES=photos")
    assert make(tmp_path, *ours).returncode == 0
    assert "./gradtools" not in make(tmp_path, "-n", *ours).stdout
    later = time.time() + 5
    os.utime(photos / "1.png", (later, later))
    assert "./gradtools" in make(tmp_path, "-n", *ours).stdout
    assert make(tmp_path, *ours).returncode == 0
    (photos / "2.png").write_text("y")
    os.utime(photos / "2.png", (1, 1))
    os.utime(photos / "1.png", (1, 1))
    assert "./gradtools" in make(tmp_path, "-n", *ours).stdout


def test_weights_that_cannot_be_had_stop_the_recipe_unless_random_ones_are_asked_for(tmp_path):
    (tmp_path / "Makefile").write_text(recipe.text("channel-relevance"))
    failing = STAND_IN.replace(
        "while", "[ $1 = layers ] && { echo no route >&2; exit 1; }; while", 1
    )
    (tmp_path / "gradtools").write_text(failing)
    (tmp_path / "gradtools").chmod(0o755)
    ours = ("GRADTOOLS=./gradtools", "OUT=out", "out/features.h5")
    ended = make(tmp_path, *ours)
    assert ended.returncode == 2 and "no route" in ended.stderr and "RANDOM=yes" in ended.stderr
    ended = make(tmp_path, *ours, "RANDOM=yes")
    assert ended.returncode == 0 and "random weights" in ended.stderr
    assert (tmp_path / "out" / "weights.txt").read_text() == "random\n"


@pytest.mark.parametrize("status, made", [(0, True), (1, True), (4, True), (2, False)])
@pytest.mark.parametrize("name", ["gradient-similarity", "gam-evaluation"])
def test_contradicted_and_undecided_claims_are_answers(name, status, made, tmp_path):
    (tmp_path / "Makefile").write_text(recipe.text(name))
    answering = STAND_IN.replace("while", f"[ $1 = claim ] && exit {status}; while", 1)
    (tmp_path / "gradtools").write_text(answering)
    (tmp_path / "gradtools").chmod(0o755)
    (tmp_path / "photos").mkdir()
    ours = ("GRADTOOLS=./gradtools", "OUT=out", "IMAGES=photos", "out/claims.txt")
    assert (make(tmp_path, *ours).returncode == 0) == made
    assert (tmp_path / "out" / "claims.txt").exists() == made


BUNDLED = "gradtools.bundled.scene_resnet:"
WEIGHTS = ROOT / "gradtools" / "bundled"
ONE = (f"MODEL={BUNDLED}resnet8", f"WEIGHTS={WEIGHTS}/scene_resnet8.pth")
TRIALS = {  # what each recipe is run with, and what it must have written
    "gradient-similarity": (
        ("NETWORKS=resnet8 resnet14", f"MODEL={BUNDLED}%", f"WEIGHTS={WEIGHTS}/scene_%.pth")
        + ("CLUSTER=--repeats 2", "LIMIT=3"),
        {
            "claims.txt": "supported",
            "report.html": "what similarity says",
            "table.txt": "published",
            "prediction.png": "",
            "choices.png": "",
        },
    ),
    "gam-evaluation": (
        (*ONE, "SANITY=--seeds 1", "FAITHFULNESS=--steps 4", "LIMIT=3"),
        {
            "claims.txt": "supported",
            "tables.txt": "IoU",
            "summary.txt": "accuracy",
            "report.html": "constant .5",
        },
    ),
    "channel-relevance": (
        (*ONE, "TAP=layer3", "CLASS=7", "STEPS=2", "TOP=3", "LIMIT=3"),
        {
            "measured.txt": "near zero first",
            "pictures.txt": "Spearman",
            "top.txt": "",
            "curves.png": "",
        },
    ),
    "class-relations": (
        (*ONE, f"OTHER={BUNDLED}resnet14", f"OTHER_WEIGHTS={WEIGHTS}/scene_resnet14.pth")
        + ("OF=seven", "K=3"),
        {"neighbors.tsv": "seven", "compare.tsv": "", "moved.png": "", "confusion.txt": "errors"},
    ),
    "known-answers": (
        ("CONSTRUCTIONS=window cue-strong", "SAMPLES=8", "STEPS=4", "RESAMPLES=20"),
        {"known-answers.txt": "gradient", "window.png": ""},
    ),
}


def test_every_recipe_has_its_trial_here_or_of_its_own():
    assert set(recipe.names()) - set(TRIALS) <= {"linking"}


@pytest.mark.slow
@pytest.mark.parametrize("name", TRIALS)
def test_a_recipe_runs_on_the_bundled_example(name, tmp_path):
    """Forty scenes, two jobs beside each other; a second make does nothing, and a touched image remakes."""
    variables, written = TRIALS[name]
    scenes.write_scenes(tmp_path / "scenes", "heldout", 4, heights=scenes.DEMO_HEIGHTS)
    images = "scenes/manifest.csv" if name == "gam-evaluation" else "scenes"
    (tmp_path / "Makefile").write_text(recipe.text(name))
    asked = ("-j2", f"IMAGES={images}", "OUT=out", *variables)
    ended = make(tmp_path, *asked)
    assert ended.returncode == 0, ended.stderr[-3000:]
    for path, words in written.items():
        content = (tmp_path / "out" / path).read_bytes()
        assert content and words in content.decode("utf-8", "replace"), path
    assert "\ngradtools " not in "\n" + make(tmp_path, "-n", *asked).stdout
    os.utime(tmp_path / "scenes" / "seven" / "0001.png")
    remade = "\ngradtools " in "\n" + make(tmp_path, "-n", *asked).stdout
    assert remade == (name != "known-answers")  # which draws its own images


@pytest.mark.slow
def test_linking_runs_on_the_bundled_creatures(tmp_path):
    pytest.importorskip("skimage")
    (tmp_path / "Makefile").write_text(recipe.text("linking"))
    units = " ".join(f"--unit {unit}" for unit in (1, 2, 3, 8, 16, 19))
    ours = ["OUT=out", "PER_CLASS=30", "SAMPLES=5", "KEEP=2", "TOP=3", f"TUNE={units} --fields"]
    ours += ["MOVED=6", "MOVES=--fields"]
    ended = make(tmp_path, "-j2", *ours)
    assert ended.returncode == 0, ended.stderr
    out = tmp_path / "out"
    assert (out / "summary.txt").read_text() in ended.stdout
    pictures = ["cycled", "units", "masks", "fields", "moves", "pairs", "curves"]
    pictures += [f"population-{name}" for name in ("gallery", "tsne", "heat", "sparsity")]
    assert all((out / f"{name}.png").stat().st_size > 8000 for name in pictures)
    tables = (out / "tables.txt").read_text()
    assert (
        "decoys" in tables
        and "shuffled pairs" in tables
        and "least moves to another class" in tables
    )
    assert make(tmp_path, "-q", *ours).returncode == 0
