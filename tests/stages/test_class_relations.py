"""Class relations on real networks: the identities and figures of mathematics#row-normalisation, and that class rows are gradients."""

import numpy as np
import pytest
from conftest import DATA, needs_data

from gradtools import images, store
from gradtools.network import models
from gradtools.selection import features
from gradtools.stages import classes, extract, similarity

pytestmark = needs_data
CIFAR = (
    f"{DATA / 'cifar_resnet.py'}:resnet20",
    str(DATA / "cifar10_resnet20.pth"),
    "cifar10",
    "layer3",
)
SQUEEZENET = "squeezenet1_0", str(DATA / "squeezenet1_0_imagenet.pth"), "imagenet60", "features.12"


def compared(path, out, **options):
    """{feature, metric: (Result, matrix)} and the model's class of each sample compared."""
    options = similarity.Options(
        **{
            "metric": ("cosine", "euclidean"),
            "resamples": 0,
            "permutations": 0,
            "matrix": True,
            **options,
        }
    )
    with store.read(str(path)) as source:
        results = similarity.similarity(source, str(out), options, say=lambda line: None)
    with store.read(str(out)) as made:
        matrices = {
            (one.feature, one.metric): (one, made.values(f"{one.path}/matrix")) for one in results
        }
        return matrices, made.predicted


def one_image_a_class(path, listing):
    """Write the ids of the first image of each predicted class, of those that are right where any is; returns the classes."""
    with store.read(str(path)) as source:
        chosen = {}
        for row in np.argsort(source.labels != source.predicted, kind="stable"):
            chosen.setdefault(int(source.predicted[row]), source.ids[row])
        listing.write_text("\n".join(chosen.values()))
        return sorted(chosen)


@pytest.fixture(scope="module", params=[CIFAR, SQUEEZENET], ids=["resnet20", "squeezenet"])
def both(request, tmp_path_factory):
    """Matrices from one gradient row per predicted class at the block's output, and from the classifier's rows."""
    spec, weights, folder, tap = request.param
    at = tmp_path_factory.mktemp("relations")
    model = models.load(spec, weights)
    listed = images.list_images(
        [
            str(path)
            for path in sorted((DATA / folder).glob("*/*"))[:: 10 if folder == "cifar10" else 3]
        ]
    )
    extract.extract(
        listed, model, str(at / "images.h5"), extract.Options(tap=(tap,)), say=lambda line: None
    )
    classes.classes(model, str(at / "classes.h5"))
    wanted = one_image_a_class(at / "images.h5", at / "ids")
    where = f"list={at / 'ids'}"
    of_images = compared(
        at / "images.h5", at / "a.h5", rows="post", feature=(f"gradient@{tap}",), where=(where,)
    )
    names = ",".join(str(index) for index in wanted)
    of_classes = compared(at / "classes.h5", at / "b.h5", where=(f"class={names}",))
    return request.param is CIFAR, tap, of_images, of_classes


@pytest.mark.parametrize("metric", ["cosine", "euclidean"])
def test_gradients_at_the_block_and_class_rows_give_one_matrix(both, metric):
    exact, tap, (of_images, predicted), (of_classes, indices) = both
    order = np.argsort(predicted)
    assert predicted[order].tolist() == indices.tolist() and len(indices) >= 10
    _, own = of_images[f"gradient@{tap}", metric]
    _, expected = of_classes["weight", metric]
    own = own[np.ix_(order, order)]
    np.testing.assert_allclose(own, expected, rtol=1e-6, atol=1e-6)
    if exact:  # 8 x 8 positions: the gradient is the row over a power of two
        np.testing.assert_array_equal(own, expected)


@pytest.fixture(scope="module")
def squeezenet(tmp_path_factory):
    """SqueezeNet's 1,000 classes: matrices, statistics and the raw rows."""
    at = tmp_path_factory.mktemp("squeezenet")
    classes.classes(models.load(*SQUEEZENET[:2], without_images=True), str(at / "c.h5"))
    results, _ = compared(at / "c.h5", at / "s.h5")
    with store.read(str(at / "c.h5")) as source:
        (feature,) = features.resolve(source)
        assert np.allclose(
            np.linalg.norm(features.normalised(source, feature).read(0, 1000), axis=1),
            np.sqrt(511),
            rtol=1e-12,
        )
        return results, feature.read(0, 1000).astype(np.float64)


def test_cosine_is_pearson_and_the_two_matrices_are_one(squeezenet):
    results, rows = squeezenet
    (_, cosine), (_, distance) = (results["weight", metric] for metric in ("cosine", "euclidean"))
    np.testing.assert_allclose(cosine, np.corrcoef(rows), atol=1e-6)
    np.testing.assert_allclose(distance**2, 2 * 511 * (1 - np.corrcoef(rows)), atol=1e-3, rtol=1e-5)
    assert not np.diag(distance).any() and np.array_equal(distance, distance.T)


def test_normalisations_agree_as_the_specification_says(squeezenet):
    result, _ = squeezenet[0]["weight", "cosine"]
    got = dict(zip(result.columns["statistic"], result.columns["value"]))
    expected = {
        "spearman_post_raw": 0.993,
        "spearman_post_gauge": 0.949,
        "spearman_raw_gauge": 0.927,
        "mean_row_share": 0.18,
    }
    for name, value in expected.items():
        assert got[name] == pytest.approx(
            value, abs=0.001 if name.startswith("spearman") else 0.005
        ), name


def test_the_mean_over_all_pairs_is_the_matrix_s(squeezenet):
    results, rows = squeezenet
    upper = np.corrcoef(rows)[np.triu_indices(1000, 1)]
    result, _ = results["weight", "cosine"]
    got = dict(zip(result.columns["statistic"], result.columns["value"]))
    assert got["all"] == pytest.approx(upper.mean(), abs=1e-10) and got["median"] == pytest.approx(
        np.median(upper), abs=1e-10
    )
    assert got["most_alike"] == pytest.approx(upper.max(), abs=1e-10)
    first, second = (np.triu_indices(1000, 1)[k][upper.argmax()] for k in (0, 1))
    names = models.load(*SQUEEZENET[:2], without_images=True).class_names
    assert (result.facts["most_alike_first"], result.facts["most_alike_second"]) == (
        names[first],
        names[second],
    )
