"""The statistics that sentences may name, and where the stores have them."""

import collections
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from gradtools.errors import UsageError, suggest
from gradtools.math.clusters import agreement, half_samples
from gradtools.math.pairs import bootstrap
from gradtools.selection.results import Result
from gradtools.selection.subjects import Subject, role
from gradtools.stages.claim import table_rows
from gradtools.tables.model import why_missing
from gradtools.tables.wording import NOT_DEFINED, computed_by

SHARES, INDEX, POINTS = 0.02, 0.05, 2.0  # margins of ==
RULE = ("resampling", "drawn", "drawn_of")
DRAWS = (*RULE, "seed", "left_out", "auc_rows", "held_out")  # what must be equal for values to pair


class Statistic(NamedTuple):
    """A statistic: which part of a subject has it, its name there, the option that chooses among results, and margin of ==."""

    part: str
    row: str
    layout: str
    key: str = ""
    default: str = ""
    margin: float = SHARES
    lower: bool = False
    subsets: bool = False  # whether smallest=25% and 10% are stored


class Value(NamedTuple):
    """A value and its replicates; `draws` says which resamples these are, `lacks` why there is no value (NaN)."""

    value: float
    replicates: np.ndarray
    images: int
    rule: dict
    draws: tuple
    lacks: str = ""


def _of_maps(metric: str) -> Statistic:
    return Statistic("maps", "within", "maps", "metric", metric, SHARES, metric in ("KLD", "JSD"))


def _of_regions(row: str) -> Statistic:
    return Statistic("localization", row, "localization", "", "localization", subsets=True)


def _of_masks(row: str, margin: float, lower: bool = False) -> Statistic:
    return Statistic("faithfulness", row, "faithfulness", "fill", "black", margin, lower, True)


STATISTICS = {
    "accuracy": Statistic("answers", "right", "confusion", margin=POINTS),
    "pair-auc": Statistic("similarity", "auc", "similarity", "metric", "cosine"),
    "label-effect": Statistic("similarity", "label_effect", "similarity", "metric", "cosine"),
    "within": Statistic("similarity", "within", "similarity", "metric", "cosine"),
    "between": Statistic("similarity", "between", "similarity", "metric", "cosine"),
    **{
        name: Statistic("clusters", name, "clustering", "method", "kmeans", INDEX)
        for name in ("ari", "nmi", "silhouette")
    },
    "ari-argmax": Statistic("clusters", "ari_argmax", "clustering", "method", "kmeans", INDEX),
    "recall-1": Statistic("retrieval", "recall_1", "retrieval", "", "retrieval"),
    "recall-5": Statistic("retrieval", "recall_5", "retrieval", "", "retrieval"),
    "retrieval": Statistic("retrieval", "average_precision", "retrieval", "", "retrieval"),
    "knn": Statistic("retrieval", "knn", "retrieval", "", "retrieval"),
    **{
        f"map-{metric.lower()}": _of_maps(metric)
        for metric in ("CC", "SIM", "KLD", "JSD", "AUC", "NSS", "SSIM")
    },
    "iou": _of_regions("iou"),
    "iou-half": _of_regions("iou_half"),
    "pointing": _of_regions("pointing"),
    "energy": _of_regions("energy"),
    "pixel-ap": _of_regions("precision"),
    "mask-iou": _of_regions("mask_iou"),
    "adp": _of_masks("adp", POINTS, lower=True),
    "pic": _of_masks("pic", POINTS),
    "deletion": _of_masks("deletion", SHARES, lower=True),
    "insertion": _of_masks("insertion", SHARES),
    "sanity": Statistic("sanity", "", "sanity", "measure", "spearman"),
    "rsa": Statistic("comparison", "rsa_pearson", "comparison"),
    "rsa-ranks": Statistic("comparison", "rsa_spearman", "comparison"),
    "cka": Statistic("comparison", "cka_debiased", "comparison"),
    "ablation": Statistic("channels", "value", "channels", "fill", "zero"),
    "link-r2": Statistic("link", "r2", "link"),
}
CONTROLS = {
    "class-row": "weight",
    "gaussian": "centred Gaussian",
    "centred-gaussian": "centred Gaussian",
    "other-image": "map of another image",
    "ones": "a mask of ones",
    "constant": "a constant .5",
}


def find(name: str, place: str) -> Statistic:
    """Return a statistic by its name.

    Raises
    ------
    UsageError
        There is none; gives near names.
    """
    if name not in STATISTICS:
        raise UsageError(f"{place}: no statistic {name!r}; {suggest(name, STATISTICS)}")
    return STATISTICS[name]


def row_of(
    statistic: Statistic, options: dict[str, str], where: tuple[str, ...], place: str
) -> str:
    """Return the row of a stored table that options and conditions mean.

    Raises
    ------
    UsageError
        An option or condition that stored rows do not have.
    """
    known = {statistic.key, "given"} - {""} | ({"step"} if statistic.part == "sanity" else set())
    for key in options:
        if key not in known:
            raise UsageError(f"{place}: no option {key!r} here; {suggest(key, known)}")
    row = statistic.row
    if statistic.part == "sanity":
        row = options.get("step", "full:0")
    if "given" in options:
        if options["given"] != "prediction" or statistic.part not in ("similarity", "retrieval"):
            raise UsageError(f"{place}: given=prediction goes with pair-auc, recall and retrieval")
        row += "_same_prediction"
    for condition in where:
        percent = condition.replace(" ", "").removeprefix("smallest=").removesuffix("%")
        if not statistic.subsets or percent not in ("25", "10"):
            raise UsageError(
                f"{place}: where {condition}: stored rows are of all samples, or smallest=25% and 10% of objects; "
                f"give --where to {computed_by(statistic.layout).partition(' computes')[0]} and use that store"
            )
        row += f"@{percent}"
    return row


def candidates(
    subject: Subject, statistic: Statistic, options: dict[str, str]
) -> dict[str, Result]:
    """Return a model's results of a statistic, by the names that sentences use: full name, role, and short form."""
    chosen = options.get(statistic.key, statistic.default) if statistic.key else statistic.default
    if statistic.part == "comparison":
        return table_rows.pairs(subject, statistic.row)
    if statistic.part == "channels":
        return table_rows.rankings(subject, chosen)
    if statistic.part == "link":
        return {kind: result for (_, kind), result in subject.link.items()}
    results = {
        feature: result
        for (feature, name), result in getattr(subject, statistic.part).items()
        if name == chosen
    }
    named = {feature: dict.fromkeys(_names(subject, feature)) for feature in results}
    counts = collections.Counter(name for names in named.values() for name in names)
    # gam@2 is the map over two taps and that at a tap named 2: only full names are left to ask for them.
    return {
        name: results[feature]
        for feature, names in named.items()
        for name in names
        if counts[name] == 1
    }


def _names(subject: Subject, feature: str) -> Iterator[str]:
    """Names of a feature or map: the longest first."""
    short = feature.removeprefix("map:")
    yield short
    yield role(subject, feature)
    kind, _, where = short.partition("@")
    if feature.startswith("map:"):
        taps = where.split("+")
        yield f"{kind}@tap:{where}"
        if taps == subject_taps(subject, len(taps)):
            yield f"{kind}@{len(taps)}"
        return
    defaults = {"activation": "last-block"}
    if role(subject, feature) == f"{kind}@{defaults.get(kind, 'last-conv')}":
        yield kind


def subject_taps(subject: Subject, count: int) -> list[str]:
    """Return the last taps that maps were made at, in order of execution."""
    known = list(
        dict.fromkeys(
            tap
            for kinds in (subject.localization, subject.faithfulness, subject.maps)
            for name, _ in kinds
            for tap in name.partition("@")[2].split("+")
            if tap
        )
    )
    stored = [tap for name in subject.map_names for tap in [name.partition("@")[2]]]
    order = list(dict.fromkeys([*stored, *known])) or known
    return order[-count:]


def value(
    subject: Subject, statistic: Statistic, name: str, options: dict, row: str, place: str
) -> Value:
    """Look up a value of one model.

    Raises
    ------
    UsageError
        No store has it; names near names, or the command that computes it.
    """
    if statistic.part == "answers":
        if name != "argmax":
            raise UsageError(
                f"{place}: accuracy is of the model's answers, not of {name!r}: write argmax"
            )
        return _accuracy(subject, place)
    matches = candidates(subject, statistic, options)
    if not matches:
        raise UsageError(f"{place}: {subject.name}: {computed_by(statistic.layout)}")
    if name == "argmax" and statistic.row in ("ari", "nmi"):
        return _of_argmax(subject, statistic, next(iter(matches.values())), place)
    result = matches.get(name) or matches.get(CONTROLS.get(name, name))
    if result is None:
        raise UsageError(f"{place}: {subject.name}: no {name!r}; {suggest(name, matches)}")
    if statistic.part == "clusters":
        return _of_clusters(result, row, place)
    stored = result.get(row)
    if not result.has(row):
        raise UsageError(f"{place}: {subject.name}: {name} has no {row.replace('_', ' ')} here")
    rows = int(result.facts.get("images", result.facts.get("rows", stored.n)))
    lacks = why_missing(result, row) if statistic.part == "similarity" else NOT_DEFINED
    return _resampled(stored.value, result.replicate(row), rows, result, place, lacks)


def _resampled(
    number: float,
    replicates: np.ndarray,
    images: int,
    result: Result,
    place: str,
    lacks: str = NOT_DEFINED,
) -> Value:
    if not len(replicates):
        raise UsageError(
            f"{place}: {result.source} has no resamples of it: make it again without --no-intervals"
        )
    rule = {key: result.facts[key] for key in RULE if key in result.facts}
    draws = tuple(result.facts.get(key) for key in DRAWS)
    return Value(number, replicates, images, rule, draws, "" if number == number else lacks)


def _of_clusters(result: Result, row: str, place: str) -> Value:
    replicates = result.replicates
    at = half_samples.INDICES.index(row)
    values = np.empty(0) if replicates is None or replicates.ndim < 2 else replicates[:, at]
    number, rows = float(result.column(row).mean()), int(result.facts["rows"])
    return _resampled(number, values, rows, result, place)


def _of_argmax(subject: Subject, statistic: Statistic, result: Result, place: str) -> Value:
    """The predictions as clusters, on the same half samples."""
    facts = result.facts
    if facts.get("left_out") or facts.get("degenerate") or subject.predicted is None:
        raise UsageError(
            f"{place}: argmax is known where no sample is left out; name weight instead"
        )
    labels = subject.labels.astype(np.int64)
    halves = half_samples.half_samples(labels, int(facts["resamples"]), int(facts["seed"]))
    pick = 0 if statistic.row == "ari" else 1
    values = [
        agreement.agreements(subject.predicted[None, half], labels[half])[pick][0]
        for half in halves
    ]
    number = float(facts[f"argmax_{statistic.row}"])
    return _resampled(number, np.array(values), int(facts["rows"]), result, place)


def _accuracy(subject: Subject, place: str) -> Value:
    answers = subject.answers
    if answers is None or not answers.known.any():
        raise UsageError(f"{place}: {subject.name}: {computed_by('confusion')}")
    right = 100.0 * answers.right[answers.known]
    replicates = bootstrap.bootstrap_means(right[:, None])[:, 0]
    return Value(float(right.mean()), replicates, len(right), {}, ("accuracy", len(right)))
