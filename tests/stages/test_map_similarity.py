"""similarity on stores of maps against loops over pairs: numpy's corrcoef, scikit-learn's AUC and formulas written out."""

import itertools
import json
import shutil

import numpy as np
import pytest
from click.testing import CliRunner
from conftest import DATA, needs_data
from planted_maps import (
    COUNT,
    LOOPS,
    PREDICTED,
    SIDE,
    TAPS,
    density,
    normalised,
    quiet,
    raw_maps,
    write,
)
from sklearn.metrics import roc_auc_score

from gradtools import store
from gradtools.cli import similarity as command
from gradtools.errors import GradtoolsError, UsageError
from gradtools.math.maps import map_metrics
from gradtools.selection import compared, maps
from gradtools.stages import evaluate, similarity
from gradtools.tables import map_settings

KINDS = {
    "same_class_same_prediction": (True, True),
    "same_class_other_prediction": (True, False),
    "other_class_same_prediction": (False, True),
    "other_class_other_prediction": (False, False),
}


@pytest.fixture
def path(tmp_path):
    return write(tmp_path / "maps.h5", raw_maps())


def run(path, *requests, where=(), resamples=0, **options):
    """{(feature, metric): {statistic: (value, low, high, pairs)}} and the results."""
    asked = similarity.Options(
        feature=requests,
        where=where,
        resamples=resamples,
        permutations=0,
        maps=similarity.MapOptions(**options),
    )
    with store.read(str(path)) as source:
        return similarity.similarity(source, None, asked, say=quiet)


def table(result):
    return dict(
        zip(
            result.columns["statistic"],
            zip(*(result.columns[key] for key in ("value", "low", "high", "pairs"))),
        )
    )


def by_loop(read, label, metric, image=None, predicted=PREDICTED):
    """Every statistic over lists of pairs of maps of two images; maps that are None are in no pair."""
    image = np.arange(len(read)) if image is None else image
    pairs = [
        (i, j)
        for i, j in itertools.combinations(range(len(read)), 2)
        if read[i] is not None and read[j] is not None and image[i] != image[j]
    ]
    value = {pair: LOOPS[metric](read[pair[0]], read[pair[1]]) for pair in pairs}
    within = {
        g: [value[i, j] for i, j in pairs if label[i] == label[j] == g] for g in np.unique(label)
    }
    inside = list(itertools.chain(*within.values()))
    between = [value[i, j] for i, j in pairs if label[i] != label[j]]
    kinds = {
        name: [
            value[i, j]
            for i, j in pairs
            if (label[i] == label[j], predicted[image[i]] == predicted[image[j]]) == kind
        ]
        for name, kind in KINDS.items()
    }
    effect = [kinds["same_class_same_prediction"], kinds["other_class_same_prediction"]]
    zeros = [
        np.zeros_like(next(m for m in read if m is not None)) if m is None else m for m in read
    ]
    mean = []
    for i, m in enumerate(read):
        others = [
            zeros[j] for j in range(len(read)) if label[j] == label[i] and image[j] != image[i]
        ]
        if m is not None and others:
            mean.append(LOOPS[metric](m, np.mean(others, axis=0)))
    height, width = zeros[0].shape
    gaussian = np.array(
        [
            [
                np.exp(
                    -2
                    * (
                        (abs(2 * y + 1 - height) / height) ** 2
                        + (abs(2 * x + 1 - width) / width) ** 2
                    )
                )
                for x in range(width)
            ]
            for y in range(height)
        ]
    )
    centre = [LOOPS[metric](m, gaussian) for m in read if m is not None]
    return {
        "within": (np.mean(inside), len(inside)),
        "within_macro": (
            np.mean([np.mean(values) for values in within.values() if values]),
            len(inside),
        ),
        "between": (np.mean(between), len(between)),
        "within_minus_between": (
            np.mean(inside) - np.mean(between),
            min(len(inside), len(between)),
        ),
        **{name: (np.mean(values), len(values)) for name, values in kinds.items()},
        "label_effect": (np.mean(effect[0]) - np.mean(effect[1]), min(map(len, effect))),
        "class_mean": (np.mean(mean), len(mean)),
        "centre": (np.mean(centre), len(centre)),
    }


def assert_equal(result, expected):
    statistics = table(result)
    assert list(statistics) == list(expected)
    for name, (value, pairs) in expected.items():
        assert statistics[name][0] == pytest.approx(value, rel=1e-9, abs=1e-12), (
            result.metric,
            name,
        )
        assert statistics[name][3] == pairs, (result.metric, name)


@pytest.mark.parametrize("sign", ["for", "against"])
def test_every_statistic_equals_a_loop(path, sign):
    """One map is constant and one has nothing for its target: both are degenerate, counted, and in no pair."""
    results = run(path, "map:gradcam", sign=sign, map_metric=tuple(LOOPS))
    assert [(result.feature, result.metric) for result in results] == [
        ("map:gradcam@block2", metric) for metric in LOOPS
    ]
    read = normalised(raw_maps()["gradcam@block2"], sign)
    for result in results:
        assert_equal(result, by_loop(read, np.arange(COUNT) % 3, result.metric))
        assert (
            result.facts["degenerate"] == sum(m is None for m in read)
            and result.facts["size"] == "5x5"
            and result.facts["native"]
        )


def test_signed_maps_keep_what_speaks_against(path):
    statistics = table(run(path, "map:gam", sign="signed", map_metric=("CC",))[0])
    raw = raw_maps()["gam@block2"]
    same = [
        np.corrcoef(raw[i].ravel(), raw[j].ravel())[0, 1]
        for i, j in itertools.combinations(range(COUNT), 2)
        if i % 3 == j % 3
    ]
    assert statistics["within"][0] == pytest.approx(np.mean(same), rel=1e-9)


def test_settings_change_what_they_name(path):
    plain = {
        result.metric: table(result)["within"][0]
        for result in run(path, "map:gam", map_metric=("KLD", "JSD", "AUC"))
    }
    other = {
        result.metric: result
        for result in run(
            path, "map:gam", map_metric=("KLD", "JSD", "AUC"), eps=1e-3, log_base=2, top_share=0.2
        )
    }
    read = normalised(raw_maps()["gam@block2"])
    pairs = [(i, j) for i, j in itertools.combinations(range(COUNT), 2) if i % 3 == j % 3]

    def smoothed(a, b):
        p, q = density(a), density(b)
        return sum(x * np.log2(x / (y + 1e-3)) for x, y in zip(p.ravel(), q.ravel()) if x > 0)

    def top(a, b):
        return roc_auc_score(b.ravel() > np.sort(b.ravel())[::-1][SIDE * SIDE // 5], a.ravel())

    for metric, formula in (("KLD", smoothed), ("AUC", top)):
        expected = np.mean(
            [(formula(read[i], read[j]) + formula(read[j], read[i])) / 2 for i, j in pairs]
        )
        assert table(other[metric])["within"][0] == pytest.approx(expected, rel=1e-9)
    assert table(other["JSD"])["within"][0] == pytest.approx(plain["JSD"] / np.log(2), rel=1e-12)
    assert {"eps": 1e-3, "log_base": 2, "mask": "top 0.2"}.items() <= other["KLD"].facts.items()


def test_names_globs_layers_and_fusion(path):
    def named(*requests, **reading):
        with store.read(str(path)) as source:
            return [
                feature.name for feature in maps.resolve(source, requests, maps.Reading(**reading))
            ]

    assert named("map:gradcam") == ["map:gradcam@block2"]
    assert named("map:gradcam@block1") == ["map:gradcam@block1"]
    assert named("map:*@block1") == ["map:gradcam@block1", "map:gam@block1"]
    assert named() == [f"map:{name}" for name in raw_maps()]
    assert named(layers=(1,)) == ["map:gradcam@block2", "map:gam@block2"]
    assert named("map:gam", fuse="mean") == ["map:gam@block1+block2"]
    assert named("map:gam", fuse="mean", layers=(1, 2)) == [
        "map:gam@block2",
        "map:gam@block1+block2",
    ]
    assert named("map:gam", layers=(1, 2)) == ["map:gam@block1", "map:gam@block2"]
    with pytest.raises(UsageError, match="has maps of 2 taps a method"):
        named(layers=(1, 7))
    with pytest.raises(UsageError, match="map:gradcam@block1"):
        named("map:gradcam@block3")


@pytest.mark.parametrize("fuse", ["mean", "max", "product", "1,3"])
def test_fused_taps_are_resized_normalised_and_fused(path, fuse):
    """Against torch's own bicubic resize, a map at a time."""
    import torch

    result = run(path, "map:gam", fuse=fuse, size=(9, 8), map_metric=("CC",))[0]
    assert (
        result.feature == "map:gam@block1+block2"
        and result.facts["fuse"] == fuse
        and result.facts["size"] == "9x8"
    )
    parts = []
    for tap in TAPS:
        raw = torch.from_numpy(np.maximum(raw_maps()[f"gam@{tap}"], 0))[:, None]
        large = torch.nn.functional.interpolate(raw, (9, 8), mode="bicubic", align_corners=False)[
            :, 0
        ].numpy()
        parts.append(np.stack([(m - m.min()) / (m.max() - m.min()) for m in large]))
    fused = {
        "mean": lambda a, b: (a + b) / 2,
        "max": np.maximum,
        "product": np.multiply,
        "1,3": lambda a, b: a / 4 + 3 * b / 4,
    }[fuse](*parts)
    same = [
        np.corrcoef(fused[i].ravel(), fused[j].ravel())[0, 1]
        for i, j in itertools.combinations(range(COUNT), 2)
        if i % 3 == j % 3
    ]
    assert table(result)["within"][0] == pytest.approx(np.mean(same), rel=1e-7)


def test_intervals_resample_images_and_two_maps_of_an_image_are_no_pair(tmp_path):
    """Two maps an image, in an order of their own; the replicates are those of lists of drawn images."""
    from gradtools.math.pairs.bootstrap import interval, resample_weights

    sample = np.random.default_rng(1).permutation(np.repeat(np.arange(COUNT), 2))
    raw = {"gradcam@block2": raw_maps(2 * COUNT)["gradcam@block2"]}
    result = run(
        write(tmp_path / "a.h5", raw, sample), "map:gradcam", resamples=20, map_metric=("CC",)
    )[0]
    read, label = normalised(raw["gradcam@block2"]), sample % 3
    assert_equal(result, by_loop(read, label, "CC", sample))
    value = {
        (i, j): LOOPS["CC"](read[i], read[j])
        for i, j in itertools.combinations(range(2 * COUNT), 2)
        if read[i] is not None and read[j] is not None and sample[i] != sample[j]
    }
    counts = resample_weights(np.arange(COUNT) % 3, 20, 0)
    for replicate, c in zip(result.replicates, counts):
        weight = {(i, j): float(c[sample[i]]) * float(c[sample[j]]) for i, j in value}
        for name, kind in (("within", True), ("between", False)):
            chosen = [pair for pair in value if (label[pair[0]] == label[pair[1]]) == kind]
            expected = sum(weight[pair] * value[pair] for pair in chosen) / sum(
                weight[pair] for pair in chosen
            )
            assert replicate[result.columns["statistic"].index(name)] == pytest.approx(
                expected, rel=1e-9
            )
    np.testing.assert_allclose(
        np.column_stack([result.columns["low"], result.columns["high"]]),
        interval(result.replicates),
    )
    assert (result.columns["low"] <= result.columns["high"]).all()


def test_where_counts_a_pairs_map_only_where_both_images_are_kept(tmp_path):
    pairs = np.array([[0, 3], [1, 4], [3, 6], [0, 9]])
    sample, partner = pairs.reshape(-1), pairs[:, ::-1].reshape(-1)
    path = write(
        tmp_path / "a.h5",
        {"gradcam@block2": raw_maps(8, seed=3)["gradcam@block2"]},
        sample,
        partner,
    )
    (tmp_path / "ids").write_text("00.png\n03.png\n09.png\n")
    result = run(path, "map:gradcam", where=(f"list={tmp_path / 'ids'}",), map_metric=("SIM",))[0]
    kept = [0, 1, 6, 7]  # of the pairs (0, 3) and (0, 9)
    read = normalised(raw_maps(8, seed=3)["gradcam@block2"][kept])
    value = [
        LOOPS["SIM"](read[i], read[j])
        for i, j in itertools.combinations(range(4), 2)
        if read[i] is not None and read[j] is not None and sample[kept[i]] != sample[kept[j]]
    ]
    assert table(result)["within"][0] == pytest.approx(np.mean(value), rel=1e-9)
    assert (
        result.facts["maps"] == 4
        and result.facts["samples"] == 3
        and result.facts["left_out"] == COUNT - 3
    )


def test_one_class_has_nothing_between_and_no_labels_give_all_pairs(tmp_path):
    raw = {"gam@block2": raw_maps()["gam@block2"]}
    read = normalised(raw["gam@block2"])
    mean = np.mean([LOOPS["CC"](a, b) for a, b in itertools.combinations(read, 2)])
    one = table(
        run(
            write(tmp_path / "one.h5", raw, label=np.zeros(COUNT)), resamples=9, map_metric=("CC",)
        )[0]
    )
    assert (
        one["within"][0] == pytest.approx(mean)
        and np.isnan(one["between"][0])
        and one["between"][3] == 0
    )
    none = table(
        run(
            write(tmp_path / "none.h5", raw, label=-np.ones(COUNT)), resamples=9, map_metric=("CC",)
        )[0]
    )
    assert (
        list(none) == ["all", "rest_mean", "centre"]
        and none["all"][0] == pytest.approx(mean)
        and none["all"][3] == 66
    )


def test_between_can_be_left_out(path):
    statistics = table(run(path, "map:gam", between=False, map_metric=("CC",))[0])
    assert np.isnan(statistics["between"][0]) and statistics["within"][3] == 18


def test_only_degenerate_maps_give_no_value_and_no_warning(tmp_path):
    results = run(
        write(tmp_path / "a.h5", {"gam@block2": np.ones((COUNT, SIDE, SIDE))}),
        resamples=5,
        map_metric=map_metrics.METRICS,
    )
    for result in results:
        assert (
            np.isnan(result.columns["value"]).all()
            and result.facts["degenerate"] == COUNT
            and not result.columns["pairs"].any()
        )
    words = map_settings.settings_in_words(
        [(result.feature, result.metric, result.facts) for result in results]
    )
    assert sum("every map is constant after ReLU" in line for line in words) == 1 and any(
        "--sign against" in line for line in words
    )


def test_blocks_and_pieces_change_nothing(path, monkeypatch):
    whole = run(path, resamples=7)
    monkeypatch.setattr(maps, "IN_MEMORY", 0)
    monkeypatch.setattr(maps, "READ_BYTES", 300)
    monkeypatch.setattr("gradtools.math.maps.map_pairs.blocks.LARGEST_BLOCK", 5)
    for a, b in zip(whole, run(path, resamples=7)):
        np.testing.assert_allclose(a.columns["value"], b.columns["value"], rtol=1e-12)
        np.testing.assert_allclose(a.replicates, b.replicates, rtol=1e-10)


def test_what_is_chosen_without_a_request(path, feature_store):
    assert {result.feature for result in run(path)} == {f"map:{name}" for name in raw_maps()}
    assert {result.feature for result in run(path, "map:gam", "logits")} == {
        "map:gam@block2",
        "logits",
    }
    assert all(not maps.is_map(result.feature) for result in run(feature_store))
    with pytest.raises(UsageError, match="gradtools saliency"):
        run(feature_store, "map:gradcam")


def test_errors_name_the_image_and_what_to_do(tmp_path):
    raw = raw_maps()
    raw["gam@block2"][7, 2, 2] = np.nan
    with pytest.raises(GradtoolsError, match=r"gam@block2 of 07\.png holds NaN"):
        run(write(tmp_path / "a.h5", raw))
    for options in (
        {"eps": 0.0},
        {"log_base": 1.0},
        {"top_share": 1.5},
        {"sign": "signed", "fuse": "product"},
        {"fuse": "1,2,3"},
    ):
        with pytest.raises(UsageError):
            run(tmp_path / "a.h5", "map:gradcam", **options)
    for text in ("0", "7x", "1x2x3", "big"):
        with pytest.raises(UsageError, match="--size"):
            maps.parse_size(text)


def test_command_writes_a_store_that_evaluate_reads(path, tmp_path):
    out = tmp_path / "s.h5"
    arguments = [
        str(path),
        "--resamples",
        "20",
        "--map-metric",
        "CC",
        "--map-metric",
        "SSIM",
        "-o",
        str(out),
        "-q",
    ]
    ended = CliRunner().invoke(command.command, arguments, catch_exceptions=False)
    assert ended.exit_code == 0, ended.output
    subjects = evaluate.gather([str(out)])
    layout = evaluate.evaluate(subjects, "maps")
    assert [one.title for one in layout[::2]] == ["CC of maps", "SSIM of maps"]
    row = next(row for row in layout[0].rows if row["maps"] == "gradcam@block2")
    expected = by_loop(normalised(raw_maps()["gradcam@block2"]), np.arange(COUNT) % 3, "CC")
    assert (
        row["within class"].value,
        row["between"].value,
        row["centred Gaussian"].value,
    ) == pytest.approx(tuple(expected[name][0] for name in ("within", "between", "centre")))
    assert (
        row["within class"].low <= row["within class"].value <= row["within class"].high
        and row["pairs"] == expected["within"][1]
    )
    assert any("degenerate" in note and "map:gradcam@block2 2" in note for note in layout[0].notes)
    assert [one.title for one in layout[1::2]] == [
        f"class x prediction: mean {metric} of maps (pairs)" for metric in ("CC", "SSIM")
    ]
    cell = next(row for row in layout[1].rows if row["maps"] == "gradcam@block2")[
        "same class, other pred"
    ]
    value, pairs = expected["same_class_other_prediction"]
    assert (
        cell.value == pytest.approx(value)
        and cell.n == pairs
        and cell.low <= cell.value <= cell.high
    )


def test_json_and_text_say_what_the_numbers_depend_on(path):
    arguments = [str(path), "--feature", "map:gam", "--no-intervals", "-q"]
    rows = json.loads(
        CliRunner().invoke(command.command, [*arguments, "--json"], catch_exceptions=False).stdout
    )["tables"]
    values = [json.dumps(row) for table in rows for row in table["rows"]]
    assert values and all("gam@block2" in value for value in values)
    shown = " ".join(f"{table['id']} {table['title']} {table['columns']}" for table in rows)
    shown += " ".join(values)
    assert all(metric in shown for metric in ("CC", "SIM", "KLD", "AUC"))
    lines = map_settings.settings_in_words(
        [(result.feature, result.metric, result.facts) for result in run(path, eps=1e-7)]
    )
    text = "\n".join(lines)
    for words in (
        "5x5 (native)",
        "eps 1e-07",
        "log base e",
        "both directions",
        "ties count half",
        "no pair: map:gradcam@block2 2",
    ):
        assert words in text


def test_maps_of_the_label_are_said_to_leak(tmp_path):
    result = run(write(tmp_path / "a.h5", raw_maps(), target="label"), "map:gam")[0]
    assert result.facts["leaks"] and "leaks" in "\n".join(
        map_settings.settings_in_words([(result.feature, "CC", result.facts)])
    )


def seed_row(*paths):
    printed = evaluate.evaluate(
        evaluate.gather([str(path) for path in paths]), "gradient-similarity"
    )[0]
    return printed, printed.rows[0]


def written(path, out, **options):
    with store.read(str(path)) as source:
        similarity.similarity(
            source,
            str(out),
            similarity.Options(resamples=0, maps=similarity.MapOptions(**options)),
            say=quiet,
            force=True,
        )
    return out


def test_seeds_columns_are_means_of_class_means_of_grad_cam_at_its_own_size(tmp_path):
    raw = raw_maps()
    path = write(tmp_path / "a.h5", {name: raw[name] for name in ("gradcam@block2", "gam@block1")})
    printed, row = seed_row(written(path, tmp_path / "s.h5"))
    read = normalised(raw["gradcam@block2"])
    for metric in ("CC", "KLD", "SIM", "AUC"):
        expected = by_loop(read, np.arange(COUNT) % 3, metric)["within_macro"][0]
        assert row[f"Grad_Cam_{metric}"].value == pytest.approx(expected), metric
    assert "Grad_Cam_SSIM" not in printed.columns
    printed, row = seed_row(written(path, tmp_path / "s.h5", map_metric=("CC", "SSIM")))
    assert row["Grad_Cam_SSIM"].value == row["Grad_Cam_SSIM"].value
    assert any(
        "Grad_Cam_KLD" in note and "gradtools saliency | gradtools similarity" in note
        for note in printed.notes
    )
    _, row = seed_row(written(path, tmp_path / "s.h5", size=(9, 9)))
    assert row["Grad_Cam_CC"].value is None


def test_seeds_tap_is_the_last_convolution_of_the_features_beside(tmp_path):
    """Two taps alone leave the choice open; a feature store of the same images says which is the last convolution."""
    raw = raw_maps()
    own = written(write(tmp_path / "a.h5", raw), tmp_path / "s.h5", map_metric=("CC",))
    printed, row = seed_row(own)
    assert row["Grad_Cam_CC"].value is None
    with (
        store.read(str(tmp_path / "a.h5")) as source,
        store.create(str(tmp_path / "f.h5"), "features") as sink,
    ):
        sink.carry(source, np.ones(COUNT, bool), False)
        sink.attributes(
            "/taps", order='["block1"]', default_gradient="block1", default_activation="block2"
        )
        sink.history([], {"command": "planted", "started": "2026-01-01", "seconds": 0})
    for order in ((own, tmp_path / "f.h5"), (tmp_path / "f.h5", own)):
        _, row = seed_row(*order)
        expected = by_loop(normalised(raw["gradcam@block1"]), np.arange(COUNT) % 3, "CC")[
            "within_macro"
        ][0]
        assert row["Grad_Cam_CC"].value == pytest.approx(expected)


@needs_data
def test_maps_of_a_real_network_equal_a_loop(tmp_path):
    """Grad-CAM of ResNet-20 on 20 photographs, two of each class."""
    from gradtools import images
    from gradtools.network import models
    from gradtools.stages import saliency

    for folder in (folder for folder in (DATA / "cifar10").iterdir() if folder.is_dir()):
        (tmp_path / "photos" / folder.name).mkdir(parents=True)
        for path in sorted(folder.iterdir())[:2]:
            shutil.copy(path, tmp_path / "photos" / folder.name)
    listed = images.list_images([str(tmp_path / "photos")])
    model = models.load(f"{DATA / 'cifar_resnet.py'}:resnet20", str(DATA / "cifar10_resnet20.pth"))
    saliency.saliency(
        listed, model, str(tmp_path / "maps.h5"), saliency.Options(layers=1), say=quiet
    )
    with store.read(str(tmp_path / "maps.h5")) as source:
        groups = compared.group(source, (), quiet)
        raw = source.values("/maps/gradcam@layer3/map").astype("f8")
        assert len(raw) == 20
    for result in run(tmp_path / "maps.h5", map_metric=tuple(LOOPS)):
        assert_equal(
            result,
            by_loop(normalised(raw), groups.classes, result.metric, predicted=groups.predictions),
        )


def test_pictures_are_of_vectors(path, tmp_path):
    ended = CliRunner().invoke(
        command.command,
        [str(path), "-o", str(tmp_path / "s.h5"), "--figure", str(tmp_path / "a.png")],
    )
    assert (
        isinstance(ended.exception, UsageError)
        and "of vectors" in str(ended.exception)
        and not (tmp_path / "s.h5").exists()
    )


def test_the_shells_words_are_the_mathematics_own():
    from gradtools.tables.wording import MAP_METRICS

    assert set(MAP_METRICS) == set(map_metrics.METRICS)
