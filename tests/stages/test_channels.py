"""Tables of channels from stores of planted rows, against loops; channels as samples; the images that activate them."""

import dataclasses
import hashlib

import numpy as np
import pytest
from planted_channels import LABEL, NAMES, QUICK, TAPS, TARGET, C, N, toy_stores, write
from scipy import stats

from gradtools import store
from gradtools.errors import GradtoolsError, UsageError
from gradtools.math.channels import channel_values as rules
from gradtools.math.pairs import bootstrap
from gradtools.selection import features
from gradtools.stages import channels, cluster, evaluate, similarity


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    return write(tmp_path_factory.mktemp("channels") / "a.h5")


def run(path, output=None, say=lambda line: None, **options):
    with store.read(str(path)) as source:
        return channels.channels(
            source,
            output and str(output),
            channels.Options(**{**QUICK, **options}),
            force=True,
            say=say,
        )


def groups(described):
    """(name, rows) of every group, by hand."""
    assert described.groups.every_name == ["all", "ant", "cat", "dog"]
    return [("all", np.arange(N))] + [
        (NAMES[index], np.flatnonzero(index == TARGET)) for index in (0, 2, 3)
    ]


def test_values_are_the_means_over_every_class(path):
    described = run(path)
    for one in described.taps:
        rows = {kind: values.astype(float) for kind, values in TAPS[one.tap].items()}
        for number, (_, chosen) in enumerate(groups(described)):
            assert one.images[number] == len(chosen)
            for name, rule in rules.RANKINGS.items():
                by_hand = np.mean(
                    [rule(**{kind: values[i] for kind, values in rows.items()}) for i in chosen],
                    axis=0,
                )
                assert one.values[name][number] == pytest.approx(by_hand, abs=1e-12)
    assert [one.tap for one in described.taps] == ["early", "late"]


def test_the_distribution_is_of_every_images_channels(path):
    described = run(path)
    for one in described.taps:
        for kind in ("gradient", "contribution"):
            rows = TAPS[one.tap][kind].astype(float)
            for number, (_, chosen) in enumerate(groups(described)):
                means = dict(zip(rules.STATISTICS, one.distribution[kind].value[number]))
                assert means["zero"] == pytest.approx(
                    np.mean([np.mean(rows[i] == 0) for i in chosen])
                )
                assert means["positive"] + means["negative"] + means["zero"] == pytest.approx(1)
                assert means["effective"] == pytest.approx(
                    np.mean([abs(rows[i]).sum() ** 2 / (rows[i] ** 2).sum() for i in chosen])
                )
                assert means["median"] == pytest.approx(
                    np.mean([np.median(rows[i]) for i in chosen])
                )


def test_histograms_count_every_channel_of_every_image_once(path):
    described = run(path)
    for one in described.taps:
        for kind, (edges, counts) in one.histograms.items():
            rows = TAPS[one.tap][kind].astype(float)
            for number, (_, chosen) in enumerate(groups(described)):
                by_hand = [
                    sum(
                        low <= value < high or (last and value == high)
                        for value in rows[chosen].ravel()
                    )
                    for low, high, last in zip(edges, edges[1:], [False] * 8 + [True])
                ]
                assert (
                    counts[number].tolist() == by_hand and sum(by_hand) == len(chosen) * C[one.tap]
                )


def test_agreement_and_ties_of_rankings(path):
    described = run(path)
    one = described.taps[1]
    rows = {kind: values.astype(float) for kind, values in TAPS["late"].items()}
    for number, (_, chosen) in enumerate(groups(described)):
        for place, name in enumerate(rules.RANKINGS):
            values = rules.RANKINGS[name](**rows)
            by_hand = [
                stats.spearmanr(values[i], rows["contribution"][i])[0]
                for i in chosen
                if np.ptp(values[i]) > 0
            ]
            assert one.agreement.value[number, place] == pytest.approx(
                np.mean(by_hand), abs=1e-12
            ), name
        zeros = [max((rows["gradient"][i] == 0).sum(), 1) for i in chosen]
        assert one.tied[number, list(rules.RANKINGS).index("gradient")] == pytest.approx(
            np.mean([count / 7 if count > 1 else 0 for count in zeros])
        )
    assert one.agreement.value[0, 0] == 1


def test_intervals_resample_the_images_of_a_class(path):
    one = run(path).taps[0]
    chosen = TARGET == 2
    shares = (TAPS["early"]["gradient"][chosen] > 0).mean(axis=1)
    counts = bootstrap.resample_weights(np.zeros(chosen.sum(), int), 40, 0)
    drawn = [np.average(shares, weights=weights) for weights in counts]
    assert one.distribution["gradient"].bounds[2, 0] == pytest.approx(
        np.quantile(drawn, [0.025, 0.975])
    )


def test_one_image_has_values_and_no_interval(path):
    described = run(path, of="07.png")
    assert described.groups.every_name == ["07.png"] and [one.tap for one in described.taps] == [
        "late"
    ]
    assert described.taps[0].values["contribution"][0] == pytest.approx(
        TAPS["late"]["contribution"][7]
    )
    assert np.isnan(described.taps[0].distribution["gradient"].bounds).all()


def test_the_size_of_blocks_decides_nothing(path, monkeypatch):
    whole = run(path)
    monkeypatch.setattr(features, "READ_BYTES", 4 * 7 * 4)
    for one, other in zip(whole.taps, run(path).taps):
        for name in one.values:
            assert one.values[name] == pytest.approx(other.values[name], abs=1e-12)
        assert np.array_equal(one.agreement.value, other.agreement.value)
        assert all(
            np.array_equal(one.histograms[kind][1], other.histograms[kind][1])
            for kind in one.histograms
        )


def test_by_label_and_where(path):
    described = run(path, by="label", tap=("late",))
    assert described.groups.every_name == ["all", "odd", "even"]
    assert described.taps[0].images.tolist() == [N, (LABEL == 0).sum(), (LABEL == 1).sum()]
    some = run(path, where=("class=even",), tap=("l*",))
    assert some.taps[0].images[0] == (LABEL == 1).sum()


def test_the_top_of_a_class(path):
    options = channels.Options(of="cat", **QUICK)
    with store.read(path) as source:
        described = channels.describe(source, options, say=lambda line: None)
        top = channels.top(source, described.taps[0], described.groups, "abs", 3, options)
    chosen = TARGET == 2
    means = abs(TAPS["late"]["gradient"][chosen].astype(float)).mean(axis=0)
    assert (
        top.channels.tolist() == np.argsort(-means)[:3].tolist()
        and top.name == "cat"
        and top.images == chosen.sum()
    )
    assert top.ranks["abs"].tolist() == [1, 2, 3] and top.ranks["nearzero"].tolist() == [7, 6, 5]
    counts = bootstrap.resample_weights(np.zeros(chosen.sum(), int), 40, 0)
    own = abs(TAPS["late"]["gradient"][chosen][:, top.channels[0]].astype(float))
    assert top.bounds[0] == pytest.approx(
        np.quantile([np.average(own, weights=weights) for weights in counts], [0.025, 0.975])
    )
    assert top.total == pytest.approx(
        TAPS["late"]["contribution"][chosen].astype(float).mean(axis=0).sum()
    )


def test_ties_of_the_top_are_told(path):
    options = channels.Options(of="00.png", **QUICK)
    with store.read(path) as source:
        described = channels.describe(source, options, say=lambda line: None)
        top = channels.top(source, described.taps[0], described.groups, "contribution", 7, options)
    gradient = TAPS["late"]["gradient"][0]
    zeros = gradient[top.channels] == 0
    assert zeros.sum() > 1 and np.array_equal(top.tied["gradient"], zeros)
    assert len(set(top.ranks["gradient"][zeros])) == 1


def test_what_is_written(path, tmp_path):
    described = run(path, tmp_path / "out.h5")
    with store.read(str(tmp_path / "out.h5")) as made:
        assert made.kind == "channels" and made.n_samples == N
        assert made.texts("/channels/late/class") == ["all", "ant", "cat", "dog"]
        assert np.array_equal(
            made.values("/channels/late/gxa"), described.taps[1].values["gxa"].astype("f4")
        )
        assert np.array_equal(
            made.values("/channels/early/contribution_histogram/count"),
            described.taps[0].histograms["contribution"][1],
        )
        columns, facts = made.table("/tables/channel_distribution")
        assert facts["by"] == "target" and len(columns["value"]) == 2 * 4 * 2 * len(
            rules.STATISTICS
        )
        at = [
            i
            for i in range(len(columns["value"]))
            if (
                columns["tap"][i],
                columns["class"][i],
                columns["feature"][i],
                columns["statistic"][i],
            )
            == ("late", "dog", "contribution", "gini")
        ]
        place = rules.STATISTICS.index("gini")
        assert (
            columns["value"][at] == described.taps[1].distribution["contribution"].value[3, place]
        )
        columns, _ = made.table("/tables/channel_agreement")
        assert (
            columns["value"][
                [i for i in range(len(columns["value"])) if columns["ranking"][i] == "contribution"]
            ].tolist()
            == [1] * 8
        )


def test_channels_as_samples(path, tmp_path):
    run(path, tmp_path / "profiles.h5", profiles=True)
    with store.read(str(tmp_path / "profiles.h5")) as made:
        assert made.unit == "channel" and made.ids == [
            f"{tap}/{index}" for tap, count in C.items() for index in range(count)
        ]
        assert made.class_names == ["early", "late"] and made.labels.tolist() == [0] * 5 + [1] * 7
        assert (
            bytes(made.values("/samples/digest")[8])
            == hashlib.sha256(f"{'ab' * 32}/late/3".encode()).digest()
        )
        assert made.texts("/taps/profile/class") == ["ant", "cat", "dog"]
        by_hand = [
            [rows["contribution"][index == TARGET, k].mean(dtype=float) for index in (0, 2, 3)]
            for rows in TAPS.values()
            for k in range(rows["contribution"].shape[1])
        ]
        assert made.values("/taps/profile/contribution") == pytest.approx(
            np.array(by_hand), rel=1e-5
        )
        quiet = {"say": lambda line: None}
        asked = similarity.Options(feature=("contribution@profile",), resamples=5, permutations=5)
        assert similarity.similarity(made, None, asked, **quiet)[0].facts["rows"] == 12
        results, _ = cluster.cluster(
            made,
            None,
            cluster.Options(feature=("contribution@profile",), repeats=1, resamples=5),
            **quiet,
        )
        assert results[0].facts["k"] == 2 and results[0].labels.shape == (1, 12)
        with pytest.raises(GradtoolsError, match="samples are of the kind channel"):
            channels.describe(made, channels.Options())


@pytest.mark.parametrize(
    "options, words",
    [
        ({"tap": ("nothing",)}, "--tap nothing: .* there are early, late"),
        ({"tap": ("auto:convs",)}, "auto:convs"),
        ({"of": "cow"}, "no class 'cow'"),
        ({"of": "even"}, "even is a class of the data .*--by label"),
        ({"of": "cat", "by": "label"}, "no class 'cat'"),
    ],
)
def test_what_is_not_there(path, options, words):
    with pytest.raises(UsageError, match=words):
        run(path, **options)


def test_a_class_without_images_and_profiles_of_one_class(path, tmp_path):
    with pytest.raises(
        GradtoolsError, match="no image has the target bee: gradtools extract --target 'bee'"
    ):
        run(path, of="bee")
    with pytest.raises(
        GradtoolsError, match="profile is over classes, and its images have 1 by label"
    ):
        run(path, tmp_path / "a.h5", by="label", where=("class=odd",), profiles=True)


def test_auto_names_of_the_store(path):
    with store.read(path) as source:
        assert (
            channels.taps_of(source, ("auto:blocks",))
            == channels.taps_of(source, ("auto:last-conv",))
            == ["late"]
        )
        assert channels.taps_of(source, ("late", "e*")) == ["early", "late"]


def test_rows_that_are_no_numbers_and_taps_without_gradients(tmp_path):
    broken = {
        "late": {kind: rows.copy() for kind, rows in TAPS["late"].items()},
        "early": {"activation": TAPS["early"]["activation"]},
    }
    broken["late"]["gradient"][3, 2] = np.nan
    path = write(tmp_path / "b.h5", broken)
    with pytest.raises(GradtoolsError, match="gradient@late of 03.png holds NaN"):
        run(path, tap=("late",))
    with pytest.raises(GradtoolsError, match="no gradient at early"):
        run(path, tap=("early",))


@pytest.mark.parametrize(
    "model, words",
    [({"target": "label"}, "leaks"), ({"weights": "random"}, "nothing about a trained network")],
)
def test_what_the_values_do_not_mean_is_said(tmp_path, model, words):
    said = []
    described = run(write(tmp_path / "l.h5", **model), say=said.append)
    assert [words in line for line in said] == [True] and list(described.warnings) == said


@pytest.fixture(scope="module")
def real(tmp_path_factory):
    folder = tmp_path_factory.mktemp("real")
    return folder, toy_stores(folder)


def test_the_images_that_activate_a_channel_most_and_its_maps_on_them(real):
    folder, model = real
    with store.read(str(folder / "maps.h5")) as kept, store.read(str(folder / "plain.h5")) as plain:
        stored = channels.most_activating(kept, "stem", np.array([2, 0]), np.ones(9, bool), 3)
        passed = channels.most_activating(
            plain, "stem", np.array([2, 0]), np.ones(9, bool), 3, model
        )
        whole = kept.values("/taps/stem/activation_map")
        for place, channel in enumerate((2, 0)):
            means = whole[:, channel].mean((1, 2), dtype=float)
            assert stored.rows[place].tolist() == np.argsort(-means)[:3].tolist()
            assert stored.maps[place] == pytest.approx(whole[stored.rows[place], channel])
        assert np.array_equal(stored.rows, passed.rows) and passed.maps == pytest.approx(
            stored.maps, abs=1e-5
        )
        some = np.arange(9) % 2 == 0
        assert not set(channels.most_activating(kept, "stem", np.array([1]), some, 9).rows[0]) & {
            1,
            3,
            5,
            7,
        }


def test_maps_of_another_network_and_of_none(real):
    folder, model = real
    with store.read(str(folder / "plain.h5")) as plain:
        with pytest.raises(UsageError, match="has no activation maps of stem: name its --model"):
            channels.check_maps(plain, "stem", None)
        other = dataclasses.replace(model, weights_sha256="0" * 64)
        with pytest.raises(GradtoolsError, match="of other weights"):
            channels.most_activating(plain, "stem", np.array([1]), np.ones(9, bool), 2, other)


def test_contributions_of_a_pooled_linear_head_are_what_the_score_loses(real):
    """logit = b + sum_k W_k mean(A_k): set to zero a channel, the logit falls by its contribution (mathematics#ablation)."""
    import torch

    folder, model = real
    with store.read(str(folder / "maps.h5")) as source:
        described = channels.describe(
            source,
            channels.Options(tap=("body",), of=source.ids[0], **QUICK),
            say=lambda line: None,
        )
        A = torch.from_numpy(source.values("/taps/body/activation_map")[:1])
        target = int(source.target[0])
    whole = model.module.classifier(A.mean((2, 3)))[0, target]
    for channel in range(3):
        without = A.clone()
        without[:, channel] = 0
        lost = float(whole - model.module.classifier(without.mean((2, 3)))[0, target])
        assert described.taps[0].values["contribution"][0, channel] == pytest.approx(lost, abs=1e-5)


def test_taps_measured_apart_stand_in_one_table(path, tmp_path):
    """Evaluated together, a store for each tap gives what one store of both gives; other values of one tap are refused."""
    for name, options in {
        "both": {},
        "early": {"tap": ("early",)},
        "late": {"tap": ("late",)},
        "other": {"tap": ("late",), "seed": 5},
    }.items():
        run(path, tmp_path / f"{name}.h5", **options)

    def tables(*names):
        return evaluate.evaluate(
            evaluate.gather([str(tmp_path / f"{name}.h5") for name in names]), "channels"
        )

    whole, joined = tables("both"), tables("early", "late")
    assert [table.rows for table in joined] == [table.rows for table in whole] and len(
        whole[0].rows
    ) == 2
    assert [table.rows for table in tables("both", "late")] == [table.rows for table in whole]
    with pytest.raises(GradtoolsError, match="different values for channels channel_"):
        tables("late", "other")
