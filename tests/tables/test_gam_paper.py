"""The GAM paper's tables: every cell against the results it comes from, improvements, and what the paper printed."""

import numpy as np
import pytest

from gradtools.math.regions import means
from gradtools.selection.results import Result
from gradtools.selection.subjects import Subject
from gradtools.tables import gam_paper

IMAGES = np.arange(12)


def result(name, method, statistics, seed, **facts):
    rng = np.random.default_rng(seed)
    rows = {name: rng.random(len(IMAGES)) for name in statistics}
    columns, replicates = means.table(rows, IMAGES, 200, 0)
    facts = {"maps": 12, "images": 12, "seed": 0, **facts}
    return Result("", name, "", method, columns, facts, replicates=replicates)


def subject(name, target, **fields):
    return Subject(name, (name, target), {}, {}, [], IMAGES, [], None, **fields)


@pytest.fixture
def localized():
    kinds = ("map:gam@b", "map:gam@a+b", "map:gam@a+b:max", "map:gradcam@b", "centred Gaussian")
    statistics = ("iou", "iou@25", "iou@10", "mask_iou", "mask_iou@25", "mask_iou@10")
    return {
        (name, "localization"): result(name, "localization", statistics, seed, target="labels")
        for seed, name in enumerate(kinds)
    }


def test_iou_in_percent_with_the_gain_of_the_second_layer(localized):
    (table,) = gam_paper.localization([subject("net", "labels", localization=localized)])
    rows = {row["task"]: row for row in table.rows}
    assert list(rows) == [
        *(f"Classification{words}" for words in ("", " (25%)", " (10%)")),
        *(f"Segmentation{words}" for words in ("", " (25%)", " (10%)")),
    ]
    one, two = localized["map:gam@b", "localization"], localized["map:gam@a+b", "localization"]
    row = rows["Classification (25%)"]
    assert row["GAM 1"].value == pytest.approx(100 * one.get("iou@25").value)
    assert row["GAM 2"].value == pytest.approx(100 * two.get("iou@25").value)  # not the maximum
    a, b = one.get("iou@25").value, two.get("iou@25").value
    assert row["GAM Impr."].value == pytest.approx(100 * (b - a) / a)
    gains = 100 * (two.replicate("iou@25") / one.replicate("iou@25") - 1)
    low, high = np.percentile(gains, [2.5, 97.5])
    assert (row["GAM Impr."].low, row["GAM Impr."].high) == pytest.approx((low, high), rel=0.1)
    assert row["GC 2"].value is None and "saliency --method gradcam --layers 2" in row["GC 2"].note
    assert row["GC++ Impr."].value is None and row["map of another image"].value is None
    assert row["centred Gaussian"].value is not None


def test_a_smaller_adp_is_a_gain():
    kinds = ("map:gam@b", "map:gam@a+b", "a constant .5")
    results = {
        (name, fill): result(name, fill, ("adp", "pic"), seed, target="dot")
        for fill in ("black", "mean")
        for seed, name in enumerate(kinds)
    }
    (table,) = gam_paper.faithfulness([subject("net", "dot", faithfulness=results)])
    adp, pic = table.rows
    assert adp["task"] == pic["task"] == "Similarity (dot)" and adp["metric"] == "ADP, black fill"
    for row, name, sign in ((adp, "adp", -1), (pic, "pic", 1)):
        one, two = (results[f"map:gam@{taps}", "black"].get(name).value for taps in ("b", "a+b"))
        assert row["GAM Impr."].value == pytest.approx(100 * sign * (two - one) / one)
        assert row["a constant .5"].value == results["a constant .5", "black"].get(name).value


def test_published_values_stand_behind_and_are_named_so(localized):
    (table,) = gam_paper.localization([subject("net", "labels", localization=localized)], True)
    tasks = [row["task"] for row in table.rows]
    assert tasks[:3] == ["Classification", "Classification (25%)", "Classification (10%)"]
    published = [row for row in table.rows if row["model"] == gam_paper.OTHERS]
    assert len(published) == 25 and len(table.rows) == 31
    row = next(
        row
        for row in published
        if (row["task"], row["data"]) == ("Similarity (cos) (10%)", "ResNet, VRC")
    )
    shown = [str(row[f"{head} {n}"]) for head in ("GAM", "GC++", "GC") for n in (1, 2)]
    assert shown == ["31.3", "34.9", "29.4", "22.2", "21.3", "20.4"]
    assert str(row["GAM Impr."]) == "11.5" and row["centred Gaussian"].value is None
    assert not list(gam_paper.localization([subject("net", "labels")], True))
