"""Neighbours, store in and results out: loops, scikit-learn, and SqueezeNet's classes (mathematics#neighbour-floor)."""

import dataclasses
import os

import numpy as np
import pytest
from conftest import DATA as REAL
from conftest import needs_data
from planted import alike, plant, write
from sklearn.metrics import average_precision_score
from sklearn.neighbors import KNeighborsClassifier, NearestNeighbors

from gradtools import store
from gradtools.errors import GradtoolsError, UsageError
from gradtools.math.clusters import half_samples
from gradtools.network import models
from gradtools.selection import features
from gradtools.stages import classes, neighbors
from gradtools.stages.neighbors import reading, retrieval

DATA = plant(40)
METRICS = ("cosine", "dot", "euclidean", "correlation")


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    with store.read(write(tmp_path_factory.mktemp("neighbors") / "a.h5", DATA)) as opened:
        yield opened


def neighbours(source, output=None, lines=None, *, carry=False, restart=False, **options):
    """({feature: Found}, {feature: Outcome})."""
    say = lines.append if lines is not None else lambda line: None
    options = neighbors.Options(**{"resamples": 20, "k": 5, **options})
    near, measured = neighbors.neighbors(
        source, output, options, carry=carry, restart=restart, say=say
    )
    return {one.feature: one for one in near}, {one.feature: one for one in measured}


def by_loop(x, i, k, metric, among=None):
    """Rows and values of the k nearest of row i."""
    among = range(len(x)) if among is None else among
    sign = 1 if metric == "euclidean" else -1
    values = sorted((sign * alike(x[i], x[j], metric), j) for j in among if j != i)[:k]
    return [j for _, j in values], [sign * value for value, _ in values]


@pytest.mark.parametrize("metric", METRICS)
def test_the_nearest_of_all_by_loops(source, tmp_path, metric):
    out = str(tmp_path / "n.h5")
    near, _ = neighbours(source, out, metric=metric, feature=("gradient", "logits"))
    name = "distance" if metric == "euclidean" else "similarity"
    with store.read(out) as opened:
        assert (
            opened.kind == "neighbors"
            and opened.ids == DATA.ids
            and len(opened.history_lines()) == 2
        )
        for feature in ("gradient@conv", "logits"):
            index, values = (
                opened.values(f"/neighbors/{feature}/index"),
                opened.values(f"/neighbors/{feature}/{name}"),
            )
            assert index.dtype == np.int32 and values.dtype == np.float32 and index.shape == (40, 5)
            np.testing.assert_array_equal(near[feature].index, index)
            for i in range(40):
                rows, expected = by_loop(DATA.of(feature), i, 5, metric)
                assert index[i].tolist() == rows
                assert values[i] == pytest.approx(expected, rel=1e-5, abs=1e-6)


def test_some_samples_are_as_a_store_of_them_alone(source, tmp_path):
    right = np.flatnonzero(DATA.labels == DATA.predicted)
    near, measured = neighbours(
        source, str(tmp_path / "n.h5"), where=("correct",), feature=("gradient",)
    )
    with store.read(write(tmp_path / "alone.h5", DATA.take(right))) as alone:
        again, measured_again = neighbours(alone, str(tmp_path / "m.h5"), feature=("gradient",))
    np.testing.assert_array_equal(near["gradient@conv"].index, again["gradient@conv"].index)
    for name in ("value", "chance", "queries"):
        np.testing.assert_allclose(
            measured["gradient@conv"].columns[name], measured_again["gradient@conv"].columns[name]
        )
    with store.read(str(tmp_path / "n.h5")) as opened:
        assert opened.ids == [DATA.ids[i] for i in right]


def test_blocks_make_no_difference(source, tmp_path, monkeypatch):
    whole, _ = neighbours(source, str(tmp_path / "a.h5"))
    for patched, (block, held, read) in enumerate(
        ((7, 1 << 29, 100), (16, 0, 4 * 6 * 3), (40, 0, 1))
    ):
        monkeypatch.setattr(neighbors, "BLOCK", block)
        monkeypatch.setattr(reading, "HELD", held)
        monkeypatch.setattr(features, "READ_BYTES", read)
        again, _ = neighbours(source, str(tmp_path / f"{patched}.h5"))
        assert again.keys() == whole.keys()
        for name, one in whole.items():
            np.testing.assert_array_equal(again[name].index, one.index)
            np.testing.assert_array_equal(again[name].values, one.values)


def test_it_goes_on_after_a_kill(source, tmp_path, monkeypatch):
    monkeypatch.setattr(neighbors, "BLOCK", 8)
    neighbours(source, str(tmp_path / "whole.h5"))
    made, of_block = [], neighbors._of_block

    def dies(rows, block, pieces, options):
        made.append(block.start)
        if len(made) == 12:
            raise KeyboardInterrupt
        return of_block(rows, block, pieces, options)

    out = str(tmp_path / "out.h5")
    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(neighbors, "_of_block", dies)
        neighbours(source, out)
    assert not os.path.exists(out) and max(made) == 16
    with pytest.raises(GradtoolsError, match="another command: k was 5, is 6"):
        neighbours(source, out, k=6)
    neighbours(source, out, lines := [])
    assert any("16 of 40 done" in line for line in lines)
    with store.read(out) as again, store.read(str(tmp_path / "whole.h5")) as whole:
        assert store.digests(again.file) == store.digests(whole.file)


def test_rows_without_a_direction_have_no_neighbours_and_are_nobodys(tmp_path):
    taps = {"gradient@conv": DATA.taps["gradient@conv"].copy()}
    taps["gradient@conv"][[3, 9]] = 0
    with store.read(write(tmp_path / "a.h5", dataclasses.replace(DATA, taps=taps))) as opened:
        near, measured = neighbours(opened, str(tmp_path / "n.h5"), feature=("gradient",), k=39)
        one = near["gradient@conv"]
        assert (one.index[[3, 9]] == -1).all() and np.isnan(one.values[[3, 9]]).all()
        assert (
            not np.isin(one.index, [3, 9]).any()
            and (one.index[0, :37] >= 0).all()
            and (one.index[0, 37:] == -1).all()
        )
        assert (
            measured["gradient@conv"].facts["degenerate"] == 2
            and measured["gradient@conv"].facts["rows"] == 38
        )
        with pytest.raises(GradtoolsError, match="003.png has no direction"):
            neighbors.of(
                opened,
                "003.png",
                None,
                neighbors.Options(feature=("gradient",)),
            )


def test_k_is_at_most_the_others(source, tmp_path):
    near, _ = neighbours(source, str(tmp_path / "n.h5"), lines := [], k=100, feature=("logits",))
    assert near["logits"].index.shape == (40, 39) and any("k is 39" in line for line in lines)


def test_without_labels_the_neighbours_are_what_is_shown(tmp_path):
    with store.read(
        write(tmp_path / "a.h5", dataclasses.replace(DATA, labels=np.full(40, -1, "i4")))
    ) as opened:
        near, measured = neighbours(opened, feature=("gradient",))
    assert (
        not measured
        and near["gradient@conv"].index[5].tolist()
        == by_loop(DATA.of("gradient@conv"), 5, 5, "cosine")[0]
    )


def table(outcome, key="value"):
    return dict(zip(outcome.columns["statistic"], outcome.columns[key].tolist()))


@pytest.mark.parametrize("metric", ["cosine", "euclidean"])
def test_retrieval_is_scikit_learns(source, metric):
    _, measured = neighbours(source, metric=metric, feature=("activation",))
    got, x, labels = table(measured["activation@block"]), DATA.of("activation@block"), DATA.labels
    precision, hits = [], []
    for i in range(40):
        others = np.arange(40) != i
        similar = np.array([alike(x[i], row, metric) for row in x[others]]) * (
            -1 if metric == "euclidean" else 1
        )
        precision.append(average_precision_score(labels[others] == labels[i], similar))
        vote = (
            KNeighborsClassifier(5, metric=metric)
            .fit(x[others], labels[others])
            .predict_proba(x[i : i + 1])[0]
        )
        hits.append((vote[labels[i]] == vote.max()) / (vote == vote.max()).sum())
    nearest = (
        NearestNeighbors(n_neighbors=6, metric=metric)
        .fit(x)
        .kneighbors(x, return_distance=False)[:, 1:]
    )
    assert got["average_precision"] == pytest.approx(np.mean(precision), abs=1e-6)
    assert got["knn"] == pytest.approx(np.mean(hits), abs=1e-9)
    assert got["recall_1"] == pytest.approx((labels[nearest[:, 0]] == labels).mean(), abs=1e-9)
    assert got["recall_5"] == pytest.approx(
        (labels[nearest] == labels[:, None]).any(axis=1).mean(), abs=1e-9
    )


def test_given_the_prediction_only_its_images_are_candidates(source):
    _, measured = neighbours(source, feature=("activation",))
    got, x = table(measured["activation@block"]), DATA.of("activation@block")
    first, chance = [], []
    for i in range(40):
        pool = [j for j in range(40) if DATA.predicted[j] == DATA.predicted[i]]
        right = [j for j in pool if j != i and DATA.labels[j] == DATA.labels[i]]
        if right and len(right) < len(pool) - 1:
            first.append(DATA.labels[by_loop(x, i, 1, "cosine", pool)[0][0]] == DATA.labels[i])
            chance.append(len(right) / (len(pool) - 1))
    assert (
        table(measured["activation@block"], "queries")["recall_1_same_prediction"]
        == len(first)
        < 40
    )
    assert got["recall_1_same_prediction"] == pytest.approx(np.mean(first), abs=1e-9)
    assert table(measured["activation@block"], "chance")[
        "recall_1_same_prediction"
    ] == pytest.approx(np.mean(chance), abs=1e-9)


def test_the_class_row_of_the_prediction_retrieves_what_chance_does_given_the_prediction(source):
    _, measured = neighbours(source)
    got, chance = table(measured["weight"]), table(measured["weight"], "chance")
    for name in ("recall_1", "recall_5", "average_precision"):
        assert got[f"{name}_same_prediction"] == pytest.approx(
            chance[f"{name}_same_prediction"], abs=1e-9
        )
    assert (
        got["recall_1"] > chance["recall_1"]
        and got["average_precision"] > chance["average_precision"]
    )


def test_random_labels_are_retrieved_by_chance(tmp_path):
    data = plant(150, effect=1.0)
    shuffled = dataclasses.replace(data, labels=np.random.default_rng(7).permutation(data.labels))
    with store.read(write(tmp_path / "a.h5", shuffled)) as opened:
        _, measured = neighbours(opened, feature=("activation",), resamples=300)
    low, high, chance = (
        table(measured["activation@block"], key) for key in ("low", "high", "chance")
    )
    for name in ("recall_1", "recall_1_same_prediction"):
        assert low[name] - 0.02 < chance[name] < high[name] + 0.02, name


def test_intervals_are_from_half_samples_of_queries_and_candidates(source):
    _, measured = neighbours(source, feature=("logits",), resamples=12)
    outcome, x = measured["logits"], DATA.of("logits")
    halves = half_samples.half_samples(DATA.labels, 12)
    assert outcome.replicates.shape == (12, 8)
    for half, replicate in zip(halves, outcome.replicates):
        rows = np.flatnonzero(half)
        hits = [DATA.labels[by_loop(x, i, 1, "cosine", rows)[0][0]] == DATA.labels[i] for i in rows]
        assert replicate[0] == pytest.approx(np.mean(hits))
        precision = []
        for i in rows:
            others = [j for j in rows if j != i]
            precision.append(
                average_precision_score(
                    DATA.labels[others] == DATA.labels[i],
                    [alike(x[i], x[j], "cosine") for j in others],
                )
            )
        assert replicate[2] == pytest.approx(np.mean(precision), abs=1e-6)
        of_pools = []
        for i in rows:
            pool = [j for j in rows if DATA.predicted[j] == DATA.predicted[i]]
            if len(set(DATA.labels[pool])) > 1 and (DATA.labels[pool] == DATA.labels[i]).sum() > 1:
                nearest = by_loop(x, i, 1, "cosine", pool)[0][0]
                of_pools.append(DATA.labels[nearest] == DATA.labels[i])
        assert replicate[4] == pytest.approx(np.mean(of_pools))
    reach = 1.96 * outcome.replicates.std(axis=0, ddof=1) * np.sqrt(halves[0].sum() / 20)
    np.testing.assert_allclose(
        outcome.columns["low"], np.maximum(outcome.columns["value"] - reach, 0)
    )
    np.testing.assert_allclose(
        outcome.columns["high"], np.minimum(outcome.columns["value"] + reach, 1)
    )


def test_of_many_images_some_are_drawn(source, monkeypatch):
    monkeypatch.setattr(retrieval, "QUERIES", 12)
    monkeypatch.setattr(retrieval, "BLOCK_ENTRIES", 100)
    _, measured = neighbours(source, feature=("activation",))
    asked = np.sort(np.random.default_rng(0).permutation(40)[:12])
    hits = [
        DATA.labels[by_loop(DATA.of("activation@block"), i, 1, "cosine")[0][0]] == DATA.labels[i]
        for i in asked
    ]
    assert (
        table(measured["activation@block"])["recall_1"] == pytest.approx(np.mean(hits))
        and measured["weight"].facts["queries"] == 12
    )


def near_to(source, text, **options):
    return neighbors.of(source, text, None, neighbors.Options(**options))


def test_of_one_image_itself_first_then_the_nearest(source):
    (near,) = near_to(source, "007.png", k=6, permutations=50)
    rows, values = by_loop(DATA.of("activation@block"), 7, 5, "cosine")
    assert near.feature == "activation@block" and near.index.tolist() == [7, *rows]
    assert near.values == pytest.approx([1, *values]) and near.others == 39
    everything = by_loop(DATA.of("activation@block"), 7, 39, "cosine")[1]
    assert near.above == sum(value > near.floor for value in everything)


def test_of_one_image_among_some(source):
    (near,) = near_to(source, "7", where=("class=cat",), k=100, permutations=0)
    assert (
        set(near.index[1:]) == set(np.flatnonzero(DATA.labels == 2)) - {7}
        and near.index[0] == 7
        and np.isnan(near.floor)
    )


def test_an_unknown_sample_names_near_ones(source):
    with pytest.raises(UsageError, match="no sample '04.png'.*did you mean 004.png"):
        near_to(source, "04.png")


@pytest.mark.parametrize("how", ["post", "raw", "gauge"])
def test_another_order_of_the_classes_gives_the_same_neighbours(tmp_path, how):
    rows, order = (
        np.random.default_rng(6).standard_normal((30, 20)).astype("f4"),
        np.random.default_rng(8).permutation(30),
    )
    found_in = {}
    for name, weight in (("a", rows), ("b", rows[order])):
        data = dataclasses.replace(
            plant(30, n_classes=3),
            labels=np.full(30, -1, "i4"),
            predicted=np.arange(30, dtype="i4"),
            class_rows=weight,
            taps={},
            logits=None,
            member=np.zeros((3, 30), "u1"),
        )
        with store.read(write(tmp_path / f"{name}.h5", data)) as opened:
            near, _ = neighbours(opened, rows=how, feature=("weight",))
            found_in[name] = (
                near["weight"],
                near_to(
                    opened,
                    str(order.tolist().index(4) if name == "b" else 4),
                    feature=("weight",),
                    rows=how,
                )[0],
            )
    (first, of_first), (second, of_second) = found_in["a"], found_in["b"]
    np.testing.assert_array_equal(order[second.index], first.index[order])
    np.testing.assert_array_equal(order[of_second.index], of_first.index)
    assert of_second.floor == pytest.approx(of_first.floor, abs=0.03)


@pytest.fixture(scope="module")
def squeezenet(tmp_path_factory):
    """SqueezeNet's 1,000 classes."""
    path = str(tmp_path_factory.mktemp("classes") / "c.h5")
    classes.classes(
        models.load("squeezenet1_0", str(REAL / "squeezenet1_0_imagenet.pth"), without_images=True),
        path,
    )
    with store.read(path) as opened:
        yield opened


CRAB = {
    "king crab": 0.52,
    "rock crab": 0.37,
    "American lobster": 0.32,
    "crayfish": 0.29,
    "spiny lobster": 0.26,
    "vizsla": 0.194,
}


@needs_data
def test_the_neighbours_of_the_dungeness_crab(squeezenet):
    """Class 118 of SqueezeNet (mathematics#neighbour-floor) under `post`, its floor and the six above it; the euclidean list is the same one."""
    (near,) = near_to(squeezenet, "Dungeness crab", floor="values")
    assert (
        near.sample == near.index[0] == 118 and len(near.index) == 25 and near.normalised == "post"
    )
    assert [squeezenet.ids[i] for i in near.index[1:7]] == list(CRAB)
    assert near.values[1:7] == pytest.approx(list(CRAB.values()), abs=0.005) and near.values[
        6
    ] == pytest.approx(0.194, abs=0.0005)
    assert near.floor == pytest.approx(0.187, abs=0.002) and near.above == 6
    for text in ("118", "n01978287"):
        assert near_to(squeezenet, text, permutations=0)[0].index.tolist() == near.index.tolist()
    (far,) = near_to(squeezenet, "118", metric="euclidean", floor="values")
    assert far.index.tolist() == near.index.tolist() and far.above == 6
    assert far.values[1:] == pytest.approx(np.sqrt(2 * 511 * (1 - near.values[1:])), rel=1e-9)


@needs_data
def test_neighbours_of_all_classes_are_those_of_the_matrix(squeezenet, tmp_path):
    near, _ = neighbours(squeezenet, str(tmp_path / "n.h5"), k=25)
    pearson = np.corrcoef(squeezenet.class_rows.astype(float))
    np.fill_diagonal(pearson, -2)
    order = np.argsort(-pearson, axis=1)[:, :25]
    assert (near["weight"].index == order).mean() > 0.9999
    np.testing.assert_allclose(near["weight"].values, -np.sort(-pearson, axis=1)[:, :25], atol=1e-6)


def test_the_floor_is_that_of_the_others(tmp_path):
    """A row of one value among zeros: shuffled it may be itself again, and is as far from the other rows as ever."""
    data = plant(3)
    data.taps["activation@block"] = np.array(
        [[1, 0, 0, 0, 0, 0], [-1] * 6, [-1, -1, -1, -1, -1, -2]], "f4"
    )
    with store.read(write(tmp_path / "a.h5", data)) as opened:
        (near,) = near_to(opened, "0", floor="values")
    assert near.floor == pytest.approx(-1 / 3, abs=1e-6)
