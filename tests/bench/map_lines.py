"""All pairs of maps against a loop over pysaliency's formulas (mathematics#similarity-of-maps), and ten thousand maps against a minute."""

import statistics
import time

import numpy as np
from measure import size

EPS = 2.2204e-16


def pairs_of_maps():
    """CC, SIM, KLD and AUC, the two last in both directions; the loop goes over some of the pairs and its time is scaled."""
    from gradtools.math.maps.reading import read_maps

    rng = np.random.default_rng(0)
    for n, side, looped, target in (
        (size(1000, 30), 7, size(200, 5), 1000),
        (size(400, 6), 224, size(20, 2), 50),
    ):
        maps, _ = read_maps([rng.normal(size=(n, side, side))])
        yield (
            f"all pairs of {n} maps {side}x{side}: CC, SIM, KLD, AUC / a loop",
            against_loop(maps, looped),
            target,
        )
    maps, _ = read_maps([rng.normal(size=(size(10_000, 50), 7, 7))])
    took = seconds(all_pairs, maps)
    yield f"all pairs of {len(maps):,} maps 7x7 in {took:.1f} s / a minute", (60 / took,) * 3, 1


def against_loop(maps, looped, turns=3):
    """Median, least and most of the loop's time for all pairs / ours."""
    n_pairs = len(maps) * (len(maps) - 1) // 2
    drawn = np.random.default_rng(1).integers(len(maps), size=(looped, 2))
    ratios = []
    for _ in range(turns + 1):
        own = seconds(all_pairs, maps)
        ratios.append(seconds(loop, maps, drawn) * n_pairs / looped / own)
    ratios = ratios[1:]  # the first turn warms up
    return statistics.median(ratios), min(ratios), max(ratios)


def seconds(function, *arguments):
    start = time.perf_counter()
    function(*arguments)
    return time.perf_counter() - start


def all_pairs(maps):
    from gradtools.math.maps.map_pairs import within_groups

    return within_groups(maps, np.zeros(len(maps), int), ("CC", "SIM", "KLD", "AUC"))


def loop(maps, pairs):
    """Pair by pair, as one would write it with pysaliency."""
    for i, j in pairs:
        a, b = maps[i], maps[j]
        np.corrcoef(a.ravel(), b.ravel())[0, 1]
        p, q = density(a), density(b)
        np.minimum(p, q).sum()
        kldiv(p, q) + kldiv(q, p)
        auc(a, b > b.mean()) + auc(b, a > a.mean())


def density(m):
    m = m - m.min() if m.min() < 0 else m
    return m / m.sum()


def kldiv(p, q):
    return (p * np.log(EPS + p / (q + EPS))).sum()


def auc(score, mask):
    """Area below the ROC over all thresholds, ties in one step."""
    order = np.argsort(-score, axis=None)
    values, hits = score.ravel()[order], mask.ravel()[order]
    last = np.flatnonzero(np.append(values[1:] != values[:-1], True))
    true = np.append(0, np.cumsum(hits)[last]) / hits.sum()
    false = np.append(0, np.cumsum(~hits)[last]) / (~hits).sum()
    return np.trapezoid(true, false)
