"""gradtools channels --ablate in the shell: from images and from a store, killed, in a pipe, and asked wrongly."""

import os

import numpy as np
import pytest
from networks import TOY_SOURCE
from shell import call, equal_after_kills, pipe, rows_of, run

from gradtools import store
from gradtools.tables.wording import ABLATED, RANK_BY, RANKINGS_OF_CHANNELS

RULES = 'PREPROCESS = {"resize": None, "crop": None, "mean": (0.5, 0.5, 0.5), "std": (0.25, 0.25, 0.25)}\nCLASSES = ("ant", "bee")\n'
MODEL = ("--model", "toy.py:Toy", "--tap", "stem", "--resamples", "20")


@pytest.fixture(scope="module")
def workplace(tmp_path_factory):
    """A folder with a network, 120 images of two classes, and a store of their features."""
    from PIL import Image

    folder, rng = tmp_path_factory.mktemp("workplace"), np.random.default_rng(0)
    (folder / "toy.py").write_text(TOY_SOURCE + RULES)
    for number in range(120):
        path = folder / "photos" / ("ant", "bee")[number % 2] / f"{number:03}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(rng.integers(0, 256, (8, 8, 3), dtype="u1")).save(path)
    words = ["extract", "photos", "--model", "toy.py:Toy", "--tap", "stem", "--target", "bee"]
    assert run(*words, "-o", "features.h5", cwd=folder).returncode == 0
    return folder


def test_tables_for_people_and_for_programs(workplace, monkeypatch, capsys):
    monkeypatch.chdir(workplace)
    ended = call(
        capsys,
        "channels",
        "features.h5",
        *MODEL,
        "--ablate",
        "zero",
        "--ablate",
        "dataset",
        "-o",
        "a.h5",
        "--format",
        "text",
        "--force",
    )
    assert ended.status == 0, ended.err
    for words in (
        "rankings against the measured loss, 120 images, target bee",
        "random, as positive",
        "paired differences",
        "training steps",
        "dataset",
        "training steps of single channels",
    ):
        assert words in ended.out
    assert "of a forward pass" in ended.err
    with store.read("a.h5") as source:
        assert source.model["target"] == "bee" and set(source.target) == {
            1
        }  # as the store's gradients are
        assert (
            source.values("/taps/stem/ablation_dataset").shape == (120, 4)
            and source.kind == "channels"
        )
        stored, _ = source.table("/tables/channel_ablation")
    ended = call(
        capsys,
        "channels",
        "photos",
        *MODEL,
        "--ablate",
        "zero",
        "--target",
        "bee",
        "--steps",
        "0",
        "-o",
        "b.h5",
        "--json",
        "--force",
        "-q",
    )
    rows = rows_of(ended.out)
    mine = {row["column"]: row["value"] for row in rows if row["table"] == "channel-ablation"}
    assert mine == pytest.approx(
        {
            RANKINGS_OF_CHANNELS[name]: value
            for name, value, fill in zip(stored["ranking"], stored["value"], stored["fill"])
            if fill == "zero"
        },
        abs=1e-6,
    )
    assert {row["table"] for row in rows} == {
        f"channel-{name}" for name in ("ablation", "subsets", "steps", "kernels")
    }


def test_what_was_measured_is_a_feature_and_describes_itself(workplace, monkeypatch, capsys):
    monkeypatch.chdir(workplace)
    assert (
        call(
            capsys, "channels", "features.h5", *MODEL, "--ablate", "mean", "-o", "c.h5", "-q"
        ).status
        == 0
    )
    ended = call(
        capsys,
        "similarity",
        "c.h5",
        "--feature",
        "ablation_mean@stem",
        "--no-intervals",
        "--json",
        "-q",
    )
    assert ended.status == 0 and "ablation_mean@stem" in ended.out
    assert call(capsys, "channels", "c.h5", "--json", "--resamples", "10", "-q").status == 0


def test_xarray_opens_what_was_measured(workplace, monkeypatch, capsys):
    xarray = pytest.importorskip("xarray")
    pytest.importorskip("h5netcdf")
    monkeypatch.chdir(workplace)
    assert (
        call(
            capsys, "channels", "features.h5", *MODEL, "--ablate", "zero", "-o", "x.h5", "-q"
        ).status
        == 0
    )
    opened = xarray.open_dataset("x.h5", engine="h5netcdf", group="/taps/stem")
    assert opened.subset_score.dims == ("sample", "subset", "side") and opened.deletion.dims == (
        "sample",
        "ranking",
        "step",
    )


def test_training_steps_of_channels_are_means_over_images(workplace, monkeypatch, capsys):
    """Against the datasets of the store, a channel at a time."""
    monkeypatch.chdir(workplace)
    ended = call(
        capsys,
        "channels",
        "photos",
        *MODEL,
        "--ablate",
        "zero",
        "--steps",
        "0",
        "-o",
        "k.h5",
        "--json",
        "-q",
    )
    by_channel = {
        (row["row"], row["column"]): row["value"]
        for row in rows_of(ended.out)
        if row["table"] == "channel-kernels"
    }
    assert len(by_channel) == 4 * 3 * 2
    with store.read("k.h5") as source:
        for quantity, name in (
            ("kernel_gradient", "kernel_gradient"),
            ("abs", "gradient"),
            ("ablation_zero", "ablation_zero"),
        ):
            values = source.values(f"/taps/stem/{name}").astype("f8")
            expected = [
                np.mean([abs(row[k]) if quantity == "abs" else row[k] for row in values])
                for k in range(4)
            ]
            for k in range(4):
                head = ABLATED[quantity]
                assert by_channel[f"stem {k}", head] == pytest.approx(expected[k])
                rank = 1 + sum(other > expected[k] for other in expected)
                assert by_channel[f"stem {k}", RANK_BY.format(head)] == rank


def test_curves_are_drawn_at_once_and_later_and_their_points_are_means_of_shares(
    workplace, monkeypatch, capsys
):
    pytest.importorskip("matplotlib")
    monkeypatch.chdir(workplace)
    ended = call(
        capsys,
        "channels",
        "features.h5",
        *MODEL,
        "--ablate",
        "zero",
        "-o",
        "f.h5",
        "--figure",
        "now.png",
        "--resamples",
        "20",
        "-q",
        "--tsv",
    )
    assert ended.status == 0, ended.err
    with store.read("f.h5") as source:
        points, _ = source.table("/tables/channel_points")
        curves, score = (
            source.values("/taps/stem/deletion").astype("f8"),
            source.values("/outputs/score").astype("f8"),
        )
    at = [
        row
        for row in zip(*(points[name] for name in ("curve", "ranking", "taken", "images", "value")))
        if row[:3] == ("deletion", "abs", 2)
    ]
    positive = [image for image in range(120) if score[image] > 0]
    assert [row[3:] for row in at] == [
        (
            len(positive),
            pytest.approx(np.mean([curves[image, 2, 2] / score[image] for image in positive])),
        )
    ]
    ended = call(
        capsys,
        "evaluate",
        "f.h5",
        "--layout",
        "channels",
        "--figure",
        "later.png",
        "--picture",
        "deletion",
    )
    assert ended.status == 0 and open("now.png", "rb").read() == open("later.png", "rb").read()
    titles = (
        "rankings against the measured loss",
        "subsets of channels",
        "paired differences",
        "training steps of single channels",
    )
    assert all(title in ended.out for title in titles)
    assert (
        call(
            capsys,
            "channels",
            "features.h5",
            *MODEL,
            "--ablate",
            "zero",
            "--steps",
            "0",
            "--resamples",
            "20",
            "-o",
            "g.h5",
            "-q",
        ).status
        == 0
    )
    ended = call(capsys, "evaluate", "g.h5", "--figure", "none.png", "--picture", "deletion")
    assert ended.status == 1 and "--steps 0" in ended.err and not os.path.exists("none.png")


def test_one_image_has_no_interval_and_a_broken_score_is_said(workplace, monkeypatch, capsys):
    monkeypatch.chdir(workplace)
    one = next((workplace / "photos" / "ant").iterdir())
    ended = call(
        capsys, "channels", one, *MODEL, "--ablate", "zero", "-o", "one.h5", "--json", "-q"
    )
    rows = rows_of(ended.out)
    assert all(row["low"] is None for row in rows)
    assert any(row["table"] == "channel-differences" for row in rows)
    (workplace / "broken.py").write_text(
        TOY_SOURCE
        + RULES
        + """

class Broken(Toy):
    def forward(self, x):
        return super().forward(x) * float("nan")
"""
    )
    ended = call(
        capsys,
        "channels",
        "photos",
        "--model",
        "broken.py:Broken",
        *MODEL[2:],
        "--ablate",
        "zero",
        "-o",
        "nan.h5",
        "--format",
        "text",
        "-q",
    )
    assert ended.status == 1 and "its output is NaN or infinite" in ended.err


@pytest.mark.slow
def test_killed_and_given_again(workplace):
    """SIGKILL at two moments; what comes out equals what an undisturbed run wrote."""
    arguments = [
        "channels",
        "features.h5",
        *MODEL,
        "--ablate",
        "zero",
        "--ablate",
        "mean",
        "--batch-size",
        "4",
    ]
    assert equal_after_kills(workplace, arguments, (0.7, 0.85))


def test_a_pipe_carries_the_features_of_other_taps(workplace):
    network = ["--model", "toy.py:Toy", "--tap", "stem"]
    assert not pipe(
        ["extract", "photos", *network, "--tap", "body"],
        ["channels", *network, "--ablate", "zero", "--steps", "0"],
        folder=workplace,
        stdout=workplace / "piped.h5",
    ).returncode
    with store.read(str(workplace / "piped.h5")) as source:
        assert source.taps == ["stem", "body"] and len(source.history_lines()) == 2
        assert source.values("/taps/body/gradient").shape == (120, 3) and source.values(
            "/taps/stem/ablation_zero"
        ).shape == (120, 4)


@pytest.mark.parametrize(
    "arguments, words",
    [
        (("features.h5", "--ablate", "zero", "-o", "n.h5"), "Missing option '--model'"),
        (("features.h5", "--steps", "3", "-o", "n.h5"), "add --ablate zero"),
        (
            ("features.h5", *MODEL, "--ablate", "zero", "--of", "ant", "-o", "n.h5"),
            "--of reads a store",
        ),
        (
            ("photos", *MODEL, "--ablate", "zero", "--where", "correct", "-o", "n.h5"),
            "about the images of a store",
        ),
        (("photos", *MODEL, "--ablate", "dataset", "-o", "n.h5"), "gradtools extract --tap stem"),
        (
            (
                "features.h5",
                "--model",
                "toy.py:Toy",
                "--tap",
                "head",
                "--ablate",
                "zero",
                "-o",
                "n.h5",
            ),
            "no module head",
        ),
        (
            (
                "features.h5",
                *MODEL,
                "--ablate",
                "zero",
                "--steps",
                "0",
                "--figure",
                "a.png",
                "-o",
                "n.h5",
            ),
            "drop one of the two",
        ),
        (
            ("features.h5", *MODEL, "--ablate", "zero", "--figure", "a.gif", "-o", "n.h5"),
            ".png, .svg or .pdf",
        ),
        (("features.h5", *MODEL, "--ablate", "zero", "--json"), "name a file with -o"),
    ],
)
def test_mistakes_are_said_in_one_line(workplace, monkeypatch, capsys, arguments, words):
    monkeypatch.chdir(workplace)
    ended = call(capsys, "channels", "-q", *arguments, terminal=("out",), monkeypatch=monkeypatch)
    assert ended.status in (1, 2) and words in ended.line and not os.path.exists("n.h5")
