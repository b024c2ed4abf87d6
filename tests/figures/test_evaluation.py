"""Pictures: what stands in them is what was measured, and the file is whole or not there."""

import itertools
import os
from types import SimpleNamespace
from xml.etree import ElementTree

import numpy as np
import pytest
from click.testing import CliRunner
from matplotlib.container import BarContainer
from matplotlib.text import Text
from PIL import Image

from gradtools import figures
from gradtools.cli import cluster, similarity
from gradtools.errors import GradtoolsError, UsageError
from gradtools.figures import bars, curves, evaluation, fit, heat, page, paper, planes
from gradtools.figures.matching import UNMATCHED, matched
from gradtools.selection.answers import Answers
from gradtools.selection.results import Result
from gradtools.selection.subjects import Subject

NAMES = ["cat", "$dog", "fox"]
FEATURES = {"gradient@layer4.conv": 0.81, "activation@layer4": 0.92, "logits": 0.73, "weight": 0.64}


def measured(auc=0.8, scale=1.0):
    values = {
        "within": 0.5,
        "same_class_same_prediction": 0.9,
        "same_class_other_prediction": 0.1,
        "other_class_same_prediction": -0.7,
        "other_class_other_prediction": np.nan,
        "auc": auc,
    }
    value = np.array([*values.values()]) * ([scale] * 5 + [1])
    columns = {
        "statistic": list(values),
        "value": value,
        "low": value - 0.02,
        "high": value + 0.03,
        "pairs": np.arange(6) * 11,
    }
    return Result("", columns=columns, facts={"rows": 30})


def clustered(ari, labels):
    facts = {
        "rows": 30,
        "ari_low": ari - 0.1,
        "ari_high": ari + 0.05,
        "argmax_ari": 0.66,
        "random_ari": 0.01,
    }
    columns = {"ari": np.array([ari - 0.01, ari + 0.01])}
    return Result("", columns=columns, facts=facts, labels=labels[None])


def subject(name="resnet", last="layer4.conv", shift=0.0):
    """Three classes of ten samples; the clusters are the classes under other numbers."""
    labels = np.repeat([0, 1, 2], 10)
    made = Subject(
        name,
        ("samples", name, "argmax", "logit"),
        {},
        {"default_gradient": last, "default_activation": "layer4"},
        ["layer1", last, "layer4"],
        labels,
        NAMES,
        labels,
    )
    for feature, auc in FEATURES.items():
        feature = feature.replace("layer4.conv", last)
        made.similarity[feature, "cosine"] = measured(auc + shift)
        made.projections[feature] = (
            np.random.default_rng(0).normal(size=(30, 2)) + labels[:, None],
            np.array([0.5, 0.2]),
        )
        for method, ari in (("kmeans", auc + shift - 0.2), ("gmm", auc + shift - 0.3)):
            made.clusters[feature, method] = clustered(ari, (labels + 1) % 3)
    made.similarity["gradient@layer1", "cosine"] = measured(0.55 + shift, 0.5)
    return made


def bar_heights(panel):
    return [
        [bar.get_height() for bar in group]
        for group in panel.containers
        if isinstance(group, BarContainer)
    ]


def test_bars_are_as_high_as_the_values():
    auc, kmeans, gmm = bars.draw([subject("a"), subject("b", shift=0.05)]).axes
    expected = np.array([*FEATURES.values()])
    np.testing.assert_allclose(bar_heights(auc), np.stack([expected, expected + 0.05], axis=1))
    np.testing.assert_allclose(
        bar_heights(kmeans), np.stack([expected - 0.2, expected - 0.15], axis=1)
    )
    np.testing.assert_allclose(
        bar_heights(gmm), np.stack([expected - 0.3, expected - 0.25], axis=1)
    )
    assert [label.get_text() for label in auc.get_xticklabels()] == ["a", "b"]


def test_error_bars_end_at_the_interval():
    panel = bars.draw([subject()]).axes[0]
    ends = [
        segment[:, 1] for collection in panel.collections for segment in collection.get_segments()
    ]
    np.testing.assert_allclose(ends, [(value - 0.02, value + 0.03) for value in FEATURES.values()])


def test_only_the_control_is_hatched():
    figure = bars.draw([subject()])
    groups = [group for group in figure.axes[0].containers if isinstance(group, BarContainer)]
    assert [group.get_label() for group in groups if group[0].get_hatch()] == ["weight"]
    assert "class row (control)" in [text.get_text() for text in figure.legends[0].get_texts()]


def test_references_stand_at_their_values():
    auc, kmeans, _ = bars.draw([subject()]).axes
    assert [line.get_ydata()[0] for line in auc.lines if line.get_linestyle() == "--"] == [0.5]
    segments = [
        segment for collection in kmeans.collections for segment in collection.get_segments()
    ]
    lines = [start[1] for start, end in segments if start[1] == end[1]]
    np.testing.assert_allclose(lines, [0.66, 0.01])


def test_a_feature_that_one_model_lacks_leaves_a_gap():
    one = subject("b")
    del one.similarity["logits", "cosine"]
    heights = bar_heights(bars.draw([subject("a"), one]).axes[0])
    assert np.isnan(heights[2]).tolist() == [False, True]


def test_heat_shows_means_and_pairs_in_their_cells():
    result = measured()
    panel, bar = heat.draw({"cosine": [("net", {"logits": result})]}).axes
    np.testing.assert_allclose(
        panel.images[0].get_array().filled(np.nan), [[0.9, 0.1], [-0.7, np.nan]]
    )
    assert {text.get_position(): text.get_text() for text in panel.texts[:4]} == {
        (0, 0): "0.900\n(11)",
        (1, 0): "0.100\n(22)",
        (0, 1): "-0.700\n(33)",
        (1, 1): "-",
    }
    assert panel.images[0].get_clim() == (-1, 1)


def test_heat_of_another_metric_is_centred_at_zero():
    maps = {"dot": [("", {"logits": measured(scale=40.0), "weight": measured(scale=3.0)})]}
    images = [panel.images[0] for panel in heat.draw(maps).axes if panel.images]
    assert [image.get_clim() for image in images] == [(-36, 36)] * 2


def test_more_features_than_fit_go_on_below():
    figure = heat.draw({"cosine": [("", {f"f{i}": measured() for i in range(7)})]})
    panels = [panel for panel in figure.axes if panel.images]
    assert [panel.get_title() for panel in panels] == [f"f{i}" for i in range(7)]
    assert [panel.get_subplotspec().rowspan.start for panel in panels] == [0] * 5 + [1] * 2
    assert [panel.get_xlabel() for panel in panels] == [""] * 2 + ["prediction"] * 5


@pytest.mark.parametrize("permutation", list(itertools.permutations(range(3))))
def test_matching_undoes_every_permutation(permutation):
    classes = np.array([4, 4, 7, 7, 7, 9])
    codes = np.searchsorted([4, 7, 9], classes)
    assert (matched(np.array(permutation)[codes], classes) == classes).all()


def test_matching_agrees_with_trying_every_permutation():
    rng = np.random.default_rng(3)
    for _ in range(20):
        clusters, classes = rng.integers(0, 4, (2, 40))
        best = max(
            sum(np.array(order)[clusters] == classes) for order in itertools.permutations(range(4))
        )
        assert sum(matched(clusters, classes) == classes) == best


def test_clusters_beyond_the_classes_stand_for_none():
    assert matched(np.array([5, 5, 5, 6, 6, 7]), np.array([0, 0, 0, 1, 1, 1])).tolist() == [
        0,
        0,
        0,
        1,
        1,
        UNMATCHED,
    ]
    assert matched(np.array([0, 0, 0, 0]), np.array([0, 1, 1, 1])).tolist() == [1] * 4


def test_planes_colour_a_permuted_clustering_like_the_classes():
    labels = np.repeat([0, 1, 2], 10)
    coordinates = np.random.default_rng(0).normal(size=(30, 2))
    plane = planes.Plane(
        "gradient@layer4", coordinates, np.array([0.34, 0.12]), {"kmeans": ((labels + 1) % 3, 1.0)}
    )
    true, kmeans = planes.draw([planes.Grid("net", labels, NAMES, [plane])]).axes
    for a, b in zip(true.collections, kmeans.collections):
        np.testing.assert_array_equal(a.get_offsets(), b.get_offsets())
        np.testing.assert_array_equal(a.get_facecolor(), b.get_facecolor())
    assert (true.get_title(), kmeans.get_title()) == ("gradient\nlayer4", "ARI 1.00")
    assert (kmeans.get_xlabel(), kmeans.get_ylabel()) == ("PC 1 (34 %)", "PC 2 (12 %)")


def test_planes_name_classes_and_samples():
    plane = planes.Plane("logits", np.eye(10)[:, :2], None, {})
    part = planes.draw([planes.Grid("net", np.repeat([0, 2], 5), NAMES, [plane])]).subfigs[0]
    assert part.get_suptitle() == "net, 10 samples, 2 classes"
    assert [text.get_text() for text in part.legends[0].get_texts()] == ["cat", "fox"]


def test_many_classes_get_a_colour_bar():
    classes = np.arange(60) % 30
    plane = planes.Plane("logits", np.eye(60)[:, :2], None, {})
    part = planes.draw([planes.Grid("net", classes, [str(i) for i in range(30)], [plane])]).subfigs[
        0
    ]
    assert not part.legends and len(part.axes) == 2


def test_curves_follow_the_taps_in_order_of_execution():
    figure = curves.draw([subject("a", "layer4.2.conv"), subject("b", "layer4.8.conv", 0.05)])
    panels = {panel.get_ylabel(): panel for panel in figure.axes}
    lines = [container.lines[0].get_ydata() for container in panels["pair AUC"].containers]
    np.testing.assert_allclose(lines, [[0.55, 0.81], [0.6, 0.86]])
    assert [label.get_text() for label in panels["pair AUC"].get_xticklabels()] == [
        "layer1",
        "last-conv",
    ]


def test_orders_merge_without_losing_any():
    assert curves.merged([["a", "b", "d"], ["a", "c", "d", "e"]]) == ["a", "c", "b", "d", "e"]
    assert curves.merged([["a", "b"], ["b", "a"]]) == ["a", "b"]


def opened(path):
    """Whether a picture is whole."""
    if path.suffix == ".png":
        with Image.open(path) as image:
            image.load()
            assert image.size[0] > 600 and np.asarray(image.convert("L")).std() > 1
    elif path.suffix == ".svg":
        assert ElementTree.parse(path).getroot().tag.endswith("svg")
    else:
        content = path.read_bytes()
        assert content.startswith(b"%PDF-") and content.rstrip().endswith(b"%%EOF")


@pytest.mark.parametrize(
    "picture, suffix", [("bars", ".svg"), ("heat", ".pdf"), ("pca", ".png"), ("taps", ".PNG")]
)
def test_every_picture_becomes_a_file(tmp_path, picture, suffix):
    path = tmp_path / f"picture{suffix}"
    figures.evaluated([subject("a"), subject("b")], picture, str(path))
    opened(path.rename(path.with_suffix(suffix.lower())))
    assert len(os.listdir(tmp_path)) == 1


def test_pictures_of_results(tmp_path):
    made = subject()
    results = [
        SimpleNamespace(feature=feature, metric=metric, columns=result.columns, facts=result.facts)
        for (feature, metric), result in made.similarity.items()
    ]
    figures.class_by_prediction(results, str(tmp_path / "heat.svg"))
    results = [
        SimpleNamespace(
            feature=feature, method=method, labels=result.labels, columns=result.columns
        )
        for (feature, method), result in made.clusters.items()
    ]
    coordinates = made.projections
    figures.projections(
        "net", made.labels, NAMES, results, coordinates, str(tmp_path / "planes.svg")
    )
    opened(tmp_path / "heat.svg")
    opened(tmp_path / "planes.svg")


def test_cluster_draws_the_samples_it_kept(tmp_path, feature_store):
    path = tmp_path / "planes.png"
    options = [
        "--where",
        "class=ant,cat",
        "--method",
        "kmeans",
        "--repeats",
        "1",
        "--resamples",
        "0",
    ]
    ended = CliRunner().invoke(
        cluster.command, [str(feature_store), *options, "--tsv", "--figure", str(path)]
    )
    assert ended.exit_code == 0, ended.output
    opened(path)


def test_similarity_draws_beside_its_table(tmp_path, feature_store):
    path = tmp_path / "heat.svg"
    options = ["--no-intervals", "--tsv", "--figure", str(path)]
    ended = CliRunner().invoke(similarity.command, [str(feature_store), *options])
    assert ended.exit_code == 0, ended.output
    opened(path)


def test_the_same_picture_gives_the_same_bytes(tmp_path):
    for name in ("a.svg", "b.svg"):
        figures.evaluated([subject()], "bars", str(tmp_path / name))
    assert (tmp_path / "a.svg").read_bytes() == (tmp_path / "b.svg").read_bytes()


@pytest.mark.parametrize("name", ["picture.jpg", "picture", "png", ".png.txt"])
def test_another_suffix_is_refused(tmp_path, name):
    with pytest.raises(UsageError, match=r"\.png, \.svg or \.pdf"):
        figures.evaluated([subject()], "bars", str(tmp_path / name))
    assert not os.listdir(tmp_path)


def test_a_missing_folder_is_refused(tmp_path):
    with pytest.raises(UsageError, match="does not exist"):
        figures.check(str(tmp_path / "nowhere" / "picture.png"))


def test_a_picture_that_cannot_be_written_leaves_the_old_one(tmp_path, monkeypatch):
    path = tmp_path / "picture.png"
    path.write_bytes(b"old")
    monkeypatch.setattr(
        os,
        "replace",
        lambda *names: (_ for _ in ()).throw(PermissionError(13, "Permission denied")),
    )
    with pytest.raises(GradtoolsError, match="cannot be written: Permission denied") as error:
        figures.evaluated([subject()], "bars", str(path))
    assert (
        "\n" not in str(error.value)
        and path.read_bytes() == b"old"
        and os.listdir(tmp_path) == ["picture.png"]
    )


@pytest.mark.skipif(os.geteuid() == 0, reason="nothing is read-only for root")
def test_a_read_only_folder_is_one_line(tmp_path):
    tmp_path.chmod(0o500)
    with pytest.raises(GradtoolsError, match="cannot be written"):
        figures.evaluated([subject()], "bars", str(tmp_path / "picture.png"))


@pytest.mark.parametrize(
    "picture, command",
    [
        ("bars", "gradtools similarity"),
        ("heat", "gradtools similarity"),
        ("pca", "gradtools cluster"),
        ("taps", "gradtools similarity --feature"),
    ],
)
def test_nothing_to_draw_names_the_command(tmp_path, picture, command):
    empty = subject()
    empty.similarity, empty.clusters, empty.projections = {}, {}, {}
    with pytest.raises(GradtoolsError, match=command):
        figures.evaluated([empty], picture, str(tmp_path / "picture.png"))
    assert not os.listdir(tmp_path)


def test_one_tap_is_no_curve(tmp_path):
    made = subject()
    del made.similarity["gradient@layer1", "cosine"]
    with pytest.raises(GradtoolsError, match="two taps"):
        figures.evaluated([made], "taps", str(tmp_path / "picture.png"))


def test_names_that_are_no_utf8_are_escaped():
    assert page.shown(os.fsdecode(b"caf\xe9")) == "caf\\udce9"
    assert page.shortened("denseblock4.denselayer16", 12) == "…denselayer16"[:1] + "enselayer16"


def test_a_name_with_control_bytes_does_not_break_an_svg(tmp_path):
    made, path = subject(), tmp_path / "answers.svg"
    names = ["esc\x1b[31m", "b", "c"]
    rows = np.repeat([0, 1, 2], 10)
    right = np.ones(30, "i1")
    made.answers = Answers(
        [str(row) for row in range(30)], rows, rows, right, np.eye(3, dtype="u1"), names, names
    )
    figures.evaluated([made], "confusion", str(path))
    assert ElementTree.parse(path) and "esc\\x1b[31m" in path.read_text()


@pytest.fixture
def as_wide():
    """Asks for a width, and for none in the end."""
    yield lambda text: paper.set_width(paper.inches(text))
    paper.set_width(None)


@pytest.mark.parametrize("width", ["one-column", "two-columns", "4.5"])
@pytest.mark.parametrize("picture", ["prediction", "bars", "heat", "pca", "taps"])
def test_words_stay_on_the_page_and_legible_at_the_width_of_a_paper(picture, width, as_wide):
    """As a renderer measures them, in the final size: no smaller than LEAST_TYPE, none over an edge, no title over another."""
    as_wide(width)
    models = [subject("a"), subject("a-network-with-a-longer-name"), subject("c")]
    with page.style():
        figure = page._fitted(evaluation.DRAWN[picture](models))
        figure.draw_without_rendering()
        assert figure.get_figwidth() == paper.inches(width)
        shown = [text for text in figure.findobj(Text) if text.get_visible() and text.get_text()]
        shown = [text for text in shown if text.axes is None or text.axes.axison]
        boxes = [(text, text.get_window_extent()) for text in shown]
    assert len(boxes) > 10
    for text, box in boxes:
        assert text.get_fontsize() >= fit.LEAST_TYPE, text
        assert -2 <= box.x0 and box.x1 <= figure.bbox.width + 2, text
    heads = [box for text, box in boxes if text.axes is not None and text is text.axes.title]
    assert not any(one.overlaps(other) for one, other in itertools.combinations(heads, 2))


@pytest.mark.parametrize("suffix", [".png", ".svg", ".pdf"])
def test_a_file_is_as_wide_as_was_asked(tmp_path, as_wide, suffix):
    as_wide("one-column")
    path = tmp_path / f"picture{suffix}"
    figures.evaluated([subject("a"), subject("b")], "bars", str(path))
    if suffix == ".png":
        with Image.open(path) as image:
            assert image.size[0] == 3.25 * page.DPI
    elif suffix == ".svg":
        assert ElementTree.parse(path).getroot().get("width") == f"{3.25 * 72:g}pt"
    else:
        assert b"/MediaBox [ 0 0 234 " in path.read_bytes()


@pytest.mark.parametrize(
    "arguments, words",
    [
        (["--width", "one-column"], "add --figure"),
        (["--figure", "a.png", "--width", "wide"], "one-column, two-columns"),
        (["--figure", "a.png", "--width", "0.5"], "inches from 2"),
    ],
)
def test_a_width_that_is_none_is_refused(feature_store, arguments, words):
    ended = CliRunner().invoke(cluster.command, [str(feature_store), *arguments])
    assert ended.exit_code and words in str(ended.exception)
