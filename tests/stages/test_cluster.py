"""Clusterings, store in and results out, against scikit-learn and planted classes."""

import dataclasses
import shutil

import numpy as np
import pytest
from planted import plant, write
from sklearn import metrics
from sklearn.cluster import AgglomerativeClustering, KMeans
from sklearn.decomposition import PCA
from sklearn.mixture import GaussianMixture

from gradtools import store
from gradtools.errors import GradtoolsError
from gradtools.math.clusters import half_samples, lloyd
from gradtools.stages import cluster
from gradtools.stages.cluster import many
from gradtools.tables.clustering import of_results

DATA = plant(36)
QUICK = {
    "method": ("kmeans",),
    "repeats": 2,
    "resamples": 20,
    "n_init": 2,
    "feature": ("gradient",),
}


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    with store.read(write(tmp_path_factory.mktemp("cluster") / "a.h5", DATA)) as opened:
        yield opened


def computed(source, output=None, lines=None, *, carry=False, **options):
    """({(feature, method): Result}, projections)."""
    options = cluster.Options(**{**QUICK, **options})
    results, planes = cluster.cluster(
        source,
        output,
        options,
        carry=carry,
        say=lines.append if lines is not None else lambda line: None,
    )
    return {(result.feature, result.method): result for result in results}, planes


def of(tmp_path, data, name="b.h5", **options):
    """Results of a store made of the data."""
    with store.read(write(tmp_path / name, data)) as opened:
        return computed(opened, **options)


def unit(feature="gradient@conv", data=DATA):
    x = data.of(feature)
    return x / np.sqrt((x**2).sum(axis=1, keepdims=True))


def by_sklearn(method, x, seed):
    """Labels of the rows, with the controls of mathematics#agreement-of-labellings."""
    if method == "kmeans":
        return KMeans(3, n_init=2, random_state=seed).fit(x)
    if method == "gmm":
        return GaussianMixture(
            3, covariance_type="diag", reg_covar=1e-6, n_init=2, random_state=seed
        ).fit_predict(x)
    return AgglomerativeClustering(3, linkage="ward").fit(x).labels_


@pytest.mark.parametrize("method", cluster.METHODS)
def test_every_index_by_scikit_learn(source, method, monkeypatch):
    """Where rows are many, scikit-learn clusters; few are clustered together (tests of lloyd and mixtures)."""
    monkeypatch.setattr(lloyd, "GRAM_ROWS", 0)
    results, _ = computed(source, method=(method,))
    result, x = results["gradient@conv", method], unit()
    assert result.columns["seed"].tolist() == ([0] if method == "agglomerative" else [0, 1])
    for repeat, labels in enumerate(result.labels):
        fitted = by_sklearn(method, x, repeat)
        np.testing.assert_array_equal(labels, getattr(fitted, "labels_", fitted))
        expected = {
            "ari": metrics.adjusted_rand_score(DATA.labels, labels),
            "nmi": metrics.normalized_mutual_info_score(DATA.labels, labels),
            "ari_argmax": metrics.adjusted_rand_score(DATA.predicted, labels),
            "nmi_argmax": metrics.normalized_mutual_info_score(DATA.predicted, labels),
            "silhouette": metrics.silhouette_score(x, labels),
            "silhouette_true": metrics.silhouette_score(x, DATA.labels),
            "inertia": fitted.inertia_ if method == "kmeans" else np.nan,
        }
        for name, value in expected.items():
            assert result.columns[name][repeat] == pytest.approx(value, abs=1e-9, nan_ok=True), name


def test_controls_are_the_argmax_itself_and_random_labels(source):
    facts = computed(source)[0]["gradient@conv", "kmeans"].facts
    assert facts["argmax_ari"] == pytest.approx(
        metrics.adjusted_rand_score(DATA.labels, DATA.predicted), abs=1e-12
    )
    assert facts["argmax_nmi"] == pytest.approx(
        metrics.normalized_mutual_info_score(DATA.labels, DATA.predicted), abs=1e-12
    )
    rng = np.random.default_rng(9)
    shuffled = [rng.permutation(DATA.labels) for _ in range(150)]
    random = np.array(
        [
            [
                metrics.adjusted_rand_score(DATA.labels, s),
                metrics.normalized_mutual_info_score(DATA.labels, s),
            ]
            for s in shuffled
        ]
    )
    for name, column in (("ari", random[:, 0]), ("nmi", random[:, 1])):
        assert facts[f"random_{name}"] == pytest.approx(column.mean(), abs=5 * column.std() / 10)
        assert facts[f"random_{name}_sd"] == pytest.approx(column.std(), rel=0.5)
    assert abs(facts["random_ari"]) < 0.02


def test_clusters_of_the_class_rows_are_the_predictions(source):
    for result in computed(source, feature=("gradient@block",), method=cluster.METHODS)[0].values():
        assert (result.columns["ari_argmax"] == 1).all() and result.columns["ari"][
            0
        ] == pytest.approx(result.facts["argmax_ari"])


def test_planted_classes_are_found_and_random_ones_are_not(tmp_path):
    rows = 5 * np.eye(3, 6)[DATA.labels] + 0.1 * np.random.default_rng(0).standard_normal((36, 6))
    data = dataclasses.replace(DATA, taps={"gradient@conv": rows.astype("f4")})
    for result in of(tmp_path, data, method=cluster.METHODS)[0].values():
        assert (
            result.feature == "weight"
            or (result.columns["ari"] == 1).all()
            and result.facts["ari_low"] == 1
        )
    aris = []
    for seed in range(4):
        labels = np.random.default_rng(seed).permutation(DATA.labels)
        aris.append(
            of(tmp_path, dataclasses.replace(data, labels=labels))[0]["gradient@conv", "kmeans"]
            .columns["ari"]
            .mean()
        )
    assert abs(np.mean(aris)) < 0.1


@pytest.mark.parametrize("method", cluster.METHODS)
def test_replicates_of_half_samples_and_their_interval(source, method):
    """Each a half of every class, clustered anew; planted classes are found in any half."""
    result = computed(source, method=(method,), resamples=30)[0]["gradient@conv", method]
    facts = result.facts
    sizes = np.bincount(DATA.labels)
    assert facts["resampling"] == "half-samples" and facts["drawn_of"] == 36
    assert abs(facts["drawn"] - sizes.sum() / 2) <= 1
    assert result.replicates.shape == (30, 6)
    halves = half_samples.half_samples(DATA.labels, 30, 0)
    x = unit()
    for half, replicate in list(zip(halves, result.replicates))[:3]:
        assert replicate[3] == pytest.approx(metrics.silhouette_score(x[half], DATA.labels[half]))
    for place, name in enumerate(half_samples.INDICES):
        value, spread = result.columns[name].mean(), result.replicates[:, place].std(ddof=1)
        reach = 1.96 * spread * np.sqrt(facts["drawn"] / (36 - facts["drawn"]))
        low, high = half_samples.range_of(name)
        assert facts[f"{name}_low"] == pytest.approx(max(low, value - reach))
        assert facts[f"{name}_high"] == pytest.approx(min(high, value + reach))


def test_agglomerative_replicates_by_scikit_learn(source):
    result = computed(source, method=("agglomerative",))[0]["gradient@conv", "agglomerative"]
    x = unit()
    for half, replicate in zip(half_samples.half_samples(DATA.labels, 20, 0), result.replicates):
        labels = AgglomerativeClustering(3).fit(x[half]).labels_
        assert replicate == pytest.approx(
            [
                metrics.adjusted_rand_score(DATA.labels[half], labels),
                metrics.normalized_mutual_info_score(DATA.labels[half], labels),
                metrics.silhouette_score(x[half], labels),
                metrics.silhouette_score(x[half], DATA.labels[half]),
                metrics.adjusted_rand_score(DATA.predicted[half], labels),
                metrics.normalized_mutual_info_score(DATA.predicted[half], labels),
            ],
            abs=1e-9,
        )


def test_the_cost_of_intervals_is_said_and_they_can_be_left_out(source):
    computed(source, lines=(lines := []), resamples=None, repeats=10)
    assert "200 half samples, about 30 times the work" in lines[0] and "--no-intervals" in lines[0]
    result = computed(source, lines=(lines := []), intervals=False)[0]["gradient@conv", "kmeans"]
    assert not lines and not len(result.replicates) and np.isnan(result.facts["ari_low"])
    assert result.facts["no_interval"] == "not asked for"


def test_small_classes_have_no_interval_and_the_reason_is_kept(tmp_path):
    few = np.concatenate([np.flatnonzero(DATA.labels == c)[:3] for c in range(3)])
    results, _ = of(tmp_path, DATA.take(few), feature=("activation",))
    facts = results["activation@block", "kmeans"].facts
    assert "a class has 3 images" in facts["no_interval"] and np.isnan(facts["ari_high"])


def test_what_is_stored_is_what_is_returned(source, tmp_path):
    out = str(tmp_path / "out.h5")
    results, planes = computed(source, out, method=cluster.METHODS)
    with store.read(out) as opened:
        assert opened.kind == "clusters" and len(opened.history_lines()) == 2
        assert {
            (f, m) for f in opened.tree("/clusters") for m in opened.tree(f"/clusters/{f}")
        } == set(results) and len(results) == 6
        for (feature, method), result in results.items():
            where = f"/clusters/{feature}/{method}"
            columns, facts = opened.table(where)
            assert columns.keys() == result.columns.keys()
            assert {key: facts[key] for key in facts if facts[key] == facts[key]} == {
                k: v for k, v in result.facts.items() if v == v
            }
            for name, column in result.columns.items():
                np.testing.assert_array_equal(columns[name], column)
            np.testing.assert_array_equal(opened.values(f"{where}/label"), result.labels)
            np.testing.assert_array_equal(opened.values(f"{where}/replicate"), result.replicates)
        for feature, (coordinates, explained) in planes.items():
            np.testing.assert_array_equal(opened.values(f"/projection/{feature}/pca"), coordinates)
            np.testing.assert_array_equal(
                opened.values(f"/projection/{feature}/explained"), explained
            )


def test_the_same_seed_gives_the_same_store(source, tmp_path):
    digests = []
    for name, seed in (("a", 0), ("b", 0), ("c", 7)):
        results, _ = computed(source, str(tmp_path / name), seed=seed, method=("kmeans", "gmm"))
        with store.read(str(tmp_path / name)) as opened:
            digests.append(store.digests(opened.file))
    assert digests[0] == digests[1] != digests[2] and results["gradient@conv", "kmeans"].columns[
        "seed"
    ].tolist() == [7, 8]


def test_the_plane_is_that_of_the_principal_components(source):
    _, planes = computed(source, method=("agglomerative",))
    fitted = PCA(2).fit(unit())
    coordinates, explained = planes["gradient@conv"]
    np.testing.assert_allclose(np.abs(coordinates), np.abs(fitted.transform(unit())), atol=1e-9)
    np.testing.assert_allclose(explained, fitted.explained_variance_ratio_, rtol=1e-9)


def test_clusters_of_principal_components(source):
    x = PCA(2, svd_solver="full").fit_transform(unit())
    results, _ = computed(source, pca=2, method=cluster.METHODS)
    facts = results["gradient@conv", "gmm"].facts
    assert facts["dimension"] == facts["pca"] == 2 and facts["covariance"] == "full"
    assert results["gradient@conv", "kmeans"].columns["inertia"].min() == pytest.approx(
        KMeans(3, n_init=10, random_state=0).fit(x).inertia_, rel=0.02
    )
    mine = results["gradient@conv", "agglomerative"].labels[0]
    assert metrics.adjusted_rand_score(mine, AgglomerativeClustering(3).fit(x).labels_) == 1


def test_more_components_than_there_are_take_all(source):
    results, _ = computed(source, pca=50, method=("agglomerative",))
    assert results["gradient@conv", "agglomerative"].facts["dimension"] == 6
    mine = results["gradient@conv", "agglomerative"].labels[0]
    assert metrics.adjusted_rand_score(mine, AgglomerativeClustering(3).fit(unit()).labels_) == 1


def test_rows_as_they_are(source):
    results, _ = computed(source, normalize="none", method=("agglomerative",), linkage="average")
    expected = AgglomerativeClustering(3, linkage="average").fit(DATA.of("gradient@conv")).labels_
    np.testing.assert_array_equal(results["gradient@conv", "agglomerative"].labels[0], expected)


def zeroed(rows):
    taps = {"gradient@conv": DATA.taps["gradient@conv"].copy()}
    taps["gradient@conv"][rows] = 0
    return dataclasses.replace(DATA, taps=taps)


@pytest.mark.parametrize("normalize", ["unit", "none"])
def test_rows_of_zeros_are_counted_and_left_out(tmp_path, normalize):
    results, planes = of(
        tmp_path, zeroed([4, 9]), method=("kmeans", "agglomerative"), normalize=normalize
    )
    kept = ~np.isin(np.arange(36), [4, 9])
    for method in ("kmeans", "agglomerative"):
        result = results["gradient@conv", method]
        assert result.facts["degenerate"] == 2 and result.facts["rows"] == 34
        assert (result.labels[:, ~kept] == -1).all() and (result.labels[:, kept] >= 0).all()
        for labels, ari in zip(result.labels, result.columns["ari"]):
            assert ari == pytest.approx(
                metrics.adjusted_rand_score(DATA.labels[kept], labels[kept]), abs=1e-12
            )
    assert (
        np.isnan(planes["gradient@conv"][0][~kept]).all()
        and not np.isnan(planes["gradient@conv"][0][kept]).any()
    )
    assert results["weight", "kmeans"].facts["degenerate"] == 0


def test_a_row_that_is_no_number_names_its_image(tmp_path):
    with pytest.raises(GradtoolsError, match="gradient@conv of 011.png holds NaN"):
        of(tmp_path, with_nan(11))


def with_nan(row):
    taps = {"gradient@conv": DATA.taps["gradient@conv"].copy()}
    taps["gradient@conv"][row, 0] = np.nan
    return dataclasses.replace(DATA, taps=taps)


@pytest.mark.parametrize("condition", ["correct", "wrong", "class=ant,cat", "list"])
def test_chosen_samples_are_as_a_store_of_them_alone(tmp_path, condition):
    rows = {
        "correct": DATA.labels == DATA.predicted,
        "wrong": DATA.labels != DATA.predicted,
        "class=ant,cat": DATA.labels != 1,
        "list": np.arange(36) % 4 != 2,
    }[condition]
    if condition == "list":
        (tmp_path / "ids").write_text(
            "".join(f"{name}\n" for name, kept in zip(DATA.ids, rows) if kept)
        )
        condition = f"list={tmp_path / 'ids'}"
    results, planes = of(tmp_path, DATA, "all.h5", where=(condition,))
    alone, of_alone = of(tmp_path, DATA.take(np.flatnonzero(rows)), "alone.h5")
    for key, result in results.items():
        np.testing.assert_array_equal(result.labels, alone[key].labels)
        np.testing.assert_array_equal(result.replicates, alone[key].replicates)
        assert (
            result.facts["left_out"] == 36 - rows.sum()
            and result.facts["k"] == alone[key].facts["k"]
        )
    np.testing.assert_array_equal(planes["gradient@conv"][0], of_alone["gradient@conv"][0])


def test_samples_without_a_label_are_left_out_and_counted(tmp_path):
    labels = np.where(np.arange(36) < 5, -1, DATA.labels).astype("i4")
    results, _ = of(tmp_path, dataclasses.replace(DATA, labels=labels))
    alone, _ = of(tmp_path, DATA.take(slice(5, None)))
    for key, result in results.items():
        np.testing.assert_array_equal(result.labels, alone[key].labels)
        assert (
            result.facts["unlabelled"] == result.facts["left_out"] == 5
            and result.facts["rows"] == 31
        )


def test_without_labels_k_must_be_given(tmp_path):
    data = dataclasses.replace(DATA, labels=np.full(36, -1, "i4"))
    with pytest.raises(GradtoolsError, match="no sample has a label.*--k"):
        of(tmp_path, data)
    results, _ = of(tmp_path, data, k=3)
    result = results["gradient@conv", "kmeans"]
    assert (
        np.isnan(result.columns["ari"]).all()
        and np.isnan(result.columns["silhouette_true"]).all()
        and np.isnan(result.replicates[:, 0]).all()
        and result.facts["silhouette_low"] < result.columns["silhouette"].mean()
    )
    assert result.columns["ari_argmax"][0] == pytest.approx(
        metrics.adjusted_rand_score(DATA.predicted, result.labels[0])
    )
    assert not {"argmax_ari", "random_ari"} & set(result.facts) and np.isnan(
        result.facts["ari_low"]
    )


def test_one_class_takes_a_given_k(source):
    with pytest.raises(GradtoolsError, match="all samples are of one class.*--k"):
        computed(source, where=("class=ant",))
    results, _ = computed(source, where=("class=ant",), k=2)
    assert np.isnan(results["gradient@conv", "kmeans"].columns["ari"]).all()


def test_without_predictions_the_argmax_is_not_told(tmp_path):
    data = dataclasses.replace(
        DATA,
        predicted=None,
        logits=None,
        class_rows=None,
        taps={"activation@block": DATA.taps["activation@block"]},
    )
    results, _ = of(tmp_path, data, feature=())
    assert {feature for feature, _ in results} == {"activation@block"}
    result = results["activation@block", "kmeans"]
    assert (
        np.isnan(result.columns["ari_argmax"]).all()
        and "argmax_ari" not in result.facts
        and "random_ari" in result.facts
    )
    assert result.columns["ari"][0] == pytest.approx(
        metrics.adjusted_rand_score(DATA.labels, result.labels[0])
    )


def test_more_clusters_than_rows(tmp_path, source):
    with pytest.raises(GradtoolsError, match="37 clusters of 36 samples.*--k"):
        computed(source, k=37)
    with pytest.raises(
        GradtoolsError, match="3 clusters of 2 rows of gradient@conv that have a direction.*--k"
    ):
        of(tmp_path, zeroed(range(2, 36)))
    assert (
        computed(source, k=36, method=("kmeans", "agglomerative"))[0][
            "gradient@conv", "kmeans"
        ].facts["k"]
        == 36
    )


def test_one_cluster(source):
    for result in computed(source, k=1, method=cluster.METHODS)[0].values():
        assert (
            (result.labels == 0).all()
            and result.columns["ari"] == pytest.approx(0, abs=1e-12)
            and np.isnan(result.columns["silhouette"]).all()
        )


def test_gradients_of_the_true_label_are_marked(tmp_path):
    lines = []
    results, _ = of(tmp_path, dataclasses.replace(DATA, model={"target": "label"}), lines=lines)
    assert (
        all(result.facts["leaks"] for result in results.values())
        and "target=label (leaks)" in lines[-1]
    )


def test_a_subset_leaves_results_behind_and_says_so(source, tmp_path):
    first, second = str(tmp_path / "one.h5"), str(tmp_path / "two.h5")
    computed(source, first, carry=True)
    with store.read(first) as opened:
        computed(opened, second, lines := [], carry=True, where=("correct",), feature=("logits",))
    assert any("not copied" in line and "clusters, projection" in line for line in lines)
    with store.read(second) as opened:
        assert (
            opened.tree("/clusters") == ["logits", "weight"]
            and opened.n_samples == (DATA.labels == DATA.predicted).sum()
        )


@pytest.mark.parametrize("carry", [True, False])
def test_too_little_room_for_what_is_carried_on_is_said_first(source, tmp_path, monkeypatch, carry):
    monkeypatch.setattr(shutil, "disk_usage", lambda path: shutil._ntuple_diskusage(9, 0, 9))
    computed(source, str(tmp_path / "a.h5"), lines := [], carry=carry)
    assert ("carried on of the input, and 0.00 GB are free" in lines[0]) == carry
    assert sum("are free" in line for line in lines) == carry


def test_rows_that_memory_does_not_hold_give_what_those_in_memory_give(
    source, tmp_path, monkeypatch
):
    held, planes = computed(source, resamples=0)
    monkeypatch.setattr(many, "HELD_BYTES", 8 * 36 * 2)  # what the picture's coordinates take
    with pytest.raises(GradtoolsError, match="--method kmeans"):
        computed(source, method=("kmeans", "gmm"))
    with pytest.raises(GradtoolsError, match="--pca 3 of .* at most"):
        computed(source, pca=3)
    passed, again = computed(source, str(tmp_path / "b.h5"))
    assert passed.keys() == held.keys() and again.keys() == planes.keys()
    for key, result in passed.items():
        for name in ("silhouette", "silhouette_true", "ari", "ari_argmax", "inertia"):
            np.testing.assert_allclose(result.column(name), held[key].column(name), atol=1e-6)
        np.testing.assert_array_equal(result.labels < 0, held[key].labels < 0)
        assert result.facts["silhouette_rows"] == result.facts["rows"]
        coordinates, shares = planes[key[0]]
        np.testing.assert_allclose(again[key[0]][0], coordinates, atol=1e-8)
        np.testing.assert_allclose(again[key[0]][1], shares, atol=1e-9)
    with store.read(str(tmp_path / "b.h5")) as written:
        written.check()
    table = next(of_results(list(passed.values())))
    assert any("drawn rows, standard error" in note for note in table.notes)
