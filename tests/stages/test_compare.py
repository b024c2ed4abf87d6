"""Comparisons of planted stores: every statistic against scipy, scikit-learn and loops; alignment, references, what is written."""

import csv
import dataclasses

import numpy as np
import pytest
from planted import alike, plant, write
from scipy import stats
from scipy.cluster import hierarchy
from sklearn.cluster import AgglomerativeClustering
from sklearn.metrics import adjusted_rand_score

from gradtools import store
from gradtools.errors import GradtoolsError, UsageError
from gradtools.math.clusters import half_samples
from gradtools.math.spaces import rsa
from gradtools.selection import references
from gradtools.stages import compare, dendrogram
from gradtools.stages.compare import cuts, measures

QUICK = {"resamples": 60, "permutations": 60}
FEATURES = ("gradient@conv", "activation@block")


def run(*arguments, output=None, **options):
    """(what was found, lines that were said)."""
    said = []
    return compare.compare(
        list(map(str, arguments)), output, compare.Options(**(QUICK | options)), say=said.append
    ), said


def values(comparison):
    return {name: statistic.value for name, statistic in comparison.measured.statistics.items()}


def matrix(rows, metric="cosine"):
    """All similarities by loops; distances with their sign turned."""
    sign = -1 if metric == "euclidean" else 1
    return np.array([[sign * alike(a, b, metric) for b in rows] for a in rows])


def class_store(path, rows, names, predicted=None):
    """A store whose samples are classes; `names` are the model's, [] where they are not known."""
    predicted = np.arange(len(rows)) if predicted is None else np.asarray(predicted)
    ids = [
        names[index]
        if names and names.count(names[index]) == 1
        else f"{names[index]} ({index})"
        if names
        else str(index)
        for index in predicted
    ]
    digest = (
        np.random.default_rng(len(str(path))).integers(0, 256, (len(predicted), 32)).astype("u1")
    )
    with store.create(str(path), "classes", force=True) as sink:
        sink.put("/samples/id", ids, ["/sample"], "id")
        sink.put("/samples/label", np.full(len(predicted), -1, "i4"), ["/sample"], "label")
        sink.put("/samples/digest", digest, ["/sample", "/byte"], "digest")
        sink.put("/outputs/predicted", predicted.astype("i4"), ["/sample"], "predicted")
        sink.put("/model/weight", rows.astype("f4"), ["/class", "/embedding"], "rows")
        if names:
            sink.put("/model/class_name", names, ["/class"], "name")
        sink.attributes("/samples", unit="class")
        sink.attributes("/model", model=f"net.py:{path.stem}", weights_sha256=path.stem)
        sink.history([], {"command": "planted", "started": "2026-01-01", "seconds": 0})
    return path


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    return write(tmp_path_factory.mktemp("compare") / "a.h5", plant())


@pytest.mark.parametrize("metric", ["cosine", "correlation", "euclidean", "dot"])
def test_every_statistic_against_its_definition(path, metric):
    (comparison,), data = (
        run(path, feature=FEATURES, metric=metric, k=(4,))[0].comparisons,
        plant(),
    )
    x, y = (data.of(feature) for feature in FEATURES)
    a, b = matrix(x, metric), matrix(y, metric)
    upper, statistics = np.triu_indices(30, 1), values(comparison)
    assert statistics["rsa_pearson"] == pytest.approx(
        stats.pearsonr(a[upper], b[upper]).statistic, abs=1e-10
    )
    assert statistics["rsa_spearman"] == pytest.approx(
        stats.spearmanr(a[upper], b[upper]).statistic, abs=1e-10
    )
    centred = [rows - rows.mean(axis=0) for rows in (x, y)]
    cross, one, other = (
        np.linalg.norm(p.T @ q) ** 2
        for p, q in ((centred[0], centred[1]), (centred[0],) * 2, (centred[1],) * 2)
    )
    assert statistics["cka"] == pytest.approx(cross / np.sqrt(one * other), abs=1e-10)
    moved, others = comparison.measured.moved, ~np.eye(30, dtype=bool)
    for i in range(30):
        assert moved.value[i] == pytest.approx(
            1 - np.corrcoef(a[i, others[i]], b[i, others[i]])[0, 1], abs=1e-10
        )
        assert (
            a[i, moved.nearest_a[i]] == a[i, others[i]].max()
            and b[i, moved.nearest_b[i]] == b[i, others[i]].max()
        )


def test_trees_are_wards_of_the_unit_rows(path):
    (comparison,), data = run(path, feature=FEATURES, k=(4,))[0].comparisons, plant()
    unit = [
        data.of(feature) / np.linalg.norm(data.of(feature), axis=1, keepdims=True)
        for feature in FEATURES
    ]
    trees = [hierarchy.linkage(rows, "ward") for rows in unit]
    statistics = values(comparison)
    assert statistics["cophenetic"] == pytest.approx(
        np.corrcoef(*(hierarchy.cophenet(tree) for tree in trees))[0, 1], abs=1e-9
    )
    labels = [hierarchy.fcluster(tree, 4, "maxclust") for tree in trees]
    assert statistics["ari@4"] == pytest.approx(adjusted_rand_score(*labels), abs=1e-12)


def test_rotated_and_scaled_features_are_equal_and_noise_is_not(tmp_path):
    data = plant()
    turn, _ = np.linalg.qr(np.random.default_rng(0).standard_normal((6, 6)))
    data.taps["activation@block"] = 3 * data.taps["gradient@conv"] @ turn
    data.taps["gradient@block"] = np.random.default_rng(1).standard_normal((30, 6))
    compared, _ = run(write(tmp_path / "a.h5", data), feature=(*FEATURES, "gradient@block"), k=(3,))
    equal, noise, _ = (values(comparison) for comparison in compared.comparisons)
    assert [
        equal[name]
        for name in ("rsa_pearson", "rsa_spearman", "cka", "cka_debiased", "cophenetic", "ari@3")
    ] == pytest.approx([1] * 6, abs=1e-5)
    assert abs(noise["cka_debiased"]) < 0.1 and abs(noise["rsa_pearson"]) < 0.2
    p = [comparison.measured.statistics["rsa_pearson"].p for comparison in compared.comparisons]
    assert p[0] == 1 / 61 and p[1] > 0.05


def test_another_order_and_a_subset_are_put_right_and_said(path, tmp_path):
    data = plant(seed=3)
    rows = np.random.default_rng(0).permutation(30)[:24]
    whole, part = write(tmp_path / "b.h5", data), write(tmp_path / "c.h5", data.take(rows))
    expected, _ = run(
        path, whole, feature=FEATURES[:1], where=(f"list={_list(tmp_path, data, rows)}",)
    )
    compared, said = run(path, part, feature=FEATURES[:1])
    assert values(compared.comparisons[0]) == pytest.approx(
        values(expected.comparisons[0]), abs=1e-12
    )
    assert compared.ids == [data.ids[row] for row in sorted(rows)]
    assert any("6 of 30 images are not in every input" in line for line in said) and any(
        "another order" in line for line in said
    )


def _list(tmp_path, data, rows):
    (tmp_path / "ids.txt").write_text("\n".join(data.ids[row] for row in rows))
    return tmp_path / "ids.txt"


def test_other_images_and_other_kinds_are_refused(path, tmp_path):
    data = plant()
    data = dataclasses.replace(data, ids=[f"x{name}" for name in data.ids])
    with pytest.raises(
        GradtoolsError,
        match="0 images in common, and a comparison needs at least 4: extract both from the same files",
    ):
        run(path, write(tmp_path / "b.h5", data))
    classes = class_store(tmp_path / "c.h5", np.eye(6), list("abcdef"))
    with pytest.raises(GradtoolsError, match="holds images and .* classes: compare like with like"):
        run(path, classes)
    with pytest.raises(UsageError, match="one thing to compare"):
        run(classes)


def test_classes_meet_by_name_whatever_their_order_and_digests(tmp_path):
    rows = np.random.default_rng(0).standard_normal((6, 9))
    names = ["king crab", "sea lion", "it's, [a]: maillot", "crane", "crane", "desk"]
    one = class_store(tmp_path / "one.h5", rows, names)
    order = [5, 0, 2, 1, 3, 4]
    other = class_store(
        tmp_path / "other.h5", rows[order] * 2, [names[i].replace(" ", "_").title() for i in order]
    )
    compared, said = run(one, other)
    assert (
        values(compared.comparisons[0])["rsa_pearson"] == pytest.approx(1, abs=1e-6)
        and compared.facts["samples"] == 6
    )
    assert (
        not np.isnan(compared.comparisons[0].measured.moved.value).any()
        and "another order" in said[0]
    )
    assert [compared.comparisons[0].a, compared.comparisons[0].b] == ["one", "other"]
    few = class_store(tmp_path / "few.h5", rows[:5], ["desk", *names[:4]])
    compared, said = run(one, few)
    assert compared.ids == [*names[:3], "desk"] and any(
        "1 names stand for several classes in one input only" in line for line in said
    )


def test_nameless_classes_meet_by_index_where_their_number_is_equal(tmp_path):
    rows = np.random.default_rng(0).standard_normal((6, 9))
    a, b = class_store(tmp_path / "a.h5", rows, []), class_store(tmp_path / "b.h5", rows, [])
    assert values(run(a, b)[0].comparisons[0])["cka"] == pytest.approx(1, abs=1e-6)
    for other in (
        class_store(tmp_path / "c.h5", np.eye(7, 9), []),
        class_store(tmp_path / "d.h5", rows, list("012345")),
    ):
        with pytest.raises(GradtoolsError, match="--class-names"):
            run(a, other)


def test_roles_of_two_models_meet_and_named_features_meet_everything(path, tmp_path):
    other = write(tmp_path / "b.h5", plant(seed=1))
    compared, _ = run(path, other, feature=FEATURES)
    assert [(c.a, c.b) for c in compared.comparisons] == [
        (f"a {feature}", f"b {feature}") for feature in FEATURES
    ]
    compared, _ = run(f"{path}::gradient", f"{other}::activation")
    assert [(c.a, c.b) for c in compared.comparisons] == [("a gradient@conv", "b activation@block")]
    third = write(tmp_path / "c.h5", plant(seed=2))
    expected = {
        "first": [("a", "b"), ("a", "c")],
        "last": [("c", "a"), ("c", "b")],
        "each-other": [("a", "b"), ("a", "c"), ("b", "c")],
    }
    for against, pairs in expected.items():
        assert [
            (c.a, c.b)
            for c in run(path, other, third, feature=FEATURES[:1], against=against)[0].comparisons
        ] == pairs


def test_differences_are_of_the_same_resamples(path, tmp_path):
    stores = [
        path,
        *(write(tmp_path / f"{name}.h5", plant(seed=seed)) for name, seed in (("b", 1), ("c", 2))),
    ]
    compared, _ = run(*stores, feature=FEATURES[:1], against="first")
    table = compare.table(compared).columns
    first, second = (
        comparison.measured.statistics["cka_debiased"] for comparison in compared.comparisons
    )
    at = [i for i, name in enumerate(table["statistic"]) if name == "cka_debiased"]
    assert np.isnan(table["difference"][at[0]]) and table["difference"][at[1]] == pytest.approx(
        second.value - first.value
    )
    expected = np.quantile(second.replicates - first.replicates, [0.025, 0.975])
    assert [table[name][at[1]] for name in ("difference_low", "difference_high")] == pytest.approx(
        expected
    )


def test_a_space_that_is_another_one_scaled_differs_by_nothing(tmp_path):
    """Cosines of rows and of a multiple of them are equal but for rounding, alike in every resample."""
    data = plant()
    taps = {name: np.float32(0.3) * rows for name, rows in data.taps.items()}
    scaled = dataclasses.replace(data, taps=taps)
    stores = [
        write(tmp_path / f"{i}.h5", one) for i, one in enumerate((plant(seed=1), data, scaled))
    ]
    compared, _ = run(*stores, feature=FEATURES[:1], against="first")
    table = compare.table(compared).columns
    at = [i for i, b in enumerate(table["b"]) if b == compared.comparisons[1].b]
    for name in ("difference", "difference_low", "difference_high"):
        values = table[name][at]
        assert (values[~np.isnan(values)] == 0).all() and (~np.isnan(values)).any(), name


def test_intervals_of_cuts_are_from_half_samples_that_grow_their_own_trees(path, tmp_path):
    planted = plant(), plant(seed=1)
    other = write(tmp_path / "b.h5", planted[1])
    compared, _ = run(path, other, feature=FEATURES[:1], resamples=10, k=(3,))
    statistic = compared.comparisons[0].measured.statistics["ari@3"]
    with store.read(str(path)) as source:
        halves = half_samples.half_samples(source.labels, half_samples.MANY)
    spaces = [
        rows / np.linalg.norm(rows, axis=1, keepdims=True)
        for rows in (data.of(FEATURES[0]).astype("f4").astype("f8") for data in planted)
    ]
    expected = []
    for half in halves:
        first, second = (
            AgglomerativeClustering(3, linkage="ward").fit(x[half]).labels_ for x in spaces
        )
        expected.append(adjusted_rand_score(first, second))
    assert statistic.replicates == pytest.approx(expected, abs=1e-12)
    reach = 1.96 * np.std(expected, ddof=1) * np.sqrt(halves[0].sum() / (~halves[0]).sum())
    table = compare.table(compared).columns
    at = table["statistic"].index("ari@3")
    assert table["low"][at] == pytest.approx(max(-0.5, statistic.value - reach))
    assert table["high"][at] == pytest.approx(min(1, statistic.value + reach))


def test_more_samples_than_are_held_give_the_same_values(tmp_path, monkeypatch):
    data = plant(150)
    path = write(tmp_path / "a.h5", data)
    held, _ = run(path, feature=FEATURES, resamples=400)
    monkeypatch.setattr(measures.rsa, "HELD", 100)
    monkeypatch.setattr(measures, "BLOCK_ENTRIES", 150 * 40)
    blocks, _ = run(path, feature=FEATURES, resamples=400)
    (one,), (other,) = held.comparisons, blocks.comparisons
    for name in ("rsa_pearson", "cka", "cka_debiased"):
        assert values(other)[name] == pytest.approx(values(one)[name], abs=1e-10)
    assert np.isnan(values(other)["rsa_spearman"])
    for name in ("value", "nearest_a", "nearest_b"):
        assert getattr(other.measured.moved, name) == pytest.approx(
            getattr(one.measured.moved, name), abs=1e-10
        )
    for name in ("rsa_pearson", "cka_debiased"):
        spreads = [
            comparison.measured.statistics[name].replicates.std() for comparison in (one, other)
        ]
        assert spreads[1] == pytest.approx(spreads[0], rel=0.1)


def written(path, lines):
    with open(path, "w", newline="") as stream:
        csv.writer(stream).writerows(lines)
    return str(path)


def planted_classes(tmp_path):
    """12 classes in 3 groups of 4, each its group's vector and a little of its own."""
    rng = np.random.default_rng(0)
    rows = np.repeat(rng.standard_normal((3, 20)), 4, axis=0) + 0.4 * rng.standard_normal((12, 20))
    names = [f"{group}, {i}" for group in ("crab", "dog", "fern") for i in range(4)]
    return class_store(tmp_path / "planted.h5", rows, names), rows, names


def test_a_planted_taxonomy_is_found_and_another_is_not(tmp_path):
    path, _, names = planted_classes(tmp_path)
    groups = written(
        tmp_path / "groups.csv",
        [("class", "group"), *((name, name.split(",")[0]) for name in names)],
    )
    mixed = written(tmp_path / "mixed.csv", [(name, f"g{i % 3}") for i, name in enumerate(names)])
    compared, said = run(path, reference=(groups, mixed))
    right, wrong = (comparison.measured.statistics for comparison in compared.comparisons)
    assert (
        right["ari@3"].value == 1
        and right["cophenetic"].p == 1 / 61
        and right["rsa_pearson"].value > 0.9
    )
    assert wrong["ari@3"].value < 0.2 and wrong["cophenetic"].p > 0.2 and "cka" not in right
    assert "a taxonomy of 15 nodes, 12 of them leaves" in said[0]
    lengths = np.array(
        [[0 if i == j else 2 if i // 4 == j // 4 else 4 for j in range(12)] for i in range(12)]
    )
    upper = np.triu_indices(12, 1)
    merges = compared.trees[0]
    assert right["cophenetic"].value == pytest.approx(
        np.corrcoef(hierarchy.cophenet(merges), lengths[upper])[0, 1], abs=1e-10
    )


@pytest.mark.parametrize("similarities", [True, False])
def test_a_matrix_of_the_networks_own_similarities_agrees_fully(tmp_path, similarities):
    path, rows, names = planted_classes(tmp_path)
    own = np.corrcoef(rows.astype("f4").astype(float))
    order = np.random.default_rng(1).permutation(12)
    table = (own if similarities else 1 - own)[np.ix_(order, order)].round(12)
    shuffled = [names[i] for i in order]
    reference = written(
        tmp_path / "m.csv",
        [
            ["", *shuffled, "absent"],
            *([name, *row, 0.5] for name, row in zip(shuffled, table)),
            ["absent", *[0.5] * 12, float(similarities)],
        ],
    )
    compared, said = run(path, reference=(reference,))
    assert (
        values(compared.comparisons[0])["rsa_pearson"] == pytest.approx(1, abs=1e-9)
        and compared.facts["samples"] == 12
    )
    assert f"read as {'similarities' if similarities else 'distances'}" in said[0] and any(
        "1 of 13" in line for line in said
    )


def test_equal_names_meet_in_turn_or_by_what_the_store_calls_them(tmp_path):
    rows = np.random.default_rng(0).standard_normal((5, 8))
    path = class_store(tmp_path / "a.h5", rows, ["crane", "desk", "crane", "maillot", "fern"])
    own = np.corrcoef(rows.astype("f4").astype(float)).round(12)
    for names in (
        ["crane", "desk", "crane", "maillot", "fern"],
        ["crane (0)", "desk", "crane (2)", "maillot", "fern"],
    ):
        reference = written(
            tmp_path / "m.csv", [["", *names], *([name, *row] for name, row in zip(names, own))]
        )
        compared, _ = run(path, reference=(reference,))
        assert compared.facts["samples"] == 5 and values(compared.comparisons[0])[
            "rsa_pearson"
        ] == pytest.approx(1, abs=1e-9)


def test_wordnet_ids_are_imagenets_names():
    assert (
        references.canonical("n01440764")
        == references.canonical("Tench")
        == references.canonical("n01440764_some_fish")
    )
    assert references.canonical("n99999999") == "n99999999"


@pytest.mark.parametrize(
    "lines, words",
    [
        ([("a",)], "has 1 lines"),
        ([("a", "b", "c"), ("d", "e", "f")], "line 1: 3 cells"),
        ([("", "a", "b"), ("a", 0, 1), ("c", 1, 0)], "is of 'c'"),
        ([("", "a", "b"), ("a", 0, "x"), ("b", 1, 0)], "'x' is not a number"),
        ([("", "a", "b"), ("a", 0, ""), ("b", 1, 0)], "'' is not a number"),
        ([("", "a", "b"), ("a", 0.5, 1), ("b", 1, 0.5)], "neither distances"),
        ([("a", "b"), ("b", "a")] + [(x, "a") for x in "klmn"], "is its own ancestor"),
    ],
)
def test_what_is_no_reference_is_refused(tmp_path, lines, words):
    path = class_store(
        tmp_path / "a.h5", np.random.default_rng(0).standard_normal((6, 9)), list("abklmn")
    )
    with pytest.raises(GradtoolsError, match=words):
        run(path, reference=(written(tmp_path / "r.csv", lines),))


def test_the_store_has_the_tables_and_the_samples(path, tmp_path):
    other = write(tmp_path / "b.h5", plant(seed=1).take(np.arange(25)))
    compared, _ = run(path, other, feature=FEATURES[:1], output=str(tmp_path / "out.h5"))
    with store.read(str(tmp_path / "out.h5")) as made:
        assert (
            made.kind == "compare"
            and made.ids == compared.ids
            and made.n_samples == 25
            and len(made.history_lines()) == 2
        )
        columns, facts = made.table("/tables/compare")
        assert (
            columns["value"] == pytest.approx(compare.table(compared).columns["value"])
            and columns["statistic"] == compare.table(compared).columns["statistic"]
        )
        moved, _ = made.table("/tables/moved")
        assert (
            (np.diff(moved["moved"]) <= 0).all()
            and sorted(moved["sample"]) == sorted(compared.ids)
            and facts["samples"] == 25
        )


def test_rows_without_a_direction_are_left_out(tmp_path):
    data = plant()
    data.taps["gradient@conv"][4] = 0
    compared, said = run(write(tmp_path / "a.h5", data), feature=FEATURES)
    assert compared.facts["samples"] == 29 and any(
        "1 rows without a direction" in line for line in said
    )
    assert run(tmp_path / "a.h5", feature=FEATURES, metric="euclidean")[0].facts["samples"] == 30


def test_where_a_store_stands_on_the_curve():
    assert compare.positions(["run/epoch_001.h5", "run/epoch_010.h5"])[0].tolist() == [1, 10]
    assert compare.positions(["resnet50-3.h5", "resnet50-7.h5"])[0].tolist() == [3, 7]
    assert compare.positions(["a2.h5", "b.h5"])[0].tolist() == [1, 2] and compare.positions(
        ["a", "b"], [5, 9]
    )[0].tolist() == [5, 9]
    with pytest.raises(UsageError, match="1 numbers for 2 stores"):
        compare.positions(["a", "b"], [5])


def test_intervals_cover_what_was_planted():
    """RSA of samples of a population whose value is known from very many: 95 % intervals hold it about that often."""
    rng = np.random.default_rng(0)
    mixing = rng.standard_normal((5, 5)) * 0.6

    def drawn(n):
        x = rng.standard_normal((n, 5))
        return x, x @ mixing + 0.5 * rng.standard_normal((n, 5))

    def products(n):
        return [rsa.off_diagonal(rows @ rows.T) for rows in drawn(n)]

    truth = rsa.pearson(rsa.row_sums([tuple(products(3000))], 3000))
    held = 0
    for seed in range(60):
        a, b = products(50)
        counts = np.random.default_rng(seed).multinomial(50, np.full(50, 1 / 50), 200)
        low, high = np.quantile(
            rsa.pearson(rsa.resampled_sums(a, b, counts), counts), [0.025, 0.975]
        )
        held += low <= truth <= high
    assert 49 <= held <= 60


def test_levels_of_a_tree_are_its_cuts_between_two_heights():
    merges = np.array([[0, 1, 2, 2], [2, 3, 2, 2], [4, 5, 2, 2], [6, 7, 4, 4], [8, 9, 6, 6.0]])
    assert cuts._levels(merges) == [3, 2]


def test_the_floor_is_what_one_permutation_in_twenty_passes(tmp_path):
    rng = np.random.default_rng(3)
    rows = rng.standard_normal((2, 10, 6))
    paths = [
        class_store(tmp_path / f"{name}.h5", one, list("abcdefghij"))
        for name, one in zip("ab", rows)
    ]
    compared, _ = run(*paths, permutations=2000, metric="cosine", rows="raw")
    a, b = (hierarchy.distance.pdist(one.astype("f4"), "cosine") for one in rows)
    squares = hierarchy.distance.squareform(b)
    orders = (rng.permutation(10) for _ in range(4000))
    null = [
        np.corrcoef(a, hierarchy.distance.squareform(squares[np.ix_(order, order)]))[0, 1]
        for order in orders
    ]
    assert compared.comparisons[0].measured.statistics["rsa_pearson"].floor == pytest.approx(
        np.quantile(null, 0.95), abs=0.03
    )


def test_more_clusters_than_samples_are_refused(tmp_path):
    path, _, _ = planted_classes(tmp_path)
    with pytest.raises(GradtoolsError, match="12 leaves into 13 clusters"):
        run(path, path, k=(13,))


def test_the_spaces_themselves_become_samples_of_a_tree(path, tmp_path):
    """Plain CKA of two of them by its definition; the first merge of their tree is the most alike pair."""
    data = plant()
    rows = data.of("gradient@conv")
    made = str(tmp_path / "spaces.h5")
    compare.compare(
        [path],
        made,
        compare.Options(feature=("gradient@*", "activation@*"), **QUICK),
        spaces_by="cka",
        say=lambda line: None,
    )
    with store.read(made) as source:
        assert source.unit == "space"
        matrix = source.values("/similarity/space/cka/matrix")
        at = [source.ids.index(name) for name in FEATURES]
    centred = [x - x.mean(0) for x in (rows.astype("f8"), data.of("activation@block").astype("f8"))]
    cross = [
        np.linalg.norm(a.T @ b) ** 2
        for a, b in ((centred[0], centred[1]), (centred[0], centred[0]), (centred[1], centred[1]))
    ]
    assert matrix[at[0], at[1]] == pytest.approx(cross[0] / np.sqrt(cross[1] * cross[2]), abs=1e-6)
    assert np.array_equal(matrix, matrix.T) and np.all(np.diagonal(matrix) == 1)
    options = dendrogram.Options(linkage="average", resamples=2)
    with store.read(made) as source:
        tree = dendrogram.dendrogram(source, None, options, say=lambda line: None)
    assert len(tree.merges) == len(matrix) - 1
    assert tree.merges[0, 2] == pytest.approx(
        1 - np.sort(matrix[np.triu_indices(len(matrix), 1)])[-1], abs=1e-6
    )


def test_spaces_that_were_not_all_compared_make_no_matrix(path, tmp_path):
    options = compare.Options(feature=("gradient@*", "activation@*"), against="first", **QUICK)
    with pytest.raises(UsageError, match="takes every pair"):
        compare.compare(
            [path], str(tmp_path / "s.h5"), options, spaces_by="cka", say=lambda line: None
        )
    assert not (tmp_path / "s.h5").exists()
