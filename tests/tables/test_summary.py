"""The answer first: its figures are the stores', its sentences rest on them, and it fits a screen."""

import dataclasses
import json
import re
import types

import numpy as np
import pytest
from planted import plant, write
from planted_classes import write_classes
from shell import call

from gradtools import store
from gradtools.selection import answers, confusion
from gradtools.selection.gathering import in_natural_order
from gradtools.selection.results import Result
from gradtools.stages import cluster, dendrogram, similarity
from gradtools.tables.summary import blocks, maps

DATA = plant(60)


def made(folder, number, data=DATA):
    """Stores of features, similarities and clusters of one planted network."""
    model = {"model": f"net.py:net{number}", "weights_sha256": f"{number:064}", "target": "argmax"}
    paths = [str(folder / f"{number}{part}.h5") for part in ("", "-s", "-c")]
    with store.read(write(paths[0], dataclasses.replace(data, model=model))) as source:
        names = ("gradient", "activation", "logits", "probabilities", "gradient@block")
        chosen = similarity.Options(resamples=20, permutations=20, feature=names)
        similarity.similarity(source, paths[1], chosen, say=quiet)
        few = cluster.Options(
            ("gradient@block", "logits"), ("kmeans",), repeats=2, n_init=1, resamples=0
        )
        cluster.cluster(source, paths[2], few, say=quiet)
    return paths


def quiet(line):
    """Nobody reads the lines of the stages here."""


@pytest.fixture(scope="module")
def five(tmp_path_factory):
    folder = tmp_path_factory.mktemp("five")
    return [made(folder, number, plant(60, seed=number)) for number in (10, 2, 3, 4, 5)]


def text_of(capsys, *paths, **how):
    ended = call(capsys, "evaluate", *paths, **how)
    assert ended.status == 0, ended.err
    return ended.out


@pytest.mark.parametrize("models", [1, 2, 3, 5])
def test_it_fits_a_screen_of_25_lines_and_100_columns(capsys, five, models):
    text = text_of(capsys, *[path for paths in five[:models] for path in paths])
    lines = text.rstrip("\n").split("\n")
    assert len(lines) <= 25 and max(map(len, lines)) <= 100, text
    assert lines[0].startswith("60 images of 3 classes (ant, bee, cat)")
    assert "accuracy in %, higher is better" in lines[1] and lines[-1].startswith("More: --layout")


def test_a_narrow_terminal_gets_no_longer_line(capsys, five, monkeypatch):
    text = text_of(capsys, *five[0], terminal=("out",), columns=80, monkeypatch=monkeypatch)
    assert max(map(len, text.split("\n"))) <= 80


def test_its_figures_are_the_stored_ones_with_the_control_last(capsys, five):
    document = json.loads(text_of(capsys, *five[0], "--json"))
    tables = {table["id"]: table for table in document["tables"]}
    assert tables["summary"]["columns"][-1] == "class row"
    row = next(
        row
        for row in tables["summary"]["rows"]
        if row["row"] == "pair AUC" and row["column"] == "logits"
    )
    with store.read(five[0][1]) as source:
        columns, _ = source.table("/similarity/logits/cosine")
    at = columns["statistic"].index("auc")
    assert (row["value"], row["low"]) == (columns["value"][at], columns["low"][at])
    assert all(
        row["value"] is not None or row["note"] for t in tables.values() for row in t["rows"]
    )


def test_accuracy_is_the_share_of_right_answers(capsys, five):
    data = plant(60, seed=10)
    document = json.loads(text_of(capsys, five[0][0], "--json"))
    (row,) = next(table for table in document["tables"] if table["id"] == "accuracy")["rows"]
    assert row["value"] == pytest.approx(100 * np.mean(data.predicted == data.labels))
    assert row["low"] <= row["value"] <= row["high"] and row["n"] == 60


def test_a_feature_that_is_the_class_row_or_the_argmax_is_said_to_be(capsys, five):
    text = " ".join(text_of(capsys, *five[0]).split())
    assert "gradient@last-block is the class row of the prediction" in text or (
        "gradient@block is the class row of the prediction" in text
    )
    assert "Given the same prediction, where the class row is at .5: gradient@last-conv" in text


def test_the_best_feature_and_its_lead_are_paired(capsys, five):
    text = " ".join(text_of(capsys, *five[0][:2]).split())
    best, value, second, behind = re.search(
        r"separated best by (\S+): pair AUC ([\d.]+); (\S+) is ([\d.]+) below \[", text
    ).groups()
    with store.read(five[0][1]) as source:
        auc = {}
        for name in ("gradient@conv", "activation@block", "logits", "probabilities"):
            columns, _ = source.table(f"/similarity/{name}/cosine")
            auc[name.partition("@")[0]] = columns["value"][columns["statistic"].index("auc")]
    assert best.partition("@")[0] == max(auc, key=auc.get)
    assert float(value) == pytest.approx(max(auc.values()), abs=6e-4)
    gap = auc[best.partition("@")[0]] - auc[second.partition("@")[0]]
    assert float(behind) == pytest.approx(gap, abs=6e-4)


def test_features_alone_say_what_their_gradients_know_and_what_comes_next(capsys, five):
    text = text_of(capsys, five[0][0])
    assert "gradtools similarity and gradtools cluster compute them" in text
    assert "Most frequent errors:" in text


def test_trees_and_classes_have_a_summary(capsys, tmp_path):
    rows = np.random.default_rng(0).standard_normal((12, 5))
    classes = str(tmp_path / "c.h5")
    write_classes(classes, rows)
    assert "12 classes, rows of 5 numbers" in text_of(capsys, classes)
    with store.read(classes) as source:
        options = dendrogram.Options(k=3, resamples=4)
        dendrogram.dendrogram(source, str(tmp_path / "t.h5"), options, say=quiet)
    text = text_of(capsys, tmp_path / "t.h5")
    assert "cophenetic correlation" in text and "3 clusters; the largest:" in text
    assert "trees" in text.split("More:")[1]
    assert "tree-clusters" in text_of(capsys, tmp_path / "t.h5", "--layout", "trees", "--json")


def test_answers_by_hand(tmp_path):
    """Five of twelve classes: the label's classes are among the five best by a loop over the logits."""
    rng = np.random.default_rng(3)
    data = plant(40)
    logits = rng.standard_normal((40, 12)).astype("f4")
    member = np.zeros((3, 12), "u1")
    member[0, [0, 4]] = member[1, 1] = 1  # the third data class meets no class
    data = dataclasses.replace(
        data,
        logits=logits,
        predicted=logits.argmax(axis=1).astype("i4"),
        class_rows=None,
        member=member,
        taps={},
    )
    with store.read(write(tmp_path / "a.h5", data)) as source:
        read = answers.read(source)
    for row in range(40):
        own = np.flatnonzero(member[data.labels[row]])
        best = np.argsort(-logits[row])[:5]
        known = len(own) > 0
        assert read.right[row] == (int(best[0] in own) if known else -1)
        assert read.right_of_five[row] == (int(np.isin(own, best).any()) if known else -1)
        odds = np.exp(logits[row].astype(float))
        if known:
            assert read.of_label[row] == pytest.approx(odds[own].sum() / odds.sum(), rel=1e-6)
    counted = confusion.count(read)
    assert counted.labels == ["ant", "bee"] and counted.counts.sum() == read.known.sum()
    assert counted.right.sum() == (read.right == 1).sum()
    wrong = confusion.errors(read)
    assert set(wrong) == set(np.flatnonzero(read.right == 0))
    assert (np.diff(read.of_predicted[wrong]) <= 0).all()


def test_every_error_is_listed_where_asked(capsys, five):
    data = plant(60, seed=10)
    wrong = int((data.predicted != data.labels).sum())
    text = text_of(capsys, five[0][0], "--layout", "confusion", "--per-image", "--json")
    table = next(t for t in json.loads(text)["tables"] if t["id"] == "errors")
    assert len({row["row"] for row in table["rows"]}) == wrong


def test_every_model_has_an_equal_part_of_the_listed_errors(capsys, five):
    text = text_of(capsys, *(stores[0] for stores in five[:2]), "--layout", "confusion", "--json")
    table = next(t for t in json.loads(text)["tables"] if t["id"] == "errors")
    listed = {
        model: {row["row"] for row in table["rows"] if row["model"] == model}
        for model in {row["model"] for row in table["rows"]}
    }
    assert len(listed) == 2
    wrong = [
        int((data.predicted != data.labels).sum())
        for data in (plant(60, seed=10), plant(60, seed=2))
    ]
    assert sorted(map(len, listed.values())) == sorted(min(number, 10) for number in wrong)


def test_a_picture_of_the_answers_and_of_the_main_question(capsys, five, tmp_path):
    for picture in ("confusion", "prediction"):
        path = tmp_path / f"{picture}.png"
        text_of(capsys, *five[0], "--figure", path, "--picture", picture)
        assert path.read_bytes()[:4] == b"\x89PNG"


def test_models_stand_in_natural_order():
    @dataclasses.dataclass
    class Named:
        name: str

    names = [Named(name) for name in ("resnet14", "alexnet", "resnet20", "resnet8")]
    ordered = [subject.name for subject in in_natural_order(names)]
    assert ordered == ["resnet8", "alexnet", "resnet14", "resnet20"]


def test_a_range_is_written_once():
    assert blocks.across([0.5, None, 0.75]) == "0.500 to 0.750" and blocks.across([0.1]) == "0.100"
    assert blocks.across([]) == ""


def test_the_nearest_of_one_class_are_named(capsys, tmp_path):
    rows = np.random.default_rng(0).standard_normal((12, 5))
    write_classes(tmp_path / "c.h5", rows)
    near = tmp_path / "n.h5"
    ended = call(
        *(capsys, "neighbors", tmp_path / "c.h5", "--of", "class 5", "-o", near),
        *("--permutations", 10),
    )
    assert ended.status == 0, ended.err
    text = " ".join(text_of(capsys, near).split())
    unit = rows - rows.mean(axis=1, keepdims=True)
    unit /= np.linalg.norm(unit, axis=1, keepdims=True)
    best = float(np.sort(unit @ unit[5])[-2])
    assert re.search(rf"Nearest to class 5: [^,]+ {best:.3f}", text), text


def test_maps_of_random_networks_stand_beside_another_images():
    columns = {
        "statistic": ["second class", "cascade:0", "full:0", "middle class", "null"],
        "value": np.array([0.9, 0.8, 0.1, 0.7, 0.5]),
        "images": np.full(5, 9),
    }
    result = Result("", "map:gam@last", "spearman", "sanity", columns)
    (sentence,) = maps._falls(
        [("net", {"map:gam@last": result})], ["map:gam@last"], columns["statistic"]
    )
    assert "gam@last falls to 0.100" in sentence and "another image's map has 0.500" in sentence


@pytest.mark.parametrize("pairs, few", [(3, True), (400, False)])
def test_means_of_maps_say_on_how_few_pairs_they_rest(pairs, few):
    columns = {
        "statistic": ["within", "between", "within_minus_between"],
        "value": np.array([0.6, 0.2, 0.4]),
        "pairs": np.array([pairs, 900, pairs]),
    }
    result = Result("", "map:gam@last", "similarity", "CC", columns)
    subject = types.SimpleNamespace(name="net", maps={("map:gam@last", "CC"): result})
    (sentence,) = maps._alike([subject]).sentences
    assert "CC 0.600 within classes, 0.200 between classes" in sentence
    assert ("rests on 3 pairs of one class" in sentence) == few
