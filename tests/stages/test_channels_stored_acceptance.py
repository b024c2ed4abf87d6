"""The measured figures of mathematics#rankings-of-channels, printed again: SqueezeNet on the sixty photographs, target argmax, features.9 and features.12."""

import shutil

import pytest
from conftest import DATA, needs_data

from gradtools import images, store
from gradtools.math.channels import channel_values as rules
from gradtools.math.maps import ones
from gradtools.network import models
from gradtools.stages import channels, extract, saliency
from gradtools.tables.wording import RANKINGS_OF_CHANNELS

pytestmark = needs_data
TAPS = ("features.9", "features.12")
COCK = "birds/n01514668_cock.jpg"
TOLERANCE = 0.03


def describe(path, photographs):
    """What channels finds in features and maps of one store: of all photographs, and of one of them."""
    pytest.importorskip("torchvision")
    quiet = {"say": lambda line: None}
    model = models.load("squeezenet1_0", str(DATA / "squeezenet1_0_imagenet.pth"))
    listed = images.list_images([str(photographs)])
    extract.extract(listed, model, str(path / "features.h5"), extract.Options(tap=TAPS), **quiet)
    options = saliency.Options(tap=TAPS, channels=("all", "positive", "negative"))
    with store.read(str(path / "features.h5")) as source:
        saliency.saliency(
            None, model, str(path / "maps.h5"), options, source=source, carry=True, **quiet
        )
    with store.read(str(path / "maps.h5")) as source:
        return {
            name: channels.describe(
                source, channels.Options(tap=TAPS, of=name, resamples=100), **quiet
            )
            for name in (None, COCK)
        }


@pytest.fixture(scope="module")
def sixty(tmp_path_factory):
    """All sixty."""
    return describe(tmp_path_factory.mktemp("squeezenet"), DATA / "imagenet60")


@pytest.fixture(scope="module")
def cock(tmp_path_factory):
    """One photograph, under the key that it has among all."""
    folder = tmp_path_factory.mktemp("photographs")
    (folder / COCK).parent.mkdir()
    shutil.copy(DATA / "imagenet60" / COCK, folder / COCK)
    return describe(tmp_path_factory.mktemp("one"), folder)


@pytest.mark.slow
def test_share_of_channels_without_gradient(sixty):
    place = rules.STATISTICS.index("zero")
    assert [
        one.distribution["gradient"].value[0, place] for one in sixty[None].taps
    ] == pytest.approx([0.00, 0.77], abs=TOLERANCE)


@pytest.mark.slow
def test_rankings_agree_with_the_contribution_as_they_do_with_ablation_where_that_is_exact(sixty):
    """At features.12 the ablation effect ranks as the contribution (1.00), so the others' figures are the same."""
    agreement = dict(zip(RANKINGS_OF_CHANNELS, sixty[None].taps[1].agreement.value[0]))
    expected = {
        "contribution": 1.00,
        "gxa": 0.99,
        "abs": -0.21,
        "nearzero": 0.21,
        "activation": 0.16,
        "random": 0,
    }
    assert {name: agreement[name] for name in expected} == pytest.approx(expected, abs=TOLERANCE)


def pictures(sixty):
    return {one.tap: dict(zip(ones.STATISTICS, one.means.value[0])) for one in sixty.pictures}


def test_pictures_of_one_photograph(cock):
    row = pictures(cock[COCK])["features.9"]
    assert (row["negative_with_all"], row["positive_with_all"]) == pytest.approx(
        (0.73, -0.24), abs=TOLERANCE
    )
    for tap in TAPS:
        assert pictures(cock[None])[tap]["negative_with_against"] == pytest.approx(-1, abs=1e-4)
        assert pictures(cock[COCK])[tap]["below_zero"] == 0


@pytest.mark.slow
@pytest.mark.parametrize(
    "name, tap, negative, positive",
    [
        (COCK, "features.9", 0.73, -0.24),
        (None, "features.9", 0.42, 0.28),
        (None, "features.12", -0.06, 0.73),
    ],
)
def test_pictures_of_the_negative_and_positive_channels_against_that_of_all(
    sixty, name, tap, negative, positive
):
    row = pictures(sixty[name])[tap]
    assert (row["negative_with_all"], row["positive_with_all"]) == pytest.approx(
        (negative, positive), abs=TOLERANCE
    )


@pytest.mark.slow
@pytest.mark.parametrize("tap", TAPS)
def test_the_negative_picture_is_the_negative_evidence_turned_round(sixty, tap):
    row = pictures(sixty[None])[tap]
    assert row["negative_with_against"] == pytest.approx(-1, abs=1e-4)
    assert row["below_zero"] < 0.001 and row["gradcam_zero"] == 1
    assert pictures(sixty[COCK])[tap]["below_zero"] == 0
