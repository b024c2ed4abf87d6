"""What the similarities of maps depend on, in words for people."""

from collections.abc import Iterable, Iterator, Mapping

import numpy as np

from gradtools.math.maps.map_metrics import ONE_WAY


def settings_in_words(results: Iterable[tuple[str, str, Mapping]]) -> list[str]:
    """Return the settings that the values depend on besides the maps, one line each.

    Parameters
    ----------
    results : list of (feature, metric, facts)

    Returns
    -------
    list of str
    """
    metrics = {metric for _, metric, _ in results}
    sizes = {
        feature: (
            facts["size"] + (" (native)" if facts["native"] else ""),
            facts["sign"],
            facts.get("fuse"),
        )
        for feature, _, facts in results
    }
    lines = [
        f"{', '.join(feature for feature, other in sizes.items() if other == setting)}: {_read_in_words(*setting)}"
        for setting in dict.fromkeys(sizes.values())
    ]
    lines += dict.fromkeys(
        f"{metric}: {_metric_in_words(facts)[metric]}"
        for _, metric, facts in results
        if metric in _metric_in_words(facts)
    )
    if metrics & set(ONE_WAY):
        lines.append(
            f"{', '.join(name for name in ONE_WAY if name in metrics)}: the mean of both directions"
        )
    lines += _degenerate_in_words(results)
    if any(facts["leaks"] for _, _, facts in results):
        lines.append(
            "target=label (leaks): the maps are of the true label, so they depend on it by construction"
        )
    return lines


def _degenerate_in_words(results: Iterable[tuple[str, str, Mapping]]) -> Iterator[str]:
    """Yield how many maps are in no pair, by feature, and by metric where these differ; what it means where all are."""
    lost: dict[str, dict[str, int]] = {}
    for feature, metric, facts in results:
        lost.setdefault(feature, {})[metric] = facts["degenerate"]
    said = [
        f"{feature} {next(iter(counts.values()))}"
        if len(set(counts.values())) == 1
        else f"{feature} "
        + " ".join(f"{metric} {number}" for metric, number in counts.items() if number)
        for feature, counts in lost.items()
        if any(counts.values())
    ]
    if said:
        yield f"degenerate maps (constant, empty) are in no pair: {', '.join(said)}"
    against = " after ReLU; where nothing speaks for the target, --sign against or signed reads what speaks against it"
    for feature, sign in dict.fromkeys(
        (feature, facts["sign"]) for feature, _, facts in results if not facts["rows"]
    ):
        yield f"{feature}: every map is constant{against if sign == 'for' else ''}"


def _read_in_words(size: str, sign: str, fuse: str | None) -> str:
    """Return how maps were read."""
    words = {
        "for": "ReLU",
        "against": "ReLU of what speaks against the target",
        "signed": "signed, on one scale",
    }[sign]
    return f"maps of {size}, {words}, min-max" + (f", taps fused by {fuse}" if fuse else "")


def _metric_in_words(facts: Mapping) -> dict[str, str]:
    """Return {metric: what its value depends on}."""
    base = "e" if np.isclose(facts["log_base"], np.e) else f"{facts['log_base']:g}"
    mask = f"mask: pixels {facts['mask']}"
    return {
        "KLD": f"eps {facts['eps']:g}, log base {base}",
        "JSD": f"log base {base}",
        "AUC": f"{mask}; ties count half",
        "NSS": mask,
    }
