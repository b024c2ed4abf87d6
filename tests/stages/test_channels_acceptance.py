"""The measured figures of mathematics#rankings-of-channels and its neighbours, printed again: which ranking knows what the score loses without a channel, and what subsets of channels do.

SqueezeNet on imagenet60, target argmax, zero fill. Single channels: all images at features.12, every third at features.9; subsets on all.
"""

import numpy as np
import pytest
from conftest import DATA, needs_data

from gradtools import images
from gradtools.network import models
from gradtools.stages.channels import ablation

pytestmark = [needs_data, pytest.mark.slow]

RANKINGS = {
    "features.12": {
        "contribution": 1,
        "gxa": 0.99,
        "abs": -0.21,
        "nearzero": 0.21,
        "activation": 0.16,
    },
    "features.9": {
        "contribution": 0.97,
        "gxa": 0.78,
        "abs": -0.11,
        "nearzero": 0.11,
        "activation": 0.19,
    },
}
# channels, contribution; score and unchanged answers when only they stay, when they go
QUANTITIES = (
    "channels",
    "contribution",
    "stay_score",
    "stay_unchanged",
    "go_score",
    "go_unchanged",
)
SUBSETS = {
    "features.12": {
        "positive": (0.09, 1.79, 2.02, 1, 0, 0),
        "negative": (0.14, -0.79, 0, 0, 2.02, 1),
        "zero": (0.77, 0, 0, 0, 1, 0.47),
        "nearzero": (0.77, 0, 0, 0, 1, 0.47),
    },
    "features.9": {
        "positive": (0.44, 3.05, 2.56, 0.62, 0.01, 0),
        "negative": (0.55, -2.06, 0.01, 0, 2.56, 0.62),
        "nearzero": (0.5, 0.4, 0.26, 0.18, 0.39, 0.08),
    },
}
ZEROS = {"features.12": 0.77, "features.9": 0}
TOLERANCE = 0.03


@pytest.fixture(scope="module")
def model():
    pytest.importorskip("torchvision")
    return models.load("squeezenet1_0", str(DATA / "squeezenet1_0_imagenet.pth"))


def tables(model, path, step, **options):
    """The tables of every so many of the photographs, by name."""
    listed = images.list_images([str(DATA / "imagenet60")])
    listed = images.subset(listed, np.arange(len(listed.ids)) % step == 0)
    measured = ablation.ablate(
        listed,
        model,
        str(path),
        ablation.Options(steps=0, kernels=False, **options),
        say=lambda line: None,
    )
    return {one.path.rsplit("/", 1)[-1]: list(zip(*one.columns.values())) for one in measured}


@pytest.mark.parametrize("tap, step", [("features.12", 1), ("features.9", 3)])
def test_rankings_against_the_ablation_of_every_channel(model, tmp_path, tap, step):
    rows = tables(model, tmp_path / "a.h5", step, tap=(tap,), ablate=("zero",), channels=())[
        "channel_ablation"
    ]
    values = {ranking: value for _, _, ranking, _, value, _, _ in rows}
    assert {name: values[name] for name in RANKINGS[tap]} == pytest.approx(
        RANKINGS[tap], abs=TOLERANCE
    )
    assert values["random"] == pytest.approx(0, abs=TOLERANCE)


def test_subsets(model, tmp_path):
    rows = tables(
        model,
        tmp_path / "a.h5",
        1,
        tap=tuple(SUBSETS),
        ablate=(),
        channels=("positive", "negative", "zero", "nearzero"),
    )
    means = {
        (tap, name, quantity): value
        for tap, name, quantity, _, value, _, _ in rows["channel_subsets"]
    }
    for tap, expected in SUBSETS.items():
        for name, values in expected.items():
            assert [means[tap, name, quantity] for quantity in QUANTITIES] == pytest.approx(
                values, abs=TOLERANCE
            ), (tap, name)
        assert means[tap, "zero", "channels"] == pytest.approx(ZEROS[tap], abs=TOLERANCE)
