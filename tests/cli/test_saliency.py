"""gradtools saliency in the shell: in a pipe, killed, and asked wrongly."""

import os

import numpy as np
import pytest
import shell
from networks import TOY_SOURCE

from gradtools import cli, store
from gradtools.errors import GradtoolsError

RULES = 'PREPROCESS = {"resize": None, "crop": None, "mean": (0.5, 0.5, 0.5), "std": (0.25, 0.25, 0.25)}\nCLASSES = ("ant", "bee")\n'


@pytest.fixture(scope="module")
def workplace(tmp_path_factory):
    """A folder with a network and 600 images of two classes."""
    from PIL import Image

    folder, rng = tmp_path_factory.mktemp("workplace"), np.random.default_rng(0)
    (folder / "toy.py").write_text(TOY_SOURCE + RULES)
    for number in range(600):
        path = folder / "photos" / ("ant", "bee")[number % 2] / f"{number:03}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(rng.integers(0, 256, (8, 8, 3), dtype="u1")).save(path)
    return folder


def test_pipe_carries_the_features(workplace):
    assert not shell.pipe(
        ["extract", "photos", "--model", "toy.py:Toy", "--tap", "body"],
        ["saliency", "--model", "toy.py:Toy", "--method", "gam"],
        folder=workplace,
        stdout=workplace / "maps.h5",
    ).returncode
    with store.read(str(workplace / "maps.h5")) as source:
        assert source.kind == "maps" and source.maps == ["gam@body"] and source.taps == ["body"]
        assert (
            source.values("/taps/body/gradient").shape == (600, 3)
            and len(source.history_lines()) == 2
        )


@pytest.mark.slow
@pytest.mark.parametrize(
    "options", [("--target", "top:2"), ("--target", "cosine", "--pairs", "same-class:300")]
)
def test_killed_and_given_again(workplace, options):
    """SIGKILL at many moments; what comes out equals what an undisturbed run wrote."""
    arguments = [
        "saliency",
        "photos",
        *options,
        "--method",
        "gradcam",
        "--method",
        "gradcam++",
        "--batch-size",
        "8",
        "--model",
        "toy.py:Toy",
    ]
    assert shell.equal_after_kills(workplace, arguments, (0.85, 0.95))


@pytest.mark.parametrize(
    "arguments, words",
    [
        (("photos", "-o", "a.h5", "--where", "correct"), "about the images of a store"),
        (("photos", "-o", "no/a.h5"), "does not exist"),
        (("photos", "-o", "a.h5", "--target", "wasp"), "no class 'wasp'"),
        (("photos", "-o", "a.h5", "--channels", "best"), "--channels best"),
        (("photos", "-o", "a.h5", "--layers", "9"), "--layers 9"),
        (("photos", "-o", "a.h5", "--layers", "1,9"), "--layers 9: this network has 1 block"),
        (("photos", "-o", "a.h5", "--layers", "2;3"), "as in 1,2,4"),
        ((), "standard input was empty"),
    ],
)
def test_mistakes_are_said_in_one_line(workplace, arguments, words):
    result = shell.run("saliency", "-q", *arguments, "--model", "toy.py:Toy", cwd=workplace)
    assert (
        result.returncode in (1, 2)
        and words in result.stderr
        and len(result.stderr.strip().splitlines()) == 1
    ), result.stderr
    assert not (workplace / "a.h5").exists()


def test_maps_are_drawn_when_made_and_from_their_store(workplace, monkeypatch, capsys):
    """The same pictures both ways, byte for byte."""
    monkeypatch.chdir(workplace)
    (workplace / "few.txt").write_text("photos/ant/000.png\nphotos/bee/001.png\n")
    here(
        "--files-from",
        "few.txt",
        "--model",
        "toy.py:Toy",
        "--target",
        "0",
        "--method",
        "gam",
        "--overlay",
        "made",
        "-o",
        "few.h5",
    )
    assert {path.name.split("-")[0] for path in (workplace / "made").iterdir()} == {
        "grid",
        "class",
        "overlay",
    }
    here("few.h5", "--overlay", "drawn")
    assert "drawn: 4 pictures" in capsys.readouterr().err
    for path in (workplace / "made").iterdir():
        assert path.read_bytes() == (workplace / "drawn" / path.name).read_bytes()
    here("few.h5", "--overlay", "peer", "--compat", "cam", "--overlay-limit", "1", "-q")
    assert os.listdir(workplace / "peer") == ["grid-001.png"] and not capsys.readouterr().err


@pytest.mark.parametrize(
    "arguments, words",
    [
        (("few.h5",), "Missing option '--model'"),
        (("few.h5", "--overlay", "new", "--method", "gam"), "--method is about making maps"),
        (("few.h5", "--overlay", "no/where"), "make it first"),
        (("few.h5", "--overlay", "new", "--fuse", "most"), "unknown fusion"),
        (("few.h5", "--overlay", "new", "--fuse", "max", "--compat", "cam"), "compat mode cam"),
        (("a.h5", "b.h5", "--overlay", "new"), "one store"),
        (("no.h5", "--overlay", "new"), "no such file"),
        (("photos", "--model", "toy.py:Toy", "-o", "-", "--overlay", "new"), "with -o"),
        (
            ("photos", "--model", "toy.py:Toy", "-o", "a.h5", "--compat", "ones"),
            "add --overlay DIR",
        ),
    ],
)
def test_mistakes_in_drawing_are_said(workplace, monkeypatch, arguments, words):
    monkeypatch.chdir(workplace)
    with pytest.raises(GradtoolsError) as error:
        here("-q", *arguments)
    assert (
        words in str(error.value)
        and "\n" not in str(error.value)
        and not (workplace / "new").exists()
    )


def here(*arguments):
    """The command in this process."""
    cli.gradtools.main(["saliency", *arguments], standalone_mode=False)
