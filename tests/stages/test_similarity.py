"""Similarities, store in and results out, against loops over the pairs in float64."""

import dataclasses
import itertools
import math
import os
import statistics

import numpy as np
import pytest
from planted import alike, by_loops, plant, write

from gradtools import store
from gradtools.errors import GradtoolsError
from gradtools.math.pairs import bootstrap, pair_auc
from gradtools.selection import features
from gradtools.stages import similarity
from gradtools.stages.similarity import vector_statistics, writing

DATA = plant()
QUICK = {"resamples": 20, "permutations": 20}
METRICS = ("cosine", "dot", "euclidean", "correlation")


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    with store.read(write(tmp_path_factory.mktemp("similarity") / "a.h5", DATA)) as opened:
        yield opened


def computed(source, output=None, lines=None, *, carry=False, restart=False, **options):
    """{(feature, metric): Result}."""
    options = similarity.Options(**{**QUICK, **options})
    results = similarity.similarity(
        source,
        output,
        options,
        carry=carry,
        restart=restart,
        say=lines.append if lines is not None else lambda line: None,
    )
    return {(result.feature, result.metric): result for result in results}


def of(tmp_path, data, name="b.h5", **options):
    """Results of a store made of the data."""
    with store.read(write(tmp_path / name, data)) as opened:
        return computed(opened, **options)


def values(result, key="value"):
    return dict(zip(result.columns["statistic"], result.columns[key].tolist()))


def holds(result, expected, tolerance=1e-9):
    """Every statistic has the expected value and number of pairs."""
    assert set(values(result)) == set(expected)
    for name, (value, pairs) in expected.items():
        assert values(result)[name] == pytest.approx(
            value, abs=tolerance, rel=tolerance, nan_ok=True
        ), name
        assert values(result, "pairs")[name] == pairs, name


def equal(first, second):
    """Results of the same values, intervals, replicates and counts of rows."""
    for key in ("value", "low", "high", "pairs"):
        np.testing.assert_allclose(first.columns[key], second.columns[key], rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(first.replicates, second.replicates, rtol=1e-9, atol=1e-12)
    assert first.facts["rows"] == second.facts["rows"]


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("feature", ["gradient@conv", "probabilities", "weight"])
def test_every_statistic_by_loops(source, feature, metric):
    result = computed(source, feature=(feature,), metric=(metric,), resamples=0, permutations=0)[
        feature, metric
    ]
    holds(result, by_loops(DATA.of(feature), DATA.labels, DATA.predicted, metric))
    assert (
        result.facts["rows"] == 30 and result.facts["degenerate"] == result.facts["left_out"] == 0
    )


@pytest.mark.parametrize("metric", ["cosine", "euclidean"])
def test_replicates_by_loops_over_weighted_pairs(source, metric):
    result = computed(source, feature=("activation",), metric=(metric,), resamples=3)[
        "activation@block", metric
    ]
    counts = bootstrap.resample_weights(DATA.labels, 3, 0)
    assert np.allclose(counts.sum(axis=1), 30, atol=0.02) and counts.max() > 1
    for copies, replicate in zip(counts, result.replicates):
        expected = by_loops(
            DATA.of("activation@block"), DATA.labels, DATA.predicted, metric, copies
        )
        for name, value in zip(result.columns["statistic"], replicate):
            assert value == pytest.approx(expected[name][0], abs=1e-9), name


def test_intervals_are_the_quantiles_of_the_replicates(source):
    for result in computed(source).values():
        low, high = np.nanquantile(result.replicates, [0.025, 0.975], axis=0)
        np.testing.assert_allclose(result.columns["low"], low, rtol=1e-12)
        np.testing.assert_allclose(result.columns["high"], high, rtol=1e-12)


def test_what_is_stored_is_what_is_returned(source, tmp_path):
    out = str(tmp_path / "out.h5")
    results = computed(source, out, metric=("cosine", "dot"))
    with store.read(out) as opened:
        assert (
            opened.kind == "similarity"
            and opened.ids == DATA.ids
            and len(opened.history_lines()) == 2
        )
        assert {
            (f, m) for f in opened.tree("/similarity") for m in opened.tree(f"/similarity/{f}")
        } == set(results) and len(results) == 10
        for (feature, metric), result in results.items():
            columns, facts = opened.table(f"/similarity/{feature}/{metric}")
            assert facts == result.facts and columns.keys() == result.columns.keys()
            for name, column in result.columns.items():
                np.testing.assert_array_equal(columns[name], column)
            np.testing.assert_array_equal(
                opened.values(f"/similarity/{feature}/{metric}/replicate"), result.replicates
            )


def test_the_same_seed_gives_the_same_store_and_fewer_resamples_are_the_first(source, tmp_path):
    digests = []
    for name, seed in (("a", 4), ("b", 4), ("c", 5)):
        first = computed(source, str(tmp_path / name), seed=seed)
        with store.read(str(tmp_path / name)) as opened:
            digests.append(store.digests(opened.file))
    assert digests[0] == digests[1] != digests[2]
    for key, more in computed(source, seed=5, resamples=25).items():
        np.testing.assert_allclose(more.replicates[:20], first[key].replicates, rtol=1e-12)


def test_equal_features_have_equal_replicates(tmp_path):
    taps = dict.fromkeys(("gradient@conv", "activation@block"), DATA.taps["gradient@conv"])
    results = of(tmp_path, dataclasses.replace(DATA, taps=taps))
    equal(results["gradient@conv", "cosine"], results["activation@block", "cosine"])


def test_the_class_row_knows_the_prediction_and_no_more(source):
    results = computed(source, feature=("gradient@block",))
    for key in (("weight", "cosine"), ("gradient@block", "cosine")):
        assert values(results[key])["same_class_same_prediction"] == pytest.approx(1, abs=1e-6)
        assert values(results[key])["label_effect"] == pytest.approx(0, abs=1e-6)
        assert values(results[key])["auc_same_prediction"] == 0.5


@pytest.mark.parametrize("condition", ["correct", "wrong", "class=ant,cat", "smallest=40%", "list"])
def test_chosen_samples_are_as_a_store_of_them_alone(tmp_path, condition):
    sample = np.arange(0, 30, 2, dtype="i4")
    boxes = {
        "sample": sample,
        "x0": np.zeros(15),
        "y0": np.zeros(15),
        "x1": sample / 3.0 + 0.1,
        "y1": np.ones(15),
    }
    rows = {
        "correct": DATA.labels == DATA.predicted,
        "wrong": DATA.labels != DATA.predicted,
        "class=ant,cat": DATA.labels != 1,
        "smallest=40%": np.isin(np.arange(30), sample[:6]),
        "list": np.isin(np.arange(30), [1, 5, 8, 9, 20, 22]),
    }[condition]
    if condition == "list":
        (tmp_path / "ids").write_text(
            "".join(f"{name}\n" for name, kept in zip(DATA.ids, rows) if kept)
        )
        condition = f"list={tmp_path / 'ids'}"
    results = of(tmp_path, dataclasses.replace(DATA, boxes=boxes), "all.h5", where=(condition,))
    alone = of(tmp_path, DATA.take(np.flatnonzero(rows)), "alone.h5")
    assert results.keys() == alone.keys()
    for key, result in results.items():
        equal(result, alone[key])
        assert result.facts["left_out"] == 30 - rows.sum() and result.facts["rows"] == rows.sum()


def test_samples_without_a_label_are_left_out_and_counted(tmp_path):
    labels = np.where(np.arange(30) < 4, -1, DATA.labels).astype("i4")
    results, lines = (
        of(tmp_path, dataclasses.replace(DATA, labels=labels), lines=(said := [])),
        said,
    )
    alone = of(tmp_path, DATA.take(slice(4, None)))
    for key, result in results.items():
        equal(result, alone[key])
        assert result.facts["unlabelled"] == result.facts["left_out"] == 4
    assert lines == ["4 samples without a single label are left out"]


def test_without_labels_means_are_over_all_pairs_and_by_prediction(tmp_path):
    result = of(tmp_path, dataclasses.replace(DATA, labels=np.full(30, -1, "i4")))[
        "gradient@conv", "cosine"
    ]
    expected = by_loops(DATA.of("gradient@conv"), DATA.labels, DATA.predicted)
    expected = {name: pair for name, pair in expected.items() if name not in vector_statistics.AUC}
    known = {"all", "same_prediction"}
    alone = dataclasses.replace(
        result, columns={name: column[: len(known)] for name, column in result.columns.items()}
    )
    holds(alone, {name: expected[name] for name in known})
    assert np.isfinite(result.columns["value"]).all() and result.replicates.shape[1] == len(
        result.columns["statistic"]
    )
    low = values(result, "low")
    assert {name for name, value in low.items() if value == value} == known
    assert "p_label_effect" not in result.facts and "p_within" not in result.facts


@pytest.mark.parametrize("metric", METRICS)
def test_without_labels_all_pairs_are_spread_out(tmp_path, metric):
    data = dataclasses.replace(zeroed([2]), labels=np.full(30, -1, "i4"))
    result = of(tmp_path, data, metric=(metric,), feature=("gradient",))["gradient@conv", metric]
    rows = [i for i in range(30) if i != 2 or metric in ("dot", "euclidean")]
    x = data.of("gradient@conv")
    pairs = {(i, j): alike(x[i], x[j], metric) for i, j in itertools.combinations(rows, 2)}
    best = (min if metric == "euclidean" else max)(pairs, key=pairs.get)
    got = values(result)
    assert (result.facts["most_alike_first"], result.facts["most_alike_second"]) == tuple(
        data.ids[i] for i in best
    )
    assert got["most_alike"] == pytest.approx(pairs[best]) and values(result, "pairs")[
        "median"
    ] == len(pairs)
    assert got["median"] == pytest.approx(statistics.median(pairs.values()))
    assert sum(value < got["quantile_05"] for value in pairs.values()) == math.ceil(
        0.05 * (len(pairs) - 1)
    )
    length = math.hypot(*x.mean(0)) / np.mean([math.hypot(*row) for row in x])
    assert got["mean_row_share"] == pytest.approx(length)
    assert not any(name.startswith("spearman") for name in got)


def test_shuffled_dimensions_leave_of_planted_rows_what_chance_gives(tmp_path):
    """Equal rows of independent values: every pair is alike, and shuffled by themselves none is."""
    row = np.random.default_rng(3).standard_normal(4000).astype("f4")
    data = dataclasses.replace(
        DATA, labels=np.full(30, -1, "i4"), taps={"gradient@conv": np.tile(row, (30, 1))}
    )
    got = values(of(tmp_path, data, feature=("gradient",))["gradient@conv", "cosine"])
    assert got["quantile_05"] == pytest.approx(1) and abs(got["shuffled_all"]) < 5 / math.sqrt(
        4000 * 435 * 10
    )
    assert (
        2 / math.sqrt(4000) < got["shuffled_most_alike"] < 4.5 / math.sqrt(4000)
    )  # of 435 normal pairs


def test_without_predictions_only_classes_are_told(tmp_path):
    data = dataclasses.replace(
        DATA,
        predicted=None,
        logits=None,
        class_rows=None,
        taps={"activation@block": DATA.taps["activation@block"]},
    )
    results = of(tmp_path, data)
    assert set(results) == {("activation@block", "cosine")}
    expected = by_loops(DATA.of("activation@block"), DATA.labels, DATA.predicted)
    known = {"within", "within_macro", "between", "all", "auc"}
    holds(results["activation@block", "cosine"], {name: expected[name] for name in known})


def test_one_class_has_nothing_between(tmp_path):
    results, lines = of(tmp_path, DATA, where=("class=bee",), lines=(said := [])), said
    rows = DATA.labels == 1
    holds(
        results["logits", "cosine"],
        by_loops(DATA.of("logits")[rows], DATA.labels[rows], DATA.predicted[rows]),
    )
    assert (
        values(results["logits", "cosine"], "pairs")["between"] == 0
        and "all samples are of one class" in lines[0]
    )


def test_one_sample_and_no_sample_are_refused(tmp_path):
    with pytest.raises(GradtoolsError, match="need at least 2 samples to compare, got 1"):
        of(tmp_path, DATA.take(slice(0, 1)))


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("memory", [1 << 29, 100])
def test_a_row_that_is_no_number_names_its_image(tmp_path, metric, memory, monkeypatch):
    monkeypatch.setattr(vector_statistics, "IN_MEMORY", memory)
    taps = {"gradient@conv": DATA.taps["gradient@conv"].copy()}
    taps["gradient@conv"][11, 3] = np.nan
    with pytest.raises(GradtoolsError, match="gradient@conv of 011.png holds NaN"):
        of(tmp_path, dataclasses.replace(DATA, taps=taps), metric=(metric,))


def zeroed(rows):
    taps = {"gradient@conv": DATA.taps["gradient@conv"].copy()}
    taps["gradient@conv"][rows] = 0
    return dataclasses.replace(DATA, taps=taps)


@pytest.mark.parametrize("metric", ["cosine", "correlation"])
def test_rows_of_zeros_are_counted_and_left_out(tmp_path, metric):
    result = of(tmp_path, zeroed([2, 3, 17]), metric=(metric,))["gradient@conv", metric]
    rows = ~np.isin(np.arange(30), [2, 3, 17])
    assert result.facts["degenerate"] == 3 and result.facts["rows"] == 27
    holds(
        result,
        by_loops(DATA.of("gradient@conv")[rows], DATA.labels[rows], DATA.predicted[rows], metric),
    )
    copies = bootstrap.resample_weights(DATA.labels, 20, 0)[0][rows]
    again = by_loops(
        DATA.of("gradient@conv")[rows], DATA.labels[rows], DATA.predicted[rows], metric, copies
    )
    assert result.replicates[0] == pytest.approx(
        [again[name][0] for name in result.columns["statistic"]], abs=1e-9
    )


def test_a_zero_has_a_distance_and_a_product(tmp_path):
    data = zeroed([2])
    for (feature, metric), result in of(
        tmp_path, data, feature=("gradient",), metric=("dot", "euclidean")
    ).items():
        assert result.facts["degenerate"] == 0
        holds(result, by_loops(data.of(feature), DATA.labels, DATA.predicted, metric))


def test_nothing_but_zeros_names_the_feature_once(tmp_path):
    with pytest.raises(GradtoolsError, match="^gradient@conv: only 1 of 30 rows") as caught:
        of(tmp_path, zeroed(range(29)))
    assert str(caught.value).count("gradient@conv") == 1


@pytest.mark.parametrize("metric", METRICS)
def test_block_by_block_is_as_in_memory(source, metric, monkeypatch):
    whole = computed(source, feature=("gradient",), metric=(metric,))["gradient@conv", metric]
    monkeypatch.setattr(vector_statistics, "IN_MEMORY", 30 * 6 * 8 - 1)
    monkeypatch.setattr(features, "READ_BYTES", 4 * 6 * 7)
    result = computed(source, feature=("gradient",), metric=(metric,), resamples=400)[
        "gradient@conv", metric
    ]
    assert (
        result.facts["resampling"] == "poisson"
        and result.facts["auc_rows"] == 29
        and "p_within" not in result.facts
    )
    drawn = np.sort(np.random.default_rng(0).permutation(30)[:29])
    few = by_loops(
        DATA.of("gradient@conv")[drawn], DATA.labels[drawn], DATA.predicted[drawn], metric
    )
    expected = {
        name: few[name] if "auc" in name else (value, values(whole, "pairs")[name])
        for name, value in values(whole).items()
    }
    holds(result, expected)


def test_block_by_block_intervals_are_about_as_wide(source, monkeypatch):
    whole = computed(source, feature=("gradient",), resamples=600)["gradient@conv", "cosine"]
    monkeypatch.setattr(vector_statistics, "RESAMPLED_ROWS", 29)
    streamed = computed(source, feature=("gradient",), resamples=600)["gradient@conv", "cosine"]
    for name in ("within", "between", "label_effect", "auc"):
        width = [
            values(result, "high")[name] - values(result, "low")[name]
            for result in (whole, streamed)
        ]
        assert 0.5 < width[0] / width[1] < 2, name


def test_zeros_block_by_block(tmp_path, monkeypatch):
    whole = of(tmp_path, zeroed([2, 3]))["gradient@conv", "cosine"]
    monkeypatch.setattr(vector_statistics, "RESAMPLED_ROWS", 29)
    result = of(tmp_path, zeroed([2, 3]))["gradient@conv", "cosine"]
    assert result.facts["degenerate"] == 2 and result.facts["rows"] == 28
    for name, value in values(whole).items():
        assert "auc" in name or values(result)[name] == pytest.approx(value, abs=1e-10)


def test_a_planted_effect_beyond_the_prediction_is_found(tmp_path):
    result = of(
        tmp_path, plant(90, effect=1.0), feature=("gradient",), resamples=200, permutations=199
    )["gradient@conv", "cosine"]
    assert (
        values(result, "low")["label_effect"] > 0
        and result.facts["p_label_effect"] == result.facts["p_within"] == 1 / 200
    )
    assert values(result, "low")["auc_same_prediction"] > 0.5


def test_random_labels_have_no_effect(tmp_path):
    data, rng, covered, p = plant(60, effect=1.0), np.random.default_rng(5), [], []
    for _ in range(20):
        labels = rng.permutation(data.labels)
        results = of(
            tmp_path,
            dataclasses.replace(data, labels=labels),
            feature=("gradient",),
            resamples=100,
            permutations=99,
        )
        result = results["gradient@conv", "cosine"]
        covered.append(
            [
                values(result, "low")[name] < at < values(result, "high")[name]
                for name, at in (("label_effect", 0), ("auc", 0.5))
            ]
        )
        p.append(result.facts["p_label_effect"])
    assert (np.sum(covered, axis=0) >= 16).all()  # 95 % each: fewer than 16 of 20 once in 300 times
    assert np.sum(np.array(p) <= 0.05) <= 4 and 0.35 < np.mean(p) < 0.65


def test_the_permutation_says_what_it_can_move(source):
    result = computed(source, feature=("gradient",))["gradient@conv", "cosine"]
    strata = [DATA.labels[DATA.predicted == k] for k in range(3)]
    assert result.facts["movable"] == sum(len(labels) for labels in strata if len(set(labels)) > 1)


def test_gradients_of_the_true_label_are_marked(tmp_path):
    lines = []
    results = of(
        tmp_path,
        dataclasses.replace(DATA, model={"target": "label"}),
        lines=lines,
        feature=("logits",),
    )
    assert (
        all(result.facts["leaks"] for result in results.values())
        and "target=label (leaks)" in lines[-1]
    )


def full(data, feature, metric, rows):
    x = data.of(feature)[rows]
    return np.array([[alike(a, b, metric) for b in x] for a in x])


@pytest.mark.parametrize(
    "where, rows", [((), range(30)), (("wrong",), np.flatnonzero(DATA.labels != DATA.predicted))]
)
def test_matrices_hold_every_pair(source, tmp_path, where, rows, monkeypatch):
    monkeypatch.setattr(writing, "MATRIX_BLOCK", 4)
    monkeypatch.setattr(features, "READ_BYTES", 4 * 6 * 7)
    out = str(tmp_path / "out.h5")
    results = computed(source, out, matrix=True, feature=("gradient",), metric=METRICS, where=where)
    with store.read(out) as opened:
        for feature, metric in results:
            matrix = opened.values(f"/similarity/{feature}/{metric}/matrix")
            assert matrix.dtype == np.float32
            np.testing.assert_allclose(
                matrix, full(DATA, feature, metric, rows), rtol=1e-6, atol=1e-6
            )
            columns, _ = opened.table(f"/similarity/{feature}/{metric}")
            np.testing.assert_array_equal(
                columns["value"], results[feature, metric].columns["value"]
            )
        assert opened.ids == [DATA.ids[i] for i in rows]


def test_a_matrix_goes_on_after_a_kill(source, tmp_path, monkeypatch):
    monkeypatch.setattr(writing, "MATRIX_BLOCK", 8)
    job = {"matrix": True, "feature": ("gradient", "logits")}
    computed(source, str(tmp_path / "whole.h5"), **job)
    made, rows_of = [], writing._matrix_rows

    def dies(feature, metric, keep, start, stop):
        made.append((feature.name, start))
        if made[-1] == ("logits", 16):
            raise KeyboardInterrupt
        return rows_of(feature, metric, keep, start, stop)

    out = str(tmp_path / "out.h5")
    monkeypatch.setattr(writing, "_matrix_rows", dies)
    with pytest.raises(KeyboardInterrupt):
        computed(source, out, **job)
    assert not os.path.exists(out) and os.path.exists(out + ".part")
    with pytest.raises(GradtoolsError, match="not finished"), store.read(out + ".part"):
        pass
    with pytest.raises(GradtoolsError, match="another command: seed was 0, is 1.*--restart"):
        computed(source, out, **job, seed=1)
    monkeypatch.setattr(writing, "_matrix_rows", rows_of)
    computed(source, out, lines := [], **job)
    assert any("16 of 30 done" in line for line in lines)
    with store.read(out) as again, store.read(str(tmp_path / "whole.h5")) as whole:
        assert store.digests(again.file) == store.digests(whole.file)
    assert not os.path.exists(out + ".part")


def test_restart_drops_what_another_command_left(source, tmp_path, monkeypatch):
    def dies(*_):
        raise KeyboardInterrupt

    out = str(tmp_path / "out.h5")
    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(writing, "_matrix_rows", dies)
        computed(source, out, matrix=True)
    computed(source, out, matrix=True, seed=1, restart=True)
    assert os.path.exists(out) and not os.path.exists(out + ".part")


def test_carried_whole_or_what_is_always_there(source, tmp_path):
    computed(source, str(tmp_path / "little.h5"))
    computed(source, str(tmp_path / "whole.h5"), carry=True)
    with (
        store.read(str(tmp_path / "little.h5")) as little,
        store.read(str(tmp_path / "whole.h5")) as whole,
    ):
        assert (
            little.rows("/taps/conv/gradient") is None
            and little.predicted.tolist() == DATA.predicted.tolist()
        )
        assert (
            little.model == whole.model == source.model and little.class_names == source.class_names
        )
        for path in ("/taps/conv/gradient", "/outputs/logits", "/model/weight"):
            np.testing.assert_array_equal(whole.values(path), source.values(path))


def test_a_subset_leaves_results_behind_and_says_so(source, tmp_path):
    first, second = str(tmp_path / "one.h5"), str(tmp_path / "two.h5")
    computed(source, first, carry=True)
    with store.read(first) as opened:
        computed(opened, second, lines := [], carry=True, where=("correct",), feature=("logits",))
    assert any("not copied" in line and "similarity" in line for line in lines)
    rows = DATA.labels == DATA.predicted
    with store.read(second) as opened:
        assert opened.tree("/similarity") == ["logits", "weight"] and opened.n_samples == rows.sum()
        np.testing.assert_array_equal(
            opened.values("/taps/conv/gradient"), DATA.taps["gradient@conv"][rows]
        )


def test_another_metric_joins_what_is_carried(source, tmp_path):
    first, second = str(tmp_path / "one.h5"), str(tmp_path / "two.h5")
    computed(source, first, carry=True, feature=("logits",))
    with store.read(first) as opened:
        computed(opened, second, carry=True, metric=("dot",), feature=("logits",))
        with store.read(second) as both:
            assert both.tree("/similarity/logits") == ["cosine", "dot"]
            one, two = (
                of_.table("/similarity/logits/cosine")[0]["value"] for of_ in (opened, both)
            )
            np.testing.assert_array_equal(one, two)


def test_auc_may_be_left_out(source):
    result = computed(source, feature=("logits",), auc=False)["logits", "cosine"]
    assert not set(vector_statistics.AUC) & set(values(result)) and result.replicates.shape == (
        20,
        11,
    )


def test_the_output_is_refused_before_the_work(source, tmp_path):
    (tmp_path / "there.h5").write_text("precious")
    with pytest.raises(GradtoolsError, match="--force"):
        computed(source, str(tmp_path / "there.h5"))
    with pytest.raises(GradtoolsError, match="inputs never change"):
        computed(source, source.name)


def test_ties_are_what_is_equal_to_a_millionth(tmp_path):
    rows = np.array([[1, 0], [1, 1e-9], [1, 2e-9], [0, 1]], "f4")
    data = dataclasses.replace(
        DATA.take(slice(0, 4)),
        taps={"gradient@conv": rows},
        labels=np.array([0, 0, 1, 1], "i4"),
        predicted=np.zeros(4, "i4"),
    )
    result = of(tmp_path, data, feature=("gradient",))["gradient@conv", "cosine"]
    # alike: 01 (same class) 1, 23 (same) 0; 02 and 12 (other) 1; 03 and 13 (other) 0
    assert (
        values(result)["auc"] == (0.5 * 2 + 2 + 0 * 2 + 0.5 * 2) / 8
        and result.facts["score_step"] == pair_auc.COSINE_STEP
    )
