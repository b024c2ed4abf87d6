"""Metrics of all pairs of maps against pysaliency's formulas in loops, scikit-learn, scipy, numpy and scikit-image."""

import numpy as np
import pytest

from gradtools.errors import GradtoolsError, UsageError
from gradtools.math.maps import map_metrics
from gradtools.math.maps.map_metrics import METRICS, MapSettings, pair_block, prepare, rows_of


def example(n=6, size=(9, 8), seed=0):
    """Smooth maps, sparse ones with many zeros, and coarse ones with many ties."""
    rng = np.random.default_rng(seed)
    maps = rng.random((n, *size))
    maps[1::3] = np.maximum(maps[1::3] - 0.6, 0)
    maps[2::3] = np.round(4 * maps[2::3]) / 4
    return maps


A, B = example(), example(5, seed=1)


def values(a, b, metric, direction="both", settings=MapSettings()):
    return pair_block(
        prepare(a, [metric], settings), prepare(b, [metric], settings), metric, direction
    )


def density(m):
    """pysaliency, convert_saliency_map_to_density."""
    m = m - m.min() if m.min() < 0 else m
    return m / m.sum()


def mit_kldiv(m, empirical, eps=2.2204e-16):
    """pysaliency, MIT_KLDiv: the second map is the empirical one."""
    p, q = density(m), density(empirical)
    return (q * np.log(eps + q / (p + eps))).sum()


def nss(m, mask):
    return ((m - m.mean()) / m.std())[mask].mean()


def cc(a, b):
    return np.corrcoef(a.ravel(), b.ravel())[0, 1]


def sim(a, b):
    return np.min([density(a), density(b)], axis=0).sum()


def auc(m, mask):
    from sklearn.metrics import roc_auc_score

    return roc_auc_score(mask.ravel(), m.ravel())


def js(a, b):
    from scipy.spatial.distance import jensenshannon

    return jensenshannon(density(a).ravel(), density(b).ravel()) ** 2


LOOPS = {
    "CC": cc,
    "SIM": sim,
    "JSD": js,
    "KLD": lambda a, b: mit_kldiv(b, a),
    "AUC": lambda a, b: auc(a, b > b.mean()),
    "NSS": lambda a, b: nss(a, b > b.mean()),
}


@pytest.mark.parametrize("direction", ["both", "forward", "backward"])
@pytest.mark.parametrize("metric", LOOPS)
def test_every_pair_equals_the_formula(metric, direction):
    one_way = LOOPS[metric]
    formula = {
        "forward": one_way,
        "backward": lambda a, b: one_way(b, a),
        "both": lambda a, b: (one_way(a, b) + one_way(b, a)) / 2,
    }[direction]
    expected = [[formula(a, b) for b in B] for a in A]
    np.testing.assert_allclose(values(A, B, metric, direction), expected, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("side", [40, 41])
def test_pysaliencys_constants(side):
    """Its tests' centred Gaussian against a constant map (mathematics#references-that-can-be-trusted)."""
    y, x = np.mgrid[:side, :side]
    gaussian = np.exp(-0.5 * ((x - 0.5 * side) ** 2 + (y - 0.5 * side) ** 2) / np.hypot(side, side))
    constant = np.ones((side, side))
    divergences = [
        values(a[None], b[None], metric, "forward")[0, 0]
        for metric, a, b in (("SIM", gaussian, constant), ("KLD", constant, gaussian))
    ]
    if side == 40:
        np.testing.assert_allclose(divergences[0], 0.54392, rtol=1e-6)
        np.testing.assert_allclose(divergences[1], 0.8396272788909165, rtol=1e-10)
        prepared = prepare(gaussian[None], ["NSS", "AUC"])
        pixel = np.ravel_multi_index(
            (10, 0), (side, side)
        )  # the first fixation of its tests, (x, y) = (0, 10)
        np.testing.assert_allclose(
            prepared.parts["unit"][0, pixel] * side, -0.821596006113, rtol=1e-9
        )
        fixation = (
            prepared.parts["ranks"][0, pixel] - 0.5
        ) / side**2  # against all pixels, itself included
        np.testing.assert_allclose(fixation, 0.099375, rtol=1e-6)
    else:
        np.testing.assert_allclose(
            divergences, [sim(gaussian, constant), mit_kldiv(gaussian, constant)], rtol=1e-10
        )


@pytest.mark.parametrize("eps", [1e-16, 1e-7, 1e-2])
def test_eps_and_the_base_of_the_logarithm(eps):
    def smoothed(a, b):
        p, q = density(a).ravel(), density(b).ravel()
        return sum(x * np.log2(x / (y + eps)) for x, y in zip(p, q) if x > 0)

    settings = MapSettings(eps=eps, log_base=2)
    np.testing.assert_allclose(
        values(A, B, "KLD", "forward", settings),
        [[smoothed(a, b) for b in B] for a in A],
        rtol=1e-10,
    )
    np.testing.assert_allclose(
        values(A, B, "JSD", settings=settings),
        [[js(a, b) / np.log(2) for b in B] for a in A],
        rtol=1e-9,
    )


def test_kld_of_positive_maps_is_scipys_entropy():
    from scipy.stats import entropy

    a, b = A + 0.1, B + 0.1
    np.testing.assert_allclose(
        values(a, b, "KLD", "forward"),
        [[entropy(x.ravel(), y.ravel()) for y in b] for x in a],
        rtol=1e-10,
    )


@pytest.mark.parametrize("share", [0.05, 0.2, 0.5])
def test_the_top_share_is_the_largest_pixels_and_ties_at_its_edge_stay_outside(share):
    settings = MapSettings(top_share=share)
    k = round(share * A[0].size)

    def mask(m):
        return m > np.sort(m.ravel())[::-1][k]

    usable_a, usable_b = (np.array([mask(m).any() for m in maps]) for maps in (A, B))
    expected = [
        [auc(a, mask(b)) if i and j else np.nan for b, j in zip(B, usable_b)]
        for a, i in zip(A, usable_a)
    ]
    np.testing.assert_allclose(values(A, B, "AUC", "forward", settings), expected, rtol=1e-12)
    assert (
        usable_b[[0, 1, 3, 4]].all()
        and mask(B[0]).sum() == k
        and (share > 0.1 or not usable_a.all())
    )


@pytest.mark.parametrize("size", [(7, 7), (11, 9), (5, 12), (3, 3)])
def test_ssim_equals_its_definition_window_by_window(size):
    a, b = example(4, size), example(3, size, seed=1)
    side = min(7, *(n - 1 + n % 2 for n in size))

    def ssim(x, y):
        means = []
        for i in range(size[0] - side + 1):
            for j in range(size[1] - side + 1):
                u, v = x[i : i + side, j : j + side].ravel(), y[i : i + side, j : j + side].ravel()
                (vu, c), (_, vv) = np.cov(u, v)
                means.append(
                    (2 * u.mean() * v.mean() + 1e-4)
                    * (2 * c + 9e-4)
                    / ((u.mean() ** 2 + v.mean() ** 2 + 1e-4) * (vu + vv + 9e-4))
                )
        return np.mean(means)

    np.testing.assert_allclose(
        values(a, b, "SSIM"), [[ssim(x, y) for y in b] for x in a], rtol=1e-10
    )


def test_ssim_equals_scikit_image():
    metrics = pytest.importorskip("skimage.metrics")
    a, b = 2 * example(3, (24, 31)) - 1, 2 * example(4, (24, 31), seed=2) - 1
    for span in (1.0, 2.0):
        expected = [[metrics.structural_similarity(x, y, data_range=span) for y in b] for x in a]
        np.testing.assert_allclose(
            values(a, b, "SSIM", settings=MapSettings(data_range=span)), expected, rtol=1e-9
        )


@pytest.mark.parametrize("metric", METRICS)
def test_a_set_with_itself_is_symmetric_and_equals_two_sets(metric, monkeypatch):
    prepared = prepare(A, [metric])
    pairs = pair_block(prepared, prepared, metric)
    np.testing.assert_array_equal(pairs, pairs.T)
    np.testing.assert_allclose(
        pairs, pair_block(prepared, prepare(A.copy(), [metric]), metric), atol=1e-12
    )
    monkeypatch.setattr(map_metrics, "CACHED", 100)
    np.testing.assert_allclose(pairs, pair_block(prepared, prepared, metric), atol=1e-12)


@pytest.mark.parametrize("levels", [1, 3, 1000])
def test_ranks_are_scipys_average_ranks(levels):
    from scipy.stats import rankdata

    maps = np.random.default_rng(0).integers(0, levels, (4, 9, 8))
    np.testing.assert_array_equal(
        prepare(maps, ["AUC"]).parts["ranks"], rankdata(maps.reshape(4, -1), axis=1)
    )


@pytest.mark.parametrize(
    "metric, value", [("CC", 1), ("SIM", 1), ("SSIM", 1), ("AUC", 1), ("KLD", 0), ("JSD", 0)]
)
def test_a_map_with_itself(metric, value):
    np.testing.assert_allclose(np.diagonal(values(A, A, metric)), value, atol=1e-12)


def test_what_a_metric_does_not_see():
    rng = np.random.default_rng(3)
    scale, shift = rng.uniform(0.5, 2, (2, len(A), 1, 1))
    np.testing.assert_allclose(values(scale * A + shift, B, "CC"), values(A, B, "CC"), atol=1e-12)
    for metric in ("SIM", "KLD", "JSD"):
        np.testing.assert_allclose(
            values(scale * A, 1e-200 * B, metric), values(A, B, metric), rtol=1e-9, atol=1e-12
        )
    np.testing.assert_allclose(
        values(np.exp(A) ** 3, B, "AUC", "forward"), values(A, B, "AUC", "forward"), atol=1e-12
    )
    top = MapSettings(top_share=0.2)
    np.testing.assert_allclose(
        values(A**3, B, "AUC", settings=top), values(A, B, "AUC", settings=top), atol=1e-12
    )


def test_negative_values_are_shifted_as_in_pysaliency():
    a, b = A - 0.5, B - 3
    for metric in ("SIM", "KLD", "JSD"):
        np.testing.assert_allclose(
            values(a, b, metric, "forward"),
            [[LOOPS[metric](x, y) for y in b] for x in a],
            rtol=1e-9,
        )


def test_degenerate_maps_are_nan_and_counted_by_metric():
    maps = np.concatenate(
        [A, np.zeros((1, 9, 8)), np.full((1, 9, 8), 0.3) + 1e-17, np.full((1, 9, 8), -0.3)]
    )
    prepared = prepare(maps)
    for metric in METRICS:
        uniform = metric in (
            "SIM",
            "KLD",
            "JSD",
        )  # a constant positive map is the uniform distribution
        useless = np.array([False] * len(A) + [True, not uniform, True])
        np.testing.assert_array_equal(prepared.degenerate[metric], useless, metric)
        pairs = pair_block(prepared, prepared, metric)
        np.testing.assert_array_equal(np.isnan(pairs), useless[:, None] | useless)


def test_maps_too_narrow_for_a_window_have_no_ssim_and_one_map_is_enough():
    assert np.isnan(values(example(2, (2, 9)), example(2, (2, 9)), "SSIM")).all()
    for metric in METRICS:
        assert np.isfinite(values(A[:1], A[:1], metric)).all()
        assert values(A[:0], B, metric).shape == (0, len(B))


def test_rows_of_prepared_maps_are_those_maps():
    prepared = prepare(A)
    for metric in METRICS:
        part = pair_block(
            rows_of(prepared, slice(1, 3)), rows_of(prepared, np.array([4, 0])), metric
        )
        np.testing.assert_allclose(
            part, pair_block(prepared, prepared, metric)[1:3][:, [4, 0]], atol=1e-12
        )


@pytest.mark.parametrize(
    "options", [{"eps": 0}, {"log_base": 1}, {"top_share": 1}, {"top_share": 0}, {"data_range": 0}]
)
def test_settings_that_mean_nothing_are_refused(options):
    with pytest.raises(UsageError, match=next(iter(options)).replace("_", " ")):
        MapSettings(**options)


def test_bad_maps_and_names_are_named():
    bad = A.copy()
    bad[2, 0, 0] = np.inf
    with pytest.raises(GradtoolsError, match="map 12 holds"):
        prepare(bad, numbers=range(10, 16))
    with pytest.raises(UsageError, match="unknown map metric MSE"):
        prepare(A, ["CC", "MSE"])
    with pytest.raises(UsageError, match="direction"):
        values(A, B, "KLD", "sideways")
