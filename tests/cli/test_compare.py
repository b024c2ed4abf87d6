"""gradtools compare in the shell: its table, forms, pictures and mistakes; and what it says of real networks."""

import csv

import numpy as np
import pytest
from conftest import DATA, needs_data
from planted import plant, write
from shell import call, rows_of, run

from gradtools import store
from gradtools.network import models
from gradtools.stages import classes, compare

QUICK = ("--resamples", 20, "--permutations", 20)


@pytest.fixture(scope="module")
def paths(tmp_path_factory):
    folder = tmp_path_factory.mktemp("shell")
    return [write(folder / f"step_{step}.h5", plant(seed=step)) for step in (1, 5, 20)]


def store_ids(path):
    with store.read(path) as source:
        return source.ids


def compared(paths, **options):
    return compare.compare(
        paths,
        None,
        compare.Options(**{"resamples": 20, "permutations": 20, **options}),
        say=lambda line: None,
    )


def test_programs_get_a_row_a_statistic_and_a_row_a_sample(capsys, paths):
    ended = call(capsys, "compare", *paths[:2], "--feature", "logits", "--json", *QUICK)
    rows, made = rows_of(ended.out), compared(paths[:2], feature=("logits",))
    table, moved = compare.table(made).columns, compare.moved(made).columns
    values = [row for row in rows if (row["table"], row["column"]) == ("compare", "value")]
    assert [row["row"].split()[-1] for row in values] == table["statistic"]
    assert [row["value"] for row in values] == pytest.approx(table["value"].tolist())
    assert [row["p"] for row in values if "p" in row] == pytest.approx(
        table["p"][np.isfinite(table["p"])].tolist()
    )
    far = [row for row in rows if (row["table"], row["column"]) == ("moved", "moved")]
    assert [row["row"].split()[-1] for row in far] == moved["sample"]
    near = [row["value"] for row in rows if row["column"] == "nearest in a"]
    assert near == moved["nearest_a"] and set(near) <= set(made.ids)
    ended = call(capsys, "compare", *paths[:2], "--feature", "logits", "--tsv", *QUICK)
    assert len(list(csv.DictReader(ended.out.splitlines(), delimiter="\t"))) == len(rows)


def test_on_a_terminal_the_table_is_the_answer(capsys, paths, monkeypatch):
    ended = call(
        capsys,
        "compare",
        *paths,
        "--feature",
        "logits",
        "--against",
        "first",
        *QUICK,
        terminal=["out"],
        monkeypatch=monkeypatch,
    )
    lines = ended.out.splitlines()
    first = (
        compared(paths[:2], feature=("logits",)).comparisons[0].measured.statistics["cka_debiased"]
    )
    assert (
        lines[0] == "30 images, cosine (rows raw)"
        and f"{first.value:.3f} [" in lines[2]
        and lines[2].split()[:2] == ["step_1", "step_5"]
    )
    assert "difference from step_1, step_5" in ended.out and "most moved" not in ended.out
    ended = call(
        capsys,
        "compare",
        *paths[:2],
        "--feature",
        "logits",
        *QUICK,
        terminal=["out"],
        monkeypatch=monkeypatch,
    )
    assert "the 10 most moved of 30" in ended.out and "difference" not in ended.out


@pytest.mark.parametrize(
    "stores, options",
    [
        (2, []),
        (2, ["--picture", "moved"]),
        (3, ["--against", "first"]),
        (3, []),
        (3, ["--against", "last", "--at", "1,2,4"]),
    ],
)
def test_pictures(capsys, paths, tmp_path, stores, options):
    ended = call(
        capsys,
        "compare",
        *paths[:stores],
        "--feature",
        "logits",
        "--no-intervals",
        "--figure",
        tmp_path / "a.svg",
        "--tsv",
        *options,
    )
    assert (
        ended.status == 0 and ended.out and (tmp_path / "a.svg").read_text().startswith("<?xml")
    ), ended.err


@pytest.mark.parametrize(
    "options, status, words",
    [
        (["--figure", "a.gif"], 2, ".png"),
        (["--reference", "no.csv"], 2, "No such file"),
        (["--at", "1,x"], 2, "a number for each store"),
        (["--k", "1"], 2, "--k"),
        (["--metric", "manhattan"], 2, "euclidean"),
        (["--feature", "x"], 2, "no feature 'x'"),
        (["--by", "cka"], 2, "add --figure"),
        (["--tsv"], 2, "give one of them"),
        (["--picture", "tanglegram", "--figure", "a.svg"], 1, "of one pair, and 3 are compared"),
    ],
)
def test_mistakes_are_one_line(capsys, paths, tmp_path, monkeypatch, options, status, words):
    monkeypatch.chdir(tmp_path)
    options = options if "--feature" in options else [*options, "--feature", "logits"]
    ended = call(
        capsys,
        "compare",
        *paths,
        "--no-intervals",
        "--json",
        *options,
        *(["--figure", "a.svg"] if "--at" in options else []),
    )
    assert ended.status == status and words in ended.line


def test_a_store_through_a_pipe_is_carried_whole(paths, tmp_path):

    from gradtools import store

    words = ["compare", "--feature", "logits", "--feature", "gradient", "--no-intervals"]
    ended = run(*words, stdin=paths[0], stdout=tmp_path / "out.h5")
    assert ended.returncode == 0, ended.stderr
    with store.read(f"{tmp_path}/out.h5") as made:
        assert (
            made.kind == "compare"
            and made.values("/outputs/logits").shape == (30, 3)
            and made.tree("/tables") == ["compare", "moved"]
        )


def class_store(folder, spec, weights, name):
    classes.classes(models.load(spec, weights, without_images=True), str(folder / f"{name}.h5"))
    return str(folder / f"{name}.h5")


@needs_data
def test_real_networks_agree_with_each_other_and_with_a_taxonomy_and_random_weights_do_not(
    tmp_path,
):
    cifar = [
        class_store(
            tmp_path,
            f"{DATA}/cifar_resnet.py:resnet{depth}",
            str(DATA / f"cifar10_resnet{depth}.pth"),
            f"r{depth}",
        )
        for depth in (20, 56)
    ]
    statistics = compared(cifar, resamples=0).comparisons[0].measured.statistics
    assert (
        statistics["cka_debiased"].value > 0.9 and statistics["cka"].shuffled > 0.9
    )  # ten rows: plain CKA says nothing
    squeezenet = class_store(
        tmp_path, "squeezenet1_0", str(DATA / "squeezenet1_0_imagenet.pth"), "sq"
    )
    groups = [
        (path.stem, path.parent.name) for path in sorted((DATA / "imagenet60").glob("*/*.jpg"))
    ]
    (tmp_path / "groups.csv").write_text("\n".join(",".join(pair) for pair in groups))
    made = compared([squeezenet], reference=(str(tmp_path / "groups.csv"),), resamples=0)
    statistics = made.comparisons[0].measured.statistics
    assert (
        made.facts["samples"] == 60
        and statistics["ari@10"].value > 0.6
        and statistics["cophenetic"].value > 5 * statistics["cophenetic"].floor
    )
    random = class_store(tmp_path, "squeezenet1_0", "random", "random")
    statistics = compared([squeezenet, random], resamples=0).comparisons[0].measured.statistics
    assert (
        abs(statistics["cka_debiased"].value) < 0.01 < statistics["cka"].shuffled
        and abs(statistics["rsa_pearson"].value) < 0.01
    )


def test_groups_of_a_taxonomy_are_not_missed(capsys, paths, tmp_path):
    reference, ids = tmp_path / "r.csv", store_ids(paths[0])
    reference.write_text(
        "".join(f"{name},{'odd' if number % 2 else 'even'}\n" for number, name in enumerate(ids))
    )
    ended = call(
        capsys,
        "compare",
        paths[0],
        "--feature",
        "logits",
        "--reference",
        reference,
        "--json",
        *QUICK,
    )
    assert ended.status == 0 and "left out" not in ended.err and "32 nodes" in ended.err


@pytest.mark.parametrize(
    "text, words",
    [
        ("x,y\nz,y\n", "r names images by their ids: gradtools info --ids"),
        (",a,b\na,1,1\nb,1,1\n", "all pairs have the value 1"),
    ],
)
def test_references_that_cannot_tell_say_why(capsys, paths, tmp_path, text, words):
    (tmp_path / "r.csv").write_text(text)
    ended = call(
        capsys,
        "compare",
        paths[0],
        "--feature",
        "logits",
        "--reference",
        tmp_path / "r.csv",
        "--json",
        *QUICK,
    )
    assert ended.status in (1, 2) and words in ended.err


def test_without_intervals_nothing_is_said_of_them(capsys, paths, monkeypatch):
    ended = call(
        capsys,
        "compare",
        *paths[:2],
        "--feature",
        "logits",
        "--no-intervals",
        terminal=["out"],
        monkeypatch=monkeypatch,
    )
    assert (
        ended.status == 0
        and "[low, high]" not in ended.out
        and "trees p" not in ended.out.splitlines()[1]
    )
