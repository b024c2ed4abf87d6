"""The vectors of a store by name: what each name stands for, whole and in pieces, and what is said where there is none."""

import dataclasses

import numpy as np
import pytest
from planted import plant, write

from gradtools import store
from gradtools.errors import GradtoolsError, UsageError
from gradtools.selection import feature_names, features

DATA = plant()
ALL = ["gradient@conv", "gradient@block", "activation@block", "logits", "probabilities", "weight"]


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    with store.read(write(tmp_path_factory.mktemp("features") / "a.h5", DATA)) as opened:
        yield opened


def resolved(source, *requests, **options):
    return [feature.name for feature in features.resolve(source, requests, **options)]


def test_names_in_order_of_taps(source):
    assert feature_names.names(source) == ALL


def test_defaults_are_the_two_taps_the_outputs_and_the_control(source):
    assert resolved(source) == [
        "gradient@conv",
        "activation@block",
        "logits",
        "probabilities",
        "weight",
    ]


@pytest.mark.parametrize(
    "requests, expected",
    [
        (["gradient"], ["gradient@conv", "weight"]),
        (["gradient@*"], ["gradient@conv", "gradient@block", "weight"]),
        (
            ["*@block", "gradient"],
            ["gradient@block", "activation@block", "gradient@conv", "weight"],
        ),
        (["logits", "logits"], ["logits", "weight"]),
        (["weight"], ["weight"]),
    ],
)
def test_requests(source, requests, expected):
    assert resolved(source, *requests) == expected
    assert resolved(source, *requests, control=False) == [
        name for name in expected if name != "weight" or "weight" in requests
    ]


def test_defaults_where_their_taps_were_not_extracted(tmp_path):
    taps = {
        "gradient@block": DATA.taps["gradient@block"],
        "activation@conv": DATA.taps["activation@block"],
    }
    with store.read(write(tmp_path / "a.h5", dataclasses.replace(DATA, taps=taps))) as opened:
        assert resolved(opened) == [
            "gradient@block",
            "activation@conv",
            "logits",
            "probabilities",
            "weight",
        ]


def test_without_class_rows_the_gradient_at_the_last_block_is_the_control(tmp_path):
    with store.read(write(tmp_path / "a.h5", dataclasses.replace(DATA, class_rows=None))) as opened:
        assert resolved(opened, "logits") == ["logits", "gradient@block"]


def test_a_network_without_classes_has_no_control(tmp_path):
    data = dataclasses.replace(
        DATA,
        predicted=None,
        logits=None,
        class_rows=None,
        taps={"activation@block": DATA.taps["activation@block"]},
    )
    with store.read(write(tmp_path / "a.h5", data)) as opened:
        assert resolved(opened) == ["activation@block"]


@pytest.mark.parametrize(
    "request_, words",
    [
        ("logit", "did you mean logits"),
        ("gradient@block2", "gradient@block.*--tap TAP"),
        ("contribution", "last convolution's"),
        ("embedding", "gradtools info lists them"),
    ],
)
def test_a_feature_that_is_not_there(source, request_, words):
    with pytest.raises(UsageError, match=words):
        features.resolve(source, [request_])


def test_a_store_without_features(tmp_path):
    with store.read(
        write(
            tmp_path / "a.h5",
            dataclasses.replace(DATA, taps={}, predicted=None, logits=None, class_rows=None),
        )
    ) as opened:
        with pytest.raises(GradtoolsError, match="gradtools extract makes them"):
            features.resolve(opened)


@pytest.mark.parametrize("name", ALL)
def test_rows_whole_and_in_pieces(source, name, monkeypatch):
    feature, expected = features.load(source, name), DATA.of(name)
    keep = np.random.default_rng(3).random(30) < 0.6
    keep[6:14] = False
    assert feature.shape == expected.shape
    np.testing.assert_allclose(features.read_rows(feature, keep), expected[keep], rtol=1e-12)
    monkeypatch.setattr(features, "READ_BYTES", 4 * feature.shape[1] * 4)
    parts = list(features.blocks_of(feature, keep))
    assert len(parts) > 3 and np.concatenate([numbers for _, numbers in parts]).tolist() == list(
        range(keep.sum())
    )
    np.testing.assert_allclose(
        np.concatenate([rows for rows, _ in parts]), expected[keep], rtol=1e-12
    )


def test_pieces_that_no_kept_row_is_in_are_not_read(monkeypatch):
    read = []
    feature = features.Feature(
        "x", (30, 2), lambda start, stop: read.append(start) or np.zeros((stop - start, 2))
    )
    monkeypatch.setattr(features, "READ_BYTES", 4 * 2 * 10)
    keep = np.arange(30) >= 25
    assert features.read_rows(feature, keep).shape == (5, 2) and read == [20]


def test_slices_are_of_the_kept_rows(source):
    keep = np.arange(30) % 4 == 1
    rows = features.Slices(features.load(source, "gradient@conv"), keep)
    for part in (slice(0, 3), slice(2, 100), slice(5, 5), slice(100, 110)):
        np.testing.assert_array_equal(rows[part], DATA.taps["gradient@conv"][keep][part])


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_row_that_is_no_number_is_named_by_its_image(tmp_path, value):
    taps = {"gradient@conv": DATA.taps["gradient@conv"].copy()}
    taps["gradient@conv"][17, 2] = value
    with store.read(write(tmp_path / "a.h5", dataclasses.replace(DATA, taps=taps))) as opened:
        feature = features.load(opened, "gradient@conv")

        def refuse():
            raise GradtoolsError("row 5 holds NaN")

        with pytest.raises(GradtoolsError, match="gradient@conv of 017.png holds NaN or infinity"):
            features.checked(refuse, feature, np.arange(30) > 11, opened)
        with pytest.raises(GradtoolsError, match="^gradient@conv: row 5 holds NaN"):
            features.checked(refuse, feature, np.arange(30) < 11, opened)


def test_gauge_takes_the_mean_row_of_the_chosen_samples(tmp_path):
    data = plant(20)
    with store.read(write(tmp_path / "gauge.h5", data)) as opened:
        (feature,) = features.resolve(opened, ("activation",))[:1]
        keep = np.arange(20) % 3 == 0
        centred = features.read_rows(features.normalised(opened, feature, "gauge", keep), keep)
    rows = data.of(feature.name)[keep].astype(float)
    np.testing.assert_allclose(centred, rows - rows.mean(axis=0), atol=1e-6)
