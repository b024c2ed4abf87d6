"""Arrays of other programs become stores that every command takes; wrong ones are named."""

import csv
import hashlib
import os

import numpy as np
import pytest
from planted import by_loops, plant, write
from shell import call, rows_of
from sklearn.cluster import AgglomerativeClustering
from sklearn.metrics import adjusted_rand_score, silhouette_score

from gradtools import store
from gradtools.math.pairs import bootstrap, of_matrix, pair_auc, pair_auc_bootstrap
from gradtools.math.rows import vectors
from gradtools.stages.transfer import on_disk
from gradtools.store import paths

DATA = plant(n=36)
CLASSES = ["ant", "bee", "cat"]


def arrays():
    """What another program would have of the planted samples."""
    return {
        "features": DATA.of("gradient@conv"),
        "clip": DATA.of("activation@block"),
        "label": DATA.labels,
        "class_name": np.array(CLASSES),
        "predicted": DATA.predicted,
        "id": np.array(DATA.ids),
        "weight": DATA.class_rows,
    }


def loops(feature):
    """What loops over the pairs give."""
    return by_loops(DATA.of(feature), DATA.labels, DATA.predicted)


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    np.savez("made.npz", **arrays())
    return tmp_path


def imported(capsys, *arguments):
    """The store of an import."""
    ended = call(capsys, "import", *arguments, "-o", "out.h5", "--force")
    assert ended.status == 0, ended.err
    return "out.h5"


def store_digests(path):
    with store.read(path) as source:
        source.check()
        return source.digests()


def test_an_import_says_what_each_feature_is_of_and_keeps_it(here, capsys):
    ended = call(capsys, "import", "made.npz", "--about", "clip=CLIP, image side", "-o", "a.h5")
    assert "clip: 36 x 6 from made.npz clip" in ended.err
    with store.read("a.h5") as source:
        assert source.attributes(paths.feature_group("clip"))["about"] == "CLIP, image side"
        assert source.class_names == CLASSES and source.ids == DATA.ids
        np.testing.assert_array_equal(
            source.values(paths.feature("features")), DATA.of("gradient@conv")
        )
        source.check()


COMMANDS = {
    "similarity": ("--resamples", 20, "--permutations", 20),
    "neighbors": ("--resamples", 20, "--permutations", 20),
    "cluster": ("--repeats", 2, "--no-intervals"),
    "dendrogram": ("--resamples", 2, "--feature", "clip"),
    "compare": ("--feature", "clip", "--feature", "features", "--no-intervals"),
}


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_that_takes_features_takes_imported_ones(command, here, capsys):
    path = imported(capsys, "made.npz")
    ended = call(capsys, command, path, "--json", *COMMANDS[command])
    assert ended.status == 0, ended.err
    told = {str(row["row"]) + str(row["column"]) for row in rows_of(ended.out)}
    assert any("clip" in text or command in ("dendrogram", "compare") for text in told)
    assert rows_of(ended.out)


def test_similarities_of_an_import_are_those_of_its_rows(here, capsys):
    path = imported(capsys, "made.npz")
    rows = rows_of(
        call(capsys, "similarity", path, "--feature", "features", "--json", "--no-intervals").out
    )
    values = {row["column"]: row["value"] for row in rows if row["row"] == "features cosine"}
    expected = loops("gradient@conv")
    assert values["within class"] == pytest.approx(expected["within"][0], abs=1e-9)
    assert any(row["row"] == "class row cosine" for row in rows)


def test_evaluate_takes_what_was_computed_from_an_import(here, capsys):
    path = imported(capsys, "made.npz", "--model", "clip-b32")
    assert call(capsys, "similarity", path, "-o", "s.h5", "--resamples", 20).status == 0
    ended = call(capsys, "evaluate", "s.h5", "--json", "--layout", "similarity")
    assert {row["model"] for row in rows_of(ended.out)} == {"clip-b32"}


def test_a_table_gives_the_same_values_as_an_archive(here, capsys):
    np.save("features.npy", DATA.of("gradient@conv"))
    with open("labels.csv", "w", newline="") as handle:
        lines = csv.writer(handle)
        lines.writerow(["id", "label", "predicted"])
        for name, label, predicted in zip(DATA.ids, DATA.labels, DATA.predicted):
            lines.writerow([name, CLASSES[label], CLASSES[predicted]])
    with open("whole.csv", "w", newline="") as handle:
        lines = csv.writer(handle)
        lines.writerow(["file", "y", *(f"features[{i}]" for i in range(6))])
        for name, label, row in zip(DATA.ids, DATA.labels, DATA.of("gradient@conv")):
            lines.writerow([name, CLASSES[label], *map(repr, row.tolist())])
    with store.read(imported(capsys, "features.npy", "labels.csv")) as source:
        first = source.values(paths.feature("features")), source.labels, source.predicted
    renames = ("--rename", "file=id", "--rename", "y=label")
    with store.read(imported(capsys, "whole.csv", *renames)) as source:
        second = source.values(paths.feature("features")), source.labels
    for one, other in zip(first, second):
        np.testing.assert_array_equal(one, other)
    np.testing.assert_array_equal(first[2], DATA.predicted)


def test_parquet_holds_vectors_as_lists_or_columns(here, capsys):
    pyarrow = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    rows = DATA.of("gradient@conv")
    table = {"id": DATA.ids, "label": [CLASSES[i] for i in DATA.labels], "clip": rows.tolist()}
    parquet.write_table(pyarrow.table(table), "made.parquet")
    with store.read(imported(capsys, "made.parquet")) as source:
        np.testing.assert_array_equal(source.values(paths.feature("clip")), rows)
        assert [source.class_names[i] for i in source.labels] == table["label"]


def test_probabilities_become_logits_with_the_same_softmax(here, capsys):
    np.savez("p.npz", probabilities=DATA.of("probabilities"), label=DATA.labels)
    ended = call(
        capsys, "similarity", imported(capsys, "p.npz"), "--feature", "probabilities", "--json",
        "--no-intervals",
    )  # fmt: skip
    within = next(row["value"] for row in rows_of(ended.out) if row["column"] == "within class")
    assert within == pytest.approx(loops("probabilities")["within"][0], abs=1e-5)


def test_a_matrix_gives_the_statistics_of_the_rows_it_is_made_of(here, capsys):
    rows = vectors.similarity_block(*[DATA.of("gradient@conv")] * 2, "cosine")
    np.savez("m.npz", near=rows, label=DATA.labels, predicted=DATA.predicted)
    path = imported(capsys, "m.npz", "--matrix", "near", "--metric", "cosine", "--resamples", 20)
    with store.read(path) as source:
        columns, _ = source.table(paths.similarity("near", "cosine"))
    values = dict(zip(columns["statistic"], columns["value"]))
    for name, (value, pairs) in loops("gradient@conv").items():
        assert values[name] == pytest.approx(value, abs=1e-12), name
    auc = pair_auc.pair_auc(DATA.of("gradient@conv"), DATA.labels, DATA.predicted).auc
    assert values["auc_same_prediction"] == pytest.approx(auc[1], abs=1e-12)
    tree = call(capsys, "dendrogram", path, "--linkage", "average", "--json", "--resamples", 2)
    assert tree.status == 0, tree.err


def made_matrix(capsys):
    """Cosines of every pair as another program gives them, beside a store of the rows: (matrix, path, path)."""
    unit, _ = vectors.unit_rows(DATA.of("gradient@conv").astype(float))
    cosines = unit @ unit.T
    np.savez("m.npz", near=cosines, **{key: arrays()[key] for key in ("label", "id", "predicted")})
    matrix = imported(capsys, "m.npz", "--matrix", "near", "--metric", "cosine")
    os.rename(matrix, "matrix.h5")
    return cosines, "matrix.h5", imported(capsys, "made.npz")


@pytest.mark.parametrize("linkage", ["average", "complete", "single"])
def test_agglomeration_of_a_matrix_is_that_of_another_library(here, capsys, linkage):
    cosines, path, _ = made_matrix(capsys)
    how = (
        "--method",
        "agglomerative",
        "--linkage",
        linkage,
        "--resamples",
        30,
        "-o",
        "c.h5",
        "--force",
    )
    assert call(capsys, "cluster", path, *how).status == 0
    with store.read("c.h5") as source:
        ours = source.values("/clusters/near/agglomerative/label")[0]
        columns, facts = source.table("/clusters/near/agglomerative")
    theirs = AgglomerativeClustering(3, metric="precomputed", linkage=linkage).fit_predict(
        1 - cosines
    )
    assert adjusted_rand_score(ours, theirs) == 1
    assert columns["ari"][0] == pytest.approx(adjusted_rand_score(DATA.labels, theirs))
    apart = np.maximum(1 - cosines, 0)
    np.fill_diagonal(apart, 0)
    silhouette = silhouette_score(apart, theirs, metric="precomputed")
    assert columns["silhouette"][0] == pytest.approx(silhouette, abs=1e-6)
    assert facts["resamples"] == 30 and facts["ari_low"] < columns["ari"][0] < facts["ari_high"]


def test_a_matrix_is_compared_with_features_and_refused_where_rows_are_needed(here, capsys):
    cosines, path, rows = made_matrix(capsys)
    ended = call(capsys, "compare", path, f"{rows}::clip", "--json", "--no-intervals")
    values = {
        row["row"].split()[-1]: row["value"]
        for row in rows_of(ended.out)
        if row["column"] == "value"
    }
    unit, _ = vectors.unit_rows(DATA.of("activation@block").astype(float))
    pairs = np.triu_indices(len(unit), 1)
    expected = np.corrcoef(cosines[pairs], (unit @ unit.T)[pairs])[0, 1]
    assert values["rsa_pearson"] == pytest.approx(expected, abs=1e-5)
    assert "cka" not in values
    for command in ("similarity", "neighbors"):
        assert (
            "cluster --method agglomerative and compare take it" in call(capsys, command, path).line
        )
    assert "--method agglomerative --linkage average" in call(capsys, "cluster", path).line


def test_resampled_statistics_of_a_matrix_are_those_of_the_rows():
    rows, counts = DATA.of("gradient@conv"), bootstrap.resample_weights(DATA.labels, 15, 3)
    matrix = vectors.similarity_block(rows, rows, "euclidean")
    _, drawn = of_matrix.matrix_statistics(matrix, DATA.labels, DATA.predicted, counts, True)
    auc, exact = pair_auc_bootstrap.bootstrap_pair_auc(
        rows, DATA.labels, DATA.predicted, counts, "euclidean"
    )
    assert exact
    np.testing.assert_allclose(drawn[:, -3:], auc, atol=1e-12)
    means = bootstrap.bootstrap_matrix_statistics(matrix, DATA.labels, DATA.predicted, counts)
    np.testing.assert_allclose(drawn[:, :-3], means, atol=1e-12)


def test_images_meet_those_of_other_stores_by_digest(here, capsys):
    (here / "photos").mkdir()
    for name in DATA.ids:
        (here / "photos" / name).write_bytes(name.encode())
    with store.read(imported(capsys, "made.npz", "--images", "photos")) as source:
        expected = hashlib.sha256(DATA.ids[3].encode()).digest()
        assert source.values(paths.DIGEST)[3].tobytes() == expected


def test_classes_meet_the_rows_of_a_network_by_name(here, capsys):
    np.savez("words.npz", features=DATA.of("logits")[:6], id=np.array(list("abcdef")))
    path = imported(capsys, "words.npz", "--unit", "class")
    with store.read(path) as source:
        assert source.unit == "class" and source.model_class_names == list("abcdef")
    ended = call(capsys, "neighbors", path, "--of", "c", "--json", "--permutations", 9)
    assert ended.status == 0, ended.err


@pytest.mark.parametrize(
    "change, words",
    [
        ({"label": DATA.labels[:-1]}, "label 35"),
        ({"label": DATA.labels + 0.5}, "label must be whole numbers"),
        ({"predicted": DATA.predicted - 1}, "predicted must be a class"),
        ({"clip": np.full((36, 2), np.nan)}, "clip of 000.png holds NaN"),
        ({"id": np.array(["x"] * 36)}, "id 'x' stands twice"),
        ({"class_name": np.array(["ant"])}, "has no name"),
        ({"probabilities": np.ones((36, 3))}, "each row with the sum 1"),
        ({"logits": DATA.logits[:, ::-1]}, "not the argmax of the logits"),
        ({"gradient": DATA.logits}, "--rename gradient=NAME"),
        ({"probabilities": np.full((36, 3), np.nan)}, "each row with the sum 1"),
        ({"logits": DATA.logits.astype("f8") * 1e300}, "finite as 32-bit floats"),
        ({"weight": np.full((3, 2), np.nan)}, "weight must be any x any finite numbers"),
        ({"bias": np.zeros((3, 1))}, "bias must be any finite numbers"),
        ({"digest": np.zeros((36, 31), "u1")}, "digest must be 36 x 32"),
        ({"class_name": np.array(["ant", "ant", "cat"])}, "class_name 'ant' stands twice"),
        ({"label": DATA.labels * 1e12}, "label must be whole numbers"),
        ({"clip": np.zeros((36, 0))}, "clip has rows of no numbers"),
        ({"m": DATA.logits[:, :1] - DATA.logits[:, 0]}, "not symmetric"),
    ],
)
def test_arrays_that_contradict_each_other_are_named(change, words, here, capsys):
    np.savez("bad.npz", **{**arrays(), **change})
    more = ("--matrix", "m") if "m" in change else ()
    ended = call(capsys, "import", "bad.npz", "-o", "b.h5", *more)
    assert ended.status in (1, 2) and words in ended.err.strip().splitlines()[-1], ended.err
    assert not (here / "b.h5").exists()


def test_a_head_that_says_more_than_the_file_has_is_refused_at_once(here, capsys):
    for shape in ((2**40, 4), (2**62, 4), (16, 2**40), (2**31, 2**31)):
        with open("a.npy", "wb") as file:
            head = {"descr": "<f4", "fortran_order": False, "shape": shape}
            np.lib.format.write_array_header_1_0(file, head)
            file.write(bytes(64))
        ended = call(capsys, "import", "a.npy", "-o", "x.h5")
        assert ended.status == 1 and "it ends early" in ended.line


def test_no_rows_are_refused(here, capsys):
    np.savez("none.npz", features=np.zeros((0, 3)), label=np.zeros(0))
    ended = call(capsys, "import", "none.npz", "-o", "x.h5")
    assert ended.status == 1 and ended.line == "gradtools import: the arrays have no rows"


def test_ids_of_a_table_stay_as_they_are_written(here, capsys):
    (here / "a.csv").write_text("id,x\n007,1\n1e3,2\nnan,3\n")
    with store.read(imported(capsys, "a.csv")) as source:
        assert source.ids == ["007", "1e3", "nan"]


def test_brackets_without_end_are_texts(here, capsys):
    (here / "a.csv").write_text("id,x,y\na,1," + "[" * 100_000 + "\nb,2,[\n")
    ended = call(capsys, "import", "a.csv", "-o", "x.h5")
    assert ended.status == 0 and "y (texts)" in ended.err


def test_files_that_are_no_arrays_are_refused(here, capsys):
    (here / "a.txt").write_text("1")
    (here / "bare.csv").write_text("1,2\n3,4\n")
    (here / "odd.csv").write_text("id,label\na,b,c\n")
    (here / "broken.npz").write_text("no archive")
    for name, words in (
        ("a.txt", "import reads .npz"),
        ("bare.csv", "first line is numbers"),
        ("odd.csv", "line 2 has 3 entries"),
        ("broken.npz", "cannot be read"),
        ("gone.npz", "No such file"),
    ):
        assert words in call(capsys, "import", name, "-o", "x.h5").line


@pytest.fixture
def planted_store(here):
    return write("planted.h5", DATA)


def test_an_archive_goes_out_and_comes_back(planted_store, capsys):
    ended = call(
        capsys, "export", planted_store, "--feature", "gradient@conv", "--feature", "logits",
        "-o", "out.npz",
    )  # fmt: skip
    assert ended.status == 0 and "gradient@conv (6)" in ended.err, ended.err
    path = imported(capsys, "out.npz", "--rename", "gradient@conv=gradients")
    with store.read(path) as back, store.read(planted_store) as first:
        np.testing.assert_array_equal(
            back.values(paths.feature("gradients")), DATA.taps["gradient@conv"]
        )
        np.testing.assert_array_equal(back.values(paths.LOGITS), DATA.logits)
        assert back.ids == first.ids and back.class_names == first.class_names
        np.testing.assert_array_equal(back.labels, first.labels)
        assert back.sample_digest == first.sample_digest


@pytest.mark.parametrize("lists", [(), ("--lists",)])
def test_a_table_goes_out_and_comes_back(lists, planted_store, capsys):
    name = "activation@block"
    ended = call(capsys, "export", planted_store, "--feature", name, "--where", "wrong", *lists)
    with open("wrong.csv", "w") as handle:
        handle.write(ended.out)
    lines = list(csv.DictReader(ended.out.splitlines()))
    wrong = DATA.labels != DATA.predicted
    assert [line["id"] for line in lines] == [DATA.ids[i] for i in np.flatnonzero(wrong)]
    assert {line["correct"] for line in lines} == {"no"}
    columns = [f"{name}[{i}]=clip[{i}]" for i in range(6)] if not lists else [f"{name}=clip"]
    renames = [word for column in columns for word in ("--rename", column)]
    with store.read(imported(capsys, "wrong.csv", *renames)) as back:
        values = back.values(paths.feature("clip")).astype("f4")
        np.testing.assert_array_equal(values, DATA.taps[name][wrong])


def test_parquet_goes_out_and_comes_back(planted_store, capsys):
    pytest.importorskip("pyarrow")
    ended = call(
        capsys, "export", planted_store, "--feature", "logits", "--lists", "-o", "out.parquet"
    )
    assert ended.status == 0, ended.err
    with store.read(imported(capsys, "out.parquet")) as back:
        np.testing.assert_array_equal(back.values(paths.LOGITS), DATA.logits)


def test_an_export_names_its_format(planted_store, capsys):
    assert ".npz" in call(capsys, "export", planted_store, "-o", "out.mat").line
    assert "name a file" in call(capsys, "export", planted_store, "--format", "npz").line


@pytest.mark.parametrize("step", [1, 1000])
@pytest.mark.parametrize("kind", ["f4", "f8", "i2"])
def test_rows_that_stay_on_disk_are_those_that_are_read_at_once(
    kind, step, here, capsys, monkeypatch
):
    """From archives and from single files; compressed and Fortran-ordered ones are read at once."""
    rows = (100 * DATA.of("gradient@conv")).astype(kind)
    given = {"features": rows, "deep": rows.reshape(len(rows), -1, 2), "id": np.array(DATA.ids)}
    np.savez("many.npz", **given, other=np.asfortranarray(rows))
    np.savez_compressed("packed.npz", **given, other=rows)
    np.save("alone.npy", rows)
    names = ("many.npz", "packed.npz", "alone.npy")
    whole = [store_digests(imported(capsys, name)) for name in names]
    assert whole[0] == whole[1]
    monkeypatch.setattr(on_disk, "LARGE_BYTES", 0)
    monkeypatch.setattr(on_disk, "BLOCK_BYTES", step)
    assert [store_digests(imported(capsys, name)) for name in names] == whole
    monkeypatch.setattr(on_disk.RowsOnDisk, "blocks", lambda self: iter([]))
    ended = call(capsys, "import", "many.npz", "-o", "none.h5")
    assert ended.status != 0  # so they were read in blocks before


def test_rows_on_disk_that_are_not_finite_or_cut_off_are_named(here, capsys, monkeypatch):
    monkeypatch.setattr(on_disk, "LARGE_BYTES", 0)
    monkeypatch.setattr(on_disk, "BLOCK_BYTES", 64)
    rows = DATA.of("gradient@conv").astype("f4")
    rows[7, 1] = np.nan
    np.save("rows.npy", rows)
    ended = call(capsys, "import", "rows.npy", "-o", "a.h5")
    assert ended.status == 1 and "of 000007 holds NaN" in ended.line
    matrix = np.corrcoef(DATA.of("gradient@conv"))
    np.save("matrix.npy", matrix)
    ended = call(capsys, "import", "matrix.npy", "--matrix", "matrix", "-o", "m.h5")
    assert ended.status == 0, ended.err
    with store.read("m.h5") as source:
        stored = source.needed(paths.matrix("matrix", "similarity"))
    np.testing.assert_array_equal(stored, matrix.astype("f4"))
    (here / "rows.npy").write_bytes((here / "rows.npy").read_bytes()[:-100])
    ended = call(capsys, "import", "rows.npy", "-o", "a.h5")
    assert ended.status == 1 and "rows.npy" in ended.line
