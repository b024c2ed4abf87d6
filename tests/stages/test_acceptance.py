"""The tables behind mathematics#pair-auc and its neighbours, printed again from real networks and photographs."""

import numpy as np
import pytest
from conftest import DATA, needs_data

from gradtools import store

pytestmark = needs_data

# within, same class & same prediction, same class & other prediction, between | ARI(y), ARI(argmax), silhouette | pair AUC, its strata
RESNET20 = """
gradient@layer3           .6490   1.0000   -.0316   -.0688   .61    1.00      1.00   .882 .500 .723
gradient@layer3.2.conv2   .6349    .9565    .0113   -.0205   .61    1.00       .76   .872 .660 .680
gradient@layer3.0         .4169    .6114    .0397    .0472   .61    1.00       .29   .820 .563 .533
gradient@layer2           .3959    .5803    .0384   -.0055   .54     .88       .22   .823 .495 .586
gradient@layer1           .2554    .3482    .0754    .0070   .13     .19       .10   .681 .491 .562
gradient@conv1            .1264    .1833    .0161    .0029   .07     .09       .09   .603 .490 .518
gradient_map@input        .0004    .0006   -.0002   -.0001   nan     nan       nan   .503 .495 .500
activation@layer3         .8312    .8631    .7693    .6223   .64     .73       .21   .916 .706 .856
activation_map@layer3     .5109    .5452    .4445    .3508   .63     .69       .12   .892 .722 .817
probabilities             .6969    .9816    .1447    .0563   .61    1.00       .85   .947 .793 .896
logits                    .6381    .7379    .4444   -.0358   .64     .75       .24   .915 .713 .851
"""
RESNET56 = """
gradient@layer3           .6959   1.0000   -.0230   -.0749   .66    1.00      1.00   .901 .500 .736
gradient@layer3.8.conv2   .6906    .9574    .0598   -.0054   .66    1.00       .75   .887 .687 .671
gradient@layer2           .3825    .5402    .0100   -.0068   .64     .96       .17   .822 .535 .545
activation@layer3         .8112    .8512    .7166    .5486   .72     .84       .27   .933 .720 .859
activation_map@layer3     .5107    .5498    .4183    .3123   .68     .79       .18   .914 .703 .831
probabilities             .7332    .9895    .1276    .0450   .66    1.00       .90   .952 .798 .888
logits                    .6561    .7558    .4206   -.0405   .72     .86       .31   .935 .731 .863
"""
STATISTICS = ("within", "same_class_same_prediction", "same_class_other_prediction", "between")
AUCS = ("auc", "auc_same_prediction", "auc_other_prediction")


def table(text):
    """Rows of one of the tables: {feature: ten numbers}."""
    return {
        line.split()[0]: np.array(line.split()[1:], float) for line in text.strip().splitlines()
    }


def features(folder, network, weights, tap, path, maps=()):
    """A feature store of one network."""
    from gradtools import images
    from gradtools.network import models
    from gradtools.stages import extract

    model = models.load(network, str(weights))
    extract.extract(
        images.list_images([str(folder)]),
        model,
        str(path),
        extract.Options(tap=tap, maps=maps),
        say=lambda line: None,
    )


@pytest.fixture(
    scope="module", params=["resnet20", pytest.param("resnet56", marks=pytest.mark.slow)]
)
def cifar(request, tmp_path_factory):
    """(expected table, features, maps of layer3 and the input) of one network on the 500 test images."""
    name = request.param
    expected = table(RESNET20 if name == "resnet20" else RESNET56)
    folder = tmp_path_factory.mktemp(name)
    tap = tuple(key.split("@")[1] for key in expected if key.startswith("gradient@"))
    arguments = DATA / "cifar10", f"{DATA / 'cifar_resnet.py'}:{name}", DATA / f"cifar10_{name}.pth"
    features(*arguments, tap, folder / "a.h5")
    features(*arguments, ("layer3", "input"), folder / "maps.h5", ("gradient", "activation"))
    return expected, folder


def stores_of(expected, folder):
    """[(store path, features of the table that it has)]."""
    flat = [name for name in expected if "_map@" in name]
    return [
        (folder / "a.h5", [name for name in expected if name not in flat]),
        (folder / "maps.h5", flat),
    ]


def test_similarity_of_the_500_images(cifar):
    from gradtools.stages import similarity

    expected, folder = cifar
    for path, names in stores_of(expected, folder):
        options = similarity.Options(feature=tuple(names), resamples=0, permutations=0)
        with store.read(str(path)) as source:
            results = {
                result.feature: result
                for result in similarity.similarity(source, None, options, say=lambda line: None)
            }
        for name in names:
            values = dict(zip(results[name].columns["statistic"], results[name].columns["value"]))
            np.testing.assert_allclose(
                [values[key] for key in STATISTICS + AUCS],
                [*expected[name][:4], *expected[name][7:]],
                atol=0.002,
                err_msg=name,
            )


def test_clusters_of_the_500_images(cifar):
    """`--normalize none --n-init 10`; flattened maps after PCA 50.

    The figures are of one seed of scikit-learn. Ten starts do not always end in the same minimum (gradient@layer2 of
    ResNet-20: inertia 1.031 with ARI .60, or 1.063 to 1.069 with .54, which is that seed's), so they are held to what ten
    seeds give.
    """
    from gradtools.stages import cluster

    expected, folder = cifar
    for path, names in stores_of(expected, folder):
        names = [name for name in names if expected[name][4] == expected[name][4]]
        options = cluster.Options(
            feature=tuple(names),
            method=("kmeans",),
            normalize="none",
            n_init=10,
            repeats=10,
            seed=0,
            resamples=0,
            pca=50 if "maps" in path.name else 0,
        )
        with store.read(str(path)) as source:
            results, _ = cluster.cluster(source, None, options, say=lambda line: None)
        for result in results:
            if result.feature in names:
                for key, figure in zip(
                    ("ari", "ari_argmax", "silhouette"), expected[result.feature][4:7]
                ):
                    values = result.columns[key]
                    assert min(values) - 0.02 <= figure <= max(values) + 0.02, (result.feature, key)
                    assert np.ptp(values) < 0.12, (result.feature, key)
        argmax = (
            {"a.h5": 0.609, "maps.h5": 0.609}
            if "layer3.2.conv2" in str(expected.keys())
            else {"a.h5": 0.659, "maps.h5": 0.659}
        )
        assert results[0].facts["argmax_ari"] == pytest.approx(argmax[path.name], abs=0.0006)


def test_ten_starts_end_as_low_as_those_of_scikit_learn(cifar):
    from sklearn.cluster import KMeans

    from gradtools.math.clusters import lloyd

    _, folder = cifar
    with store.read(str(folder / "a.h5")) as source:
        rows = np.asarray(source.values("taps/layer2/gradient"), float).reshape(500, -1)
    ours = lloyd.kmeans_of_seeds(lloyd.gram_matrix(rows), 10, range(10), 10).inertia
    theirs = [KMeans(10, n_init=10, random_state=seed).fit(rows).inertia_ for seed in range(10)]
    assert min(ours) == pytest.approx(min(theirs), rel=1e-3)
    assert np.median(ours) <= np.median(theirs) * 1.001


@pytest.fixture(scope="module")
def squeezenet(tmp_path_factory):
    """SqueezeNet on the 60 photographs in ten animal groups; every image is another fine class."""
    path = tmp_path_factory.mktemp("squeezenet") / "a.h5"
    features(
        DATA / "imagenet60",
        "squeezenet1_0",
        DATA / "squeezenet1_0_imagenet.pth",
        ("features.12",),
        path,
    )
    return path


PAIR_AUC = {
    "gradient@features.12": 0.836,
    "weight": 0.836,
    "logits": 0.787,
    "probabilities": 0.775,
    "activation@features.12": 0.707,
}
KMEANS = {
    "gradient@features.12": 0.481,
    "weight": 0.481,
    "logits": 0.208,
    "probabilities": 0.196,
    "activation@features.12": 0.146,
}


def test_classes_above_the_networks_own(squeezenet):
    """Item 5: class rows carry superclass structure, and the order of the features turns round."""
    from gradtools.stages import similarity

    with store.read(str(squeezenet)) as source:
        results = similarity.similarity(
            source, None, similarity.Options(resamples=0, permutations=0), say=lambda line: None
        )
    for result in results:
        values = dict(zip(result.columns["statistic"], result.columns["value"]))
        assert values["auc"] == pytest.approx(PAIR_AUC[result.feature], abs=0.002), result.feature


def test_clusters_above_the_networks_own(squeezenet):
    """Item 5: k-means over 20 seeds; gradients and class rows agree seed by seed."""
    from gradtools.stages import cluster

    options = cluster.Options(method=("kmeans",), repeats=20, resamples=0)
    with store.read(str(squeezenet)) as source:
        results, _ = cluster.cluster(source, None, options, say=lambda line: None)
    by_feature = {result.feature: result for result in results}
    for name, mean in KMEANS.items():
        assert by_feature[name].columns["ari"].mean() == pytest.approx(mean, abs=0.03), name
    np.testing.assert_array_equal(
        by_feature["gradient@features.12"].columns["ari"], by_feature["weight"].columns["ari"]
    )
    assert results[0].facts["argmax_ari"] == pytest.approx(0.036, abs=0.0006)
