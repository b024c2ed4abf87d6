"""Versions of images through the whole way: extracted, killed, left out, compared with their image, and out of every other number."""

import itertools
import shutil

import numpy as np
import pytest
import torch
from conftest import DATA, ROOT, needs_data
from networks import cifar_network
from shell import run

from gradtools import images, store
from gradtools.bundled import scenes
from gradtools.errors import GradtoolsError
from gradtools.images import versions
from gradtools.network import models, passes
from gradtools.selection import compared, samples
from gradtools.stages import cluster, evaluate, extract, similarity
from gradtools.stages.similarity import augmentation
from gradtools.stages.similarity import probe as decodability

SPEC, WEIGHTS = (
    "gradtools.bundled.scene_resnet:resnet8",
    str(ROOT / "gradtools" / "bundled" / "scene_resnet8.pth"),
)
ASKED = versions.parse(["rotation=25", "colour", "flip"], 2, 9)
EACH = 5
OPTIONS = similarity.Options(resamples=20, permutations=9)


def quiet(line):
    pass


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Forty scenes in ten class folders."""
    path = tmp_path_factory.mktemp("images") / "scenes"
    scenes.write_scenes(path, "heldout", 4, seed=5)
    return path


@pytest.fixture(scope="module")
def model():
    return models.load(SPEC, WEIGHTS)


def write(folder, model, path, augment=ASKED, workers=2, **options):
    options = {"tap": ("layer2", "auto:last-block"), "batch_size": 8, **options}
    listed = images.list_images([str(folder)])
    extract.extract(
        listed,
        model,
        str(path),
        extract.Options(augment=augment, **options),
        workers=workers,
        max_skipped="5",
        say=quiet,
    )
    return str(path)


@pytest.fixture(scope="module")
def stores(folder, model, tmp_path_factory):
    """The same images with versions and without."""
    where = tmp_path_factory.mktemp("stores")
    return write(folder, model, where / "versions.h5"), write(
        folder, model, where / "plain.h5", None
    )


def test_versions_are_samples_that_know_their_image(stores, folder, model):
    with store.read(stores[0]) as source:
        original, strength, number = (
            source.values(f"/samples/{name}") for name in ("original", "strength", "version")
        )
        kind = source.texts("/samples/augmentation")
        ids, labels, digests, logits = (
            source.ids,
            source.labels,
            source.values("/samples/digest"),
            source.values("/outputs/logits"),
        )
    assert original.tolist() == [-1] * 40 + [i for i in range(40) for _ in range(EACH)]
    assert kind[40:] == ["rotation", "rotation", "colour", "colour", "flip"] * 40 and set(
        kind[:40]
    ) == {""}
    assert np.allclose(strength[40:45], [25, 25, 0.3, 0.3, 1]) and number[40:45].tolist() == [
        0,
        1,
        0,
        1,
        0,
    ]
    scale, shift = (values[:, None, None] for values in images.normalisation(model.preprocess))
    for row in (40, 63, 118, 239):
        image, _ = images.read(str(folder / ids[row]))
        image = versions.change(
            image,
            versions.Version(kind[row], round(float(strength[row]), 6), int(number[row])),
            ids[row],
            9,
        )
        pixels = np.asarray(image, dtype="f4").transpose(2, 0, 1) * scale + shift
        with torch.no_grad():
            expected = model.module(torch.from_numpy(pixels)[None].float())[0].numpy()
        assert ids[row] == ids[original[row]] and labels[row] == labels[original[row]]
        assert np.array_equal(digests[row], digests[original[row]])
        np.testing.assert_allclose(logits[row], expected, rtol=1e-4, atol=1e-4)


def test_killed_between_blocks_and_given_again_equals_undisturbed(
    stores, folder, model, tmp_path, monkeypatch
):
    commit = store.Part.commit

    class Killed(BaseException):
        pass

    def killed(part, *values):
        commit(part, *values)
        raise Killed

    monkeypatch.setattr(passes.loop, "BLOCK", 8)
    monkeypatch.setattr(store.Part, "commit", killed)
    for _ in range(7):
        with pytest.raises(Killed):
            write(folder, model, tmp_path / "a.h5", workers=1)
    monkeypatch.setattr(store.Part, "commit", commit)
    with pytest.raises(GradtoolsError, match="augment was"):
        write(
            folder,
            model,
            tmp_path / "a.h5",
            versions.parse(["rotation=25", "colour", "flip"], 2, 10),
        )
    with store.read(write(folder, model, tmp_path / "a.h5")) as a, store.read(stores[0]) as b:
        assert store.digests(a.file) == store.digests(b.file)


def test_unreadable_images_take_their_versions_along(stores, folder, model, tmp_path):
    damaged = shutil.copytree(folder, tmp_path / "damaged")
    bad = sorted(damaged.rglob("*.png"))[6]
    bad.write_bytes(b"no image")
    said = []
    listed = images.list_images([str(damaged)])
    extract.extract(
        listed,
        model,
        str(tmp_path / "a.h5"),
        extract.Options(augment=ASKED, batch_size=8),
        max_skipped="1",
        say=said.append,
    )
    assert sum("skipped" in line for line in said) == 1
    with store.read(str(tmp_path / "a.h5")) as source, store.read(stores[0]) as whole:
        assert source.n_samples == 39 * (1 + EACH)
        original = source.values("/samples/original")
        assert original.tolist() == [-1] * 39 + [i for i in range(39) for _ in range(EACH)]
        assert all(source.ids[row] == source.ids[to] for row, to in enumerate(original) if to >= 0)
        kept = np.array([name not in str(bad) for name in whole.ids])
        assert np.allclose(
            source.values("/outputs/logits"),
            whole.values("/outputs/logits")[kept],
            rtol=1e-4,
            atol=1e-4,
        )


def measured(path, output):
    """Every number of the stages that see only images: similarities, clusters, and evaluate's tables of both."""
    with store.read(path) as source:
        results = similarity.similarity(source, str(output) + "-s.h5", OPTIONS, say=quiet)
        clusters, _ = cluster.cluster(
            source, str(output) + "-c.h5", cluster.Options(repeats=2, resamples=4), say=quiet
        )
        subject = source.subject()
    tables = evaluate.evaluate(
        evaluate.gather([str(output) + "-s.h5", str(output) + "-c.h5"]), "all"
    )
    return (
        results,
        clusters,
        subject,
        [(table.title, [str(row) for row in table.rows], table.notes) for table in tables],
    )


def test_every_other_number_is_of_the_images_alone(stores, tmp_path):
    a, b = (measured(path, tmp_path / str(place)) for place, path in enumerate(stores))
    for mine, plain in zip((*a[0], *a[1]), (*b[0], *b[1])):
        assert mine.facts == plain.facts
        for name in plain.columns:
            np.testing.assert_array_equal(mine.columns[name], plain.columns[name])
        np.testing.assert_array_equal(mine.replicates, plain.replicates)
    assert a[2:] == b[2:]
    assert (
        len(evaluate.gather([stores[0], str(tmp_path / "0-s.h5"), str(tmp_path / "1-c.h5")])) == 1
    )
    said = []
    with store.read(stores[0]) as source:
        assert samples.select(source, ["correct"])[40:].sum() == 0
        compared.group(source, (), said.append)
    assert said == [
        f"{stores[0]}: 200 augmented images are not samples of their own and are left out"
    ]


def looped(source, feature):
    """{statistic: value} of one feature by the definitions, a pair at a time."""
    rows, original, labels = (
        source.values(feature).astype(float),
        source.values("/samples/original"),
        source.labels,
    )
    kinds, predicted = np.array(source.texts("/samples/augmentation")), source.predicted

    def cosine(i, j):
        return rows[i] @ rows[j] / np.sqrt((rows[i] @ rows[i]) * (rows[j] @ rows[j]))

    expected = {}
    for name, kind in (("rotation=25", "rotation"), ("colour=0.3", "colour"), ("flip", "flip")):
        changed = np.flatnonzero(kinds == kind)
        expected[f"{name}:cosine"] = np.mean([cosine(row, original[row]) for row in changed])
        expected[f"{name}:unchanged"] = np.mean(
            [predicted[row] == predicted[original[row]] for row in changed]
        )
        expected[f"{name}:auc"] = np.mean(
            [
                cosine(row, original[row]) > cosine(original[row], other)
                for row in changed
                for other in range(40)
                if other != original[row] and labels[other] == labels[row]
            ]
        )
    pairs = list(itertools.combinations(range(40), 2))
    expected["within"] = np.mean([cosine(i, j) for i, j in pairs if labels[i] == labels[j]])
    expected["between"] = np.mean([cosine(i, j) for i, j in pairs if labels[i] != labels[j]])
    return expected


@pytest.mark.parametrize(
    "name, path", [("gradient@layer2", "/taps/layer2/gradient"), ("logits", "/outputs/logits")]
)
def test_table_equals_a_loop(stores, name, path):
    with store.read(stores[0]) as source:
        result = augmentation.describe(source, similarity.Options(feature=(name,), resamples=200))[
            0
        ]
        expected = looped(source, path)
    assert set(result.columns["statistic"]) == set(expected)
    for statistic, value, low, high in zip(
        *(result.columns[key] for key in ("statistic", "value", "low", "high"))
    ):
        assert value == pytest.approx(expected[statistic], abs=1e-6), statistic
        assert low - 1e-9 <= value <= high + 1e-9 or statistic.endswith("auc")


def test_where_and_draws_choose_images(stores, monkeypatch):
    with store.read(stores[0]) as source:
        name = source.class_names[3]
        result = augmentation.describe(
            source, similarity.Options(feature=("logits",), where=(f"class={name}",), resamples=10)
        )[0]
        assert (
            result.facts["rows"] == 4
            and dict(zip(result.columns["statistic"], result.columns["pairs"]))["flip:cosine"] == 4
        )
        monkeypatch.setattr(augmentation, "MOST_IMAGES", 10)
        said = []
        result = augmentation.describe(
            source, similarity.Options(feature=("logits",), resamples=10), say=said.append
        )
        assert result[0].facts["rows"] == 10 and "versions of 10 images" in said[0]
    with store.read(stores[1]) as source:
        assert augmentation.describe(source, OPTIONS) == []


def test_shell(stores, folder, tmp_path):
    result = run(
        "similarity",
        stores[0],
        "--resamples",
        "20",
        "--permutations",
        "0",
        "-o",
        tmp_path / "s.h5",
        "--tsv",
    )
    assert result.returncode == 0, result.stderr
    assert all(kind in result.stdout for kind in ("rotation=25", "flip", "colour=0.3"))
    result = run("evaluate", tmp_path / "s.h5", "--layout", "augmentation", "--format", "markdown")
    assert (
        result.returncode == 0
        and "| rotation=25 |" in result.stdout
        and "another image, same class" in result.stdout
    )
    result = run("evaluate", tmp_path / "s.h5", "--layout", "decoding")
    assert result.returncode == 1 and "gradtools similarity --decode" in result.stderr
    result = run("similarity", stores[0], "--decode", "-o", tmp_path / "d.h5")
    assert (
        result.returncode == 1
        and "5 images each" in result.stderr
        and result.stderr.count("\n") == 1
    )
    result = run(
        "extract", folder, "--model", SPEC, "--augment-kind", "flip", "-o", tmp_path / "e.h5"
    )
    assert result.returncode == 2 and "--augment N" in result.stderr


def test_decode_a_planted_store(feature_store, tmp_path, monkeypatch):
    """The gradient of this store is the class row of the prediction and, in other channels, the label."""
    monkeypatch.setattr(decodability, "SHUFFLES", 4)
    with store.read(str(feature_store)) as source:
        probes = decodability.describe(source, similarity.Options(feature=("gradient",)))
        similarity.similarity(source, str(tmp_path / "d.h5"), OPTIONS, beside=probes, say=quiet)
        expected = decodability.probe.decode(
            source.values("/taps/block/gradient"), source.labels.astype(int), shuffles=4
        )
    balanced = {
        probe.feature: dict(zip(probe.columns["statistic"], probe.columns["balanced"]))
        for probe in probes
    }
    assert balanced["gradient@block"]["all"] == expected.balanced.mean()
    assert min(balanced["gradient@block"].values()) > 0.95
    assert (
        balanced["weight"]["all"] > 0.6
        and abs(balanced["weight"]["all:without-row"] - 1 / 3) < 1e-9
    )
    given = {probe.feature: probe for probe in probes}["weight"].columns
    at = given["statistic"].index("same-prediction")
    assert (
        abs(given["balanced"][at] - given["shuffled_balanced"][at]) < 0.05 and given["p"][at] > 0.1
    )
    tables = evaluate.evaluate(evaluate.gather([str(tmp_path / "d.h5")]), "decoding")
    assert [row["feature"] for row in tables[0].rows][0] == "gradient@last-conv"


@needs_data
def test_cifar(tmp_path):
    """Forty photographs: colour disturbs least, the activation at the last block knows its image best, the class row least."""
    for place, path in enumerate(sorted((DATA / "cifar10").glob("*/000[0-3].*"))):
        target = tmp_path / "photos" / path.parent.name / path.name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, target)
    listed = images.list_images([str(tmp_path / "photos")])
    assert len(listed.ids) == 40
    options = extract.Options(augment=versions.parse(["rotation", "colour=0.3"], 1))
    extract.extract(listed, cifar_network(), str(tmp_path / "a.h5"), options, say=quiet)
    with store.read(str(tmp_path / "a.h5")) as source:
        by_feature = {
            one.feature.split("@")[0]: dict(zip(one.columns["statistic"], one.columns["value"]))
            for one in augmentation.describe(source, OPTIONS)
        }
    assert set(by_feature) == {"gradient", "activation", "logits", "probabilities", "weight"}
    for kind in ("rotation=15", "colour=0.3"):
        auc = {name: values[f"{kind}:auc"] for name, values in by_feature.items()}
        assert auc["activation"] > auc["logits"] > auc["gradient"] > auc["weight"]
    assert (
        by_feature["gradient"]["colour=0.3:cosine"]
        > by_feature["gradient"]["rotation=15:cosine"]
        > by_feature["gradient"]["between"]
    )
