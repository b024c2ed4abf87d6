"""The papers' tables from stores: every cell is a stored value, every difference is paired, and stores of one subject are one."""

import dataclasses

import numpy as np
import pytest
from planted import plant, write

from gradtools import store
from gradtools.errors import GradtoolsError
from gradtools.selection.results import Result
from gradtools.stages import cluster, evaluate, neighbors, similarity
from gradtools.tables import gradient_similarity, model, paired, per_model

DATA = plant(36)
WORSE = dataclasses.replace(
    plant(36, effect=0.2, accuracy=0.5, seed=3),
    model={"model": "net.py:worse", "weights_sha256": "1" * 64, "target": "argmax"},
)

HEADS = {
    "gradient@last-conv": "gradient@conv",
    "activation@last-block": "activation@block",
    "logits": "logits",
    "class row": "weight",
}


def made(folder, name, data=DATA, *, clusters=True, **options):
    """Paths of the stores of similarities and clusters of planted features."""
    options = {"resamples": 20, "permutations": 20, **options}
    paths = [str(folder / f"{name}-similarity.h5"), str(folder / f"{name}-clusters.h5")][
        : 2 if clusters else 1
    ]
    with store.read(write(folder / f"{name}.h5", data)) as source:
        similarity.similarity(source, paths[0], similarity.Options(**options), say=quiet)
        if clusters:
            chosen = cluster.Options(
                ("gradient", "activation", "logits"), ("kmeans",), repeats=2, n_init=1, resamples=12
            )
            cluster.cluster(source, paths[1], chosen, say=quiet)
    return paths


def quiet(line):
    """Nobody reads the lines of the stages here."""


@pytest.fixture(scope="module")
def one(tmp_path_factory):
    return made(
        tmp_path_factory.mktemp("one"),
        "planted",
        feature=("gradient", "activation", "logits", "gradient@block"),
    )


@pytest.fixture(scope="module")
def two(tmp_path_factory, one):
    return [*one, *made(tmp_path_factory.mktemp("two"), "worse", WORSE)]


def stored(path, group):
    """(columns, facts, replicates) of a stored result."""
    with store.read(path) as opened:
        return *opened.table(group), opened.values(f"{group}/replicate")


def statistic(path, feature, name, metric="cosine"):
    """(value, low, high, replicates (B,)) of a stored statistic."""
    columns, _, replicates = stored(path, f"/similarity/{feature}/{metric}")
    at = columns["statistic"].index(name)
    return columns["value"][at], columns["low"][at], columns["high"][at], replicates[:, at]


def table(tables, words):
    """The one table whose title has the words."""
    chosen = [made_ for made_ in tables if words in made_.title]
    assert len(chosen) == 1, [made_.title for made_ in tables]
    return chosen[0]


def test_cells_are_the_stored_values(one):
    tables = evaluate.evaluate(evaluate.gather(one), "all")
    titles = {
        "images of one class more alike": "auc",
        "given the same prediction": "auc_same_prediction",
        "label effect": "label_effect",
        "(a level": "within",
    }
    for words, name in titles.items():
        chosen = [made_ for made_ in tables if words in made_.title][0]
        (row,) = chosen.rows
        assert row["model"] == "planted" and row["samples"] == 36
        for head, feature in HEADS.items():
            assert (row[head].value, row[head].low, row[head].high) == pytest.approx(
                statistic(one[0], feature, name)[:3]
            )


def test_label_effects_tell_their_p_and_what_it_can_move(one):
    effect = table(evaluate.evaluate(evaluate.gather(one), "all"), "label effect")
    facts = stored(one[0], "/similarity/gradient@conv/cosine")[1]
    assert effect.rows[0]["gradient@last-conv"].p == facts["p_label_effect"]
    assert any(f"can move {facts['movable']} of 36 samples" in note for note in effect.notes)


def test_class_by_prediction_holds_means_and_pairs(one):
    printed = table(evaluate.evaluate(evaluate.gather(one), "all"), "class x prediction")
    row = next(row for row in printed.rows if row["feature"] == "gradient@last-conv")
    columns, _, _ = stored(one[0], "/similarity/gradient@conv/cosine")
    for name, head in (
        ("same_class_same_prediction", "same class, same pred"),
        ("other_class_other_prediction", "other class, other pred"),
    ):
        at = columns["statistic"].index(name)
        assert row[head].value == columns["value"][at] and row[head].n == columns["pairs"][at]


def test_differences_between_features_are_paired(one):
    printed = table(evaluate.evaluate(evaluate.gather(one), "similarity"), "minus the others")
    own = statistic(one[0], "gradient@conv", "auc")
    for head, feature in list(HEADS.items())[1:]:
        other, cell = statistic(one[0], feature, "auc"), printed.rows[0][head]
        assert cell.value == own[0] - other[0]
        assert (cell.low, cell.high) == pytest.approx(
            tuple(np.quantile(own[3] - other[3], [0.025, 0.975]))
        )
        apart = np.quantile(own[3][:, None] - other[3], [0.025, 0.975])
        assert cell.high - cell.low < apart[1] - apart[0]


def test_identical_features_differ_by_nothing(tmp_path):
    same = dataclasses.replace(
        DATA, taps=dict.fromkeys(("gradient@conv", "activation@block"), DATA.taps["gradient@conv"])
    )
    tables = evaluate.evaluate(evaluate.gather(made(tmp_path, "same", same)), "all")
    for words in ("pair AUC by cosine, paired", "kmeans: ARI, gradient"):
        cell = table([made_ for made_ in tables if "minus the others" in made_.title], words).rows[
            0
        ]["activation@last-block"]
        assert (cell.value, cell.low, cell.high) == (0, 0, 0)


def test_identical_models_differ_by_nothing(tmp_path):
    twin = dataclasses.replace(DATA, model={**WORSE.model, "model": "net.py:twin"})
    tables = evaluate.evaluate(
        evaluate.gather(made(tmp_path, "planted") + made(tmp_path, "twin", twin)), "all"
    )
    for words in (
        "pair AUC by cosine: difference to planted",
        "kmeans: ARI: difference to planted",
    ):
        (row,) = table(tables, words).rows
        assert row.pop("model") == "twin"
        assert len(row) >= 4 and all(
            (cell.value, cell.low, cell.high) == (0, 0, 0) for cell in row.values()
        )


def test_differences_between_models_are_paired(two):
    (row,) = table(
        evaluate.evaluate(evaluate.gather(two), "all"), "pair AUC by cosine: difference to planted"
    ).rows
    better, worse = (
        statistic(two[0], "gradient@conv", "auc"),
        statistic(two[2], "gradient@conv", "auc"),
    )
    cell = row["gradient@last-conv"]
    assert cell.value == worse[0] - better[0]
    assert (cell.low, cell.high) == pytest.approx(
        tuple(np.quantile(worse[3] - better[3], [0.025, 0.975]))
    )


@pytest.mark.parametrize(
    "change", [{"seed": 1}, {"resampling": "poisson"}, {"left_out": 2}, {"auc_rows": 20}]
)
def test_other_resamples_are_not_paired(two, change):
    first, second = (
        subject.similarity["gradient@conv", "cosine"] for subject in evaluate.gather(two)
    )
    args = (lambda m: m.get("auc")[0]), (lambda m: m.replicate("auc"))
    assert (
        paired.difference(first, second, *args).low == paired.difference(first, second, *args).low
    )
    other = dataclasses.replace(second, facts={**second.facts, **change})
    cell = paired.difference(first, other, *args)
    assert cell.value == first.get("auc")[0] - second.get("auc")[0] and cell.low is None


def test_classes_of_two_images_are_said():
    many, none = (Result("/a", facts={"in_twos": count}) for count in (4, 0))
    (line,) = per_model.classes_of_two([none, many])
    assert line.startswith("4 images are in classes of two")
    assert not list(per_model.classes_of_two([none]))


def test_a_difference_that_is_rounding_is_not_clear_of_zero():
    """As of equal clusters whose NMI differs in the last digit, alike in every half sample."""
    rng = np.random.default_rng(0)
    a, b = 0.7 + 3e-16 + 2e-16 * rng.random(20), np.full(20, 0.7)
    facts = {"resampling": "half-samples", "drawn": 30, "drawn_of": 60}
    one, other = (
        Result("/x", facts=facts, columns={"value": values[:1]}, replicates=values)
        for values in (a, b)
    )
    cell = paired.difference(
        one, other, lambda result: result.columns["value"][0], lambda result: result.replicates
    )
    assert (cell.value, cell.low, cell.high) == (0, 0, 0)
    lost = paired.difference(
        one, other, lambda result: float("nan"), lambda result: result.replicates
    )
    assert lost.value is None


def test_agreement_counts_signs_and_intervals_clear_of_zero():
    cells = [
        model.Cell(0.2, 0.1, 0.3),
        model.Cell(0.1, -0.1, 0.2),
        model.Cell(-0.3, -0.4, -0.2),
        model.Cell(np.nan),
    ]
    assert str(paired.agreement(cells)) == "2 of 3 +, 1 clear of 0"
    same = [model.Cell(value, value, value) for value in (0.0, 1e-9, -1e-9)]
    assert str(paired.agreement(same)) == "equal in 3 of 3"
    assert (
        str(paired.agreement([model.Cell(-0.2, -0.3, -0.1), model.Cell(-0.1, -0.2, 0.1)]))
        == "2 of 2 -, 1 clear of 0"
    )


def test_agreement_of_two_models_by_hand(two):
    printed = table(evaluate.evaluate(evaluate.gather(two), "all"), "minus the others: pair AUC")
    cells = [row["class row"] for row in printed.rows[:2]]
    assert printed.rows[2]["model"] == "models that agree"
    positive = sum(cell.value > 0 for cell in cells)
    commoner, sign = (positive, "+") if positive >= 1 else (2, "-")
    clear = sum(cell.low > 0 if sign == "+" else cell.high < 0 for cell in cells)
    assert str(printed.rows[2]["class row"]) == f"{commoner} of 2 {sign}, {clear} clear of 0"


def test_clusterings_show_mean_spread_interval_and_controls(one):
    (row,) = table(
        evaluate.evaluate(evaluate.gather(one), "all"), "kmeans: ARI with the classes"
    ).rows
    columns, facts, replicates = stored(one[1], "/clusters/gradient@conv/kmeans")
    cell = row["gradient@last-conv"]
    assert (cell.value, cell.spread) == pytest.approx((columns["ari"].mean(), columns["ari"].std()))
    m, n = facts["drawn"], facts["drawn_of"]
    reach = 1.96 * replicates[:, 0].std(ddof=1) * np.sqrt(m / (n - m))
    assert cell.low == pytest.approx(max(cell.value - reach, -0.5))
    assert cell.high == pytest.approx(min(cell.value + reach, 1))
    assert (
        row["argmax itself"].value == facts["argmax_ari"]
        and row["random labels"].value == facts["random_ari"]
    )
    assert row["random labels"].spread == facts["random_ari_sd"]


def test_differences_of_clusterings_take_the_spread_of_paired_halves(one):
    subjects = evaluate.gather(one)
    (row,) = table(evaluate.evaluate(subjects, "all"), "kmeans: ARI, gradient@last-conv minus").rows
    name = next(name for name in row if name == "logits")
    first, second = (
        stored(one[1], f"/clusters/{feature}/kmeans") for feature in ("gradient@conv", name)
    )
    value = first[0]["ari"].mean() - second[0]["ari"].mean()
    m, n = first[1]["drawn"], first[1]["drawn_of"]
    spread = (first[2][:, 0] - second[2][:, 0]).std(ddof=1) * np.sqrt(m / (n - m))
    cell = row[name]
    assert (cell.value, cell.low, cell.high) == pytest.approx(
        (value, value - 1.96 * spread, value + 1.96 * spread)
    )


def test_stores_of_one_subject_are_one_row(one):
    (subject,) = evaluate.gather(one + one[:1])
    assert (
        subject.name == "planted"
        and subject.similarity
        and subject.clusters
        and subject.projections
    )


def test_different_values_for_the_same_thing_name_both_stores(one, tmp_path):
    other = made(tmp_path, "planted", seed=5, clusters=False)
    with pytest.raises(GradtoolsError) as caught:
        evaluate.gather([one[0], *other])
    assert (
        one[0] in str(caught.value)
        and other[0] in str(caught.value)
        and "cosine" in str(caught.value)
    )


def test_another_permutation_test_is_another_value(tmp_path):
    first = made(tmp_path, "a", permutations=20, clusters=False)
    second = made(tmp_path, "b", permutations=49, clusters=False)
    with pytest.raises(GradtoolsError, match="different values"):
        evaluate.gather(first + second)


def test_equal_values_from_two_stores_are_one(one, tmp_path):
    again = made(
        tmp_path,
        "planted",
        feature=("gradient", "activation", "logits", "gradient@block"),
        clusters=False,
    )
    assert len(evaluate.gather(one + again)) == 1


@pytest.mark.parametrize(
    "change, word",
    [
        ({"labels": np.roll(DATA.labels, 1)}, "labels"),
        ({"model": {"target": "argmax", "temperature": 2.0}}, "temperature 2.0"),
        ({"model": {"target": "bee"}}, "target bee"),
        ({"model": {"target": "argmax", "score": "prob"}}, "score prob"),
        ({"model": {"target": "argmax", "weights_sha256": "ab" * 32}}, "weights ababab"),
        ({"ids": [f"other{name}" for name in DATA.ids]}, "samples"),
    ],
)
def test_what_was_asked_otherwise_stays_apart(one, tmp_path, change, word):
    subjects = evaluate.gather(
        one + made(tmp_path, "other", dataclasses.replace(DATA, **change), clusters=False)
    )
    assert len(subjects) == 2 and all(subject.name.startswith("planted ") for subject in subjects)
    assert word in subjects[1].name and subjects[0].name != subjects[1].name


def test_one_network_on_two_sets_of_samples_is_one_network(one, tmp_path):
    """The larger set was given first and stays first, and the headline does not count two models."""
    few = dataclasses.replace(DATA.take(slice(0, 30)))
    subjects = evaluate.gather(one + made(tmp_path, "few", few, clusters=False))
    assert [subject.name for subject in subjects] == ["planted 36 samples", "planted 30 samples"]
    (first, *_) = evaluate.evaluate(subjects)
    assert first.title.endswith(", planted 36 samples; other samples: planted 30 samples")
    assert first.title.startswith("36 images") and "2 models" not in first.title


def test_other_samples_are_said_and_not_paired(one, tmp_path):
    few = made(
        tmp_path,
        "few",
        dataclasses.replace(WORSE.take(slice(0, 30)), model={**WORSE.model, "model": "few"}),
    )
    subjects = evaluate.gather(one + few)
    assert list(evaluate.missing(subjects, "all")) == [
        "few: other samples than planted: not paired with it"
    ]
    assert not [
        printed.title
        for printed in evaluate.evaluate(subjects, "all")
        if "difference to" in printed.title
    ]


def test_gradients_of_the_true_label_are_marked_in_every_row(one, tmp_path):
    leaky = dataclasses.replace(DATA, model={"target": "label"})
    subjects = evaluate.gather(made(tmp_path, "leaky", leaky))
    tables = evaluate.evaluate(subjects, "all") + evaluate.evaluate(subjects, "gradient-similarity")
    heads = [
        head for made_ in tables for head in made_.columns if "ARI" in head and "planted" in head
    ]
    names = [row.get("model", row.get("Model")) for made_ in tables for row in made_.rows]
    rows = [name for name in names if name not in (None, "models that agree")]
    assert rows and all("target=label (leaks)" in name for name in rows + heads)
    both = evaluate.gather(one + made(tmp_path, "third", leaky, clusters=False))
    assert ["(leaks)" in subject.name for subject in both] == [False, True]


def test_cells_that_nobody_computed_name_the_command(one, tmp_path):
    lone = made(tmp_path, "worse", WORSE, feature=("logits",), clusters=False)
    subjects = evaluate.gather(one + lone)
    printed = table(evaluate.evaluate(subjects, "all"), "images of one class more alike")
    assert (
        str(printed.rows[1]["gradient@last-conv"]) == "-"
        and printed.rows[1]["gradient@last-conv"].note == "gradtools similarity computes it"
    )
    assert list(evaluate.missing(subjects, "all")) == [
        "worse: no clusters: gradtools cluster computes them"
    ]
    with pytest.raises(GradtoolsError, match="--layout clustering: gradtools cluster computes it"):
        evaluate.evaluate(evaluate.gather(lone), "clustering")


def test_features_alone_fill_the_tables_of_answers_and_without_labels_none(tmp_path):
    tables = evaluate.evaluate(evaluate.gather([write(tmp_path / "a.h5", DATA)]), "all")
    assert [made_.id for made_ in tables] == ["accuracy-by-class", "confusion", "errors"]
    bare = dataclasses.replace(DATA, labels=np.full(36, -1, "i4"))
    with pytest.raises(GradtoolsError, match="nothing for --layout all: gradtools similarity"):
        evaluate.evaluate(evaluate.gather([write(tmp_path / "b.h5", bare)]), "all")


def test_the_sweep_has_one_row_a_tap_in_order_of_execution(one):
    (printed,) = evaluate.evaluate(evaluate.gather(one), "layers")
    assert [row["tap"] for row in printed.rows] == ["conv", "block"]
    assert printed.rows[1]["gradient: same class, same pred"].value == pytest.approx(1, abs=1e-6)
    assert (
        printed.rows[0]["gradient: pair AUC"].value == statistic(one[0], "gradient@conv", "auc")[0]
    )
    assert str(printed.rows[0]["activation: pair AUC"]) == "-"


def test_what_is_left_out_is_in_the_notes(tmp_path):
    taps = {
        **DATA.taps,
        "gradient@conv": np.where(np.arange(36)[:, None] == 7, 0, DATA.taps["gradient@conv"]),
    }
    labels = np.where(np.arange(36) < 2, -1, DATA.labels).astype("i4")
    paths = made(tmp_path, "planted", dataclasses.replace(DATA, taps=taps), clusters=False)
    printed = table(
        evaluate.evaluate(evaluate.gather(paths), "all"), "images of one class more alike"
    )
    assert (
        "planted, gradient@last-conv: 1 rows without a direction (zero, or constant) are left out"
        in printed.notes
    )
    paths = made(tmp_path, "unlabelled", dataclasses.replace(DATA, labels=labels), clusters=False)
    printed = table(
        evaluate.evaluate(evaluate.gather(paths), "all"), "images of one class more alike"
    )
    assert (
        "planted: 2 samples are left out (2 of them without one label)" in printed.notes
        and printed.rows[0]["samples"] == 34
    )


def test_the_seeds_tables_have_its_columns_and_values(one):
    first, kmeans, gmm = evaluate.evaluate(evaluate.gather(one), "gradient-similarity")
    (row,) = first.rows
    for head, feature in (
        ("Cos_Sim_GW", "gradient@conv"),
        ("Cos_Sim_P", "logits"),
        ("Cos_Sim_FM", "activation@block"),
    ):
        assert row[head].value == statistic(one[0], feature, "within_macro")[0]
    assert row["Grad_Cam_CC"].value is None and first.columns[-1] == "Grad_Cam_AUC"
    columns, _, _ = stored(one[1], "/clusters/logits/kmeans")
    cells = {row["Metric"]: row for row in kmeans.rows}["Final Predictions"]
    assert (
        cells["planted NMI"].value == columns["nmi"].mean()
        and cells["planted Silhouette"].value == columns["silhouette"].mean()
    )
    assert all(str(row["planted ARI"]) == "-" for row in gmm.rows)


def test_published_values_stand_beside_and_are_named_so(one):
    first, kmeans, gmm = evaluate.evaluate(
        evaluate.gather(one), "gradient-similarity", published=True
    )
    assert [row["Model"] for row in first.rows] == ["planted"] + [
        f"{name} (published, other images)" for name in gradient_similarity.PUBLISHED_SIMILARITY
    ]
    assert (
        str(first.rows[3]["Cos_Sim_GW"]) == "0.970702"
        and str(first.rows[5]["Grad_Cam_AUC"]) == "0.498934"
    )
    cells = {row["Metric"]: row for row in kmeans.rows}
    assert str(cells["Gradient Weights"]["Resnet50 ARI (published)"]) == "1.00"
    assert str(cells["Feature Maps"]["Resnet152 Silhouette (published)"]) == "0.35"
    assert (
        str({row["Metric"]: row for row in gmm.rows}["Feature Maps"]["Resnet18 NMI (published)"])
        == "0.74"
    )


def test_models_of_other_numbers_of_clusters_say_theirs(one, tmp_path):
    with store.read(write(tmp_path / "worse.h5", WORSE)) as source:
        cluster.cluster(
            source,
            str(tmp_path / "c.h5"),
            cluster.Options(repeats=1, n_init=1, resamples=0, method=("kmeans",), k=5),
            say=quiet,
        )
    tables = [
        made_
        for made_ in evaluate.evaluate(evaluate.gather([*one, str(tmp_path / "c.h5")]), "all")
        if "ARI with the classes" in made_.title
    ]
    assert "k = 3, unit rows" in tables[0].title and "k = 5, unit rows" in tables[0].title


@pytest.mark.parametrize(
    "cell, text",
    [
        (model.Cell(0.12345), "0.123"),
        (model.Cell(np.nan), "-"),
        (model.Cell(-0.0001), "0.000"),
        (model.Cell(0.5, 0.4, 0.6), "0.500 [0.400, 0.600]"),
        (model.Cell(0.5, spread=0.01), "0.500 ±0.010"),
        (model.Cell(0.5, 0.4, 0.6, 0.01, 0.1), "0.500 ±0.010 [0.400, 0.600] p=0.100"),
        (model.Cell(0.5, digits=6), "0.500000"),
        (model.Cell(1.0, note="(3)"), "1.000 (3)"),
        (model.Cell("all"), "all"),
        (model.Cell(12), "12"),
    ],
)
def test_cells_as_text(cell, text):
    assert str(cell) == text


def test_samples_without_labels_have_a_table_of_their_own_and_no_dashes(tmp_path, one):
    data = dataclasses.replace(
        DATA,
        labels=np.full(36, -1, "i4"),
        model={"model": "net.py:bare", "weights_sha256": "2" * 64, "target": "argmax"},
    )
    (bare,) = made(tmp_path, "bare", data, clusters=False, feature=("gradient", "logits"))
    tables = evaluate.evaluate(evaluate.gather([bare]), "all")
    (spread,) = tables
    assert [row["feature"] for row in spread.rows] == ["gradient@last-conv", "logits", "class row"]
    for row, feature in zip(spread.rows, ("gradient@conv", "logits", "weight")):
        for head, name in {
            "all pairs": "all",
            "same pred": "same_prediction",
            "median": "median",
            "mean row": "mean_row_share",
        }.items():
            assert row[head].value == pytest.approx(statistic(bare, feature, name)[0])
        assert "-" not in [str(row[head]) for head in spread.columns]
    both = evaluate.evaluate(evaluate.gather([bare, *one]), "all")
    assert table(both, "without labels").rows[0]["model"] == "bare"
    assert [row["model"] for row in table(both, "images of one class more alike").rows] == [
        "planted"
    ]


def test_retrieval_is_shown_as_it_is_stored_beside_chance(tmp_path):
    with store.read(write(tmp_path / "a.h5", DATA)) as source:
        options = neighbors.Options(feature=("gradient", "logits"), resamples=30, k=3)
        neighbors.neighbors(source, str(tmp_path / "n.h5"), options, say=quiet)
    overall, given = evaluate.evaluate(evaluate.gather([str(tmp_path / "n.h5")]), "retrieval")
    for shown, scope in ((overall, ""), (given, "_same_prediction")):
        assert [row["feature"] for row in shown.rows] == [
            "gradient@last-conv",
            "logits",
            "class row",
        ]
        for row, feature in zip(shown.rows, ("gradient@conv", "logits", "weight")):
            columns, _, _ = stored(str(tmp_path / "n.h5"), f"/neighbors/{feature}/retrieval")
            for head, name in (
                ("recall@1", "recall_1"),
                ("mAP", "average_precision"),
                ("kNN accuracy", "knn"),
            ):
                at = columns["statistic"].index(name + scope)
                assert (row[head].value, row[head].low, row[head].high) == tuple(
                    columns[key][at] for key in ("value", "low", "high")
                )
                assert row[f"chance, {head}"].value == columns["chance"][at]
                assert row["queries"] == columns["queries"][at]
