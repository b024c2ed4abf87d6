"""Tables of localisation: a row a kind of map, its measures side by side, the controls last."""

from collections.abc import Iterable, Iterator, Sequence

from gradtools.selection.results import Result
from gradtools.selection.subjects import Subject
from gradtools.tables import pairing
from gradtools.tables.model import Cell, Table, notes_on_few

MEASURES = {
    "iou": "IoU",
    "iou_half": "IoU >= .5",
    "pointing": "pointing game",
    "energy": "energy in box",
    "precision": "pixel AP",
    "mask_iou": "mask IoU",
}
WHY_NOT = {
    "mask_iou": "no masks: gradtools saliency --annotations MASKS adds them",
}
SUBSETS = {"": "all objects", "@25": "smallest 25 %", "@10": "smallest 10 %"}
CONTROLS = ("centred Gaussian", "map of another image")
ALIKE = {
    "second": "second class",
    "middle": "middle class",
    "labels": "other labels",
    "activation": "activation sum",
    "other_image": "other image",
}
WHY_NOT_ALIKE = {
    "second": "maps of one class an image: gradtools saliency --target ranks has those of others",
    "middle": "maps of one class an image: gradtools saliency --target ranks has those of others",
    "labels": "no image has several labels: gradtools saliency --target labels has their maps",
    "activation": "no sums of activations at these taps: gradtools saliency --method activation adds them",
    "other_image": "there is one image only",
}
ON_CLASSES = (
    "Spearman's correlation over pixels of a map with the map of another class of the same image (its class of the second "
    "and of the middle rank, or its other labels), with the plain sum of activations, which does not depend on the class, and with the "
    "map of another image: a map that stays as it is whatever the class finds objects without saying of which class.",
)
ON_SIGN = (
    "P < Q: share of the object's pixels where channels of negative weight outweigh those of positive weight (equation 4 of "
    "the GAM paper), so that Grad-CAM is 0 there.",
)
NO_ACTIVATION = (
    "not among these maps: gradtools saliency --method activation adds it, the sum of activations, which does not depend on "
    "the class"
)
NOTES = (
    "IoU: the box around the largest component of map >= threshold with the best box of the object; the threshold is "
    "chosen on held-out images and frozen, and these images are in no IoU.",
    "pointing game: the maximum lies in a box; energy: share of the map in the boxes; pixel AP: average precision of the "
    "pixels: none of them needs a threshold.",
    "centred Gaussian: a map of no image; map of another image: drawn at random. A map that finds no more than they do finds nothing.",
    "[low, high]: 95 % of resampled images.",
)


def build(subjects: Sequence[Subject]) -> Iterator[Table]:
    """Yield the tables that the stores can fill."""
    return tables(
        (subject.name, {kind: result for (kind, _), result in subject.localization.items()})
        for subject in subjects
    )


def tables(measured: Iterable[tuple[str, dict[str, Result]]]) -> Iterator[Table]:
    """Yield one table for all objects and one for each subset of small ones, then the paired differences.

    Parameters
    ----------
    measured : iterable of (model, dict of str to Result)
        The localisation of every kind of map of a model.
    """
    models = [(model, dict(_in_order(kinds))) for model, kinds in measured if kinds]
    for suffix, words in SUBSETS.items() if models else ():
        rows = [
            _row(model, kind, result, suffix)
            for model, kinds in models
            for kind, result in kinds.items()
        ]
        rows += _without_activation(models)
        columns = [name for name in rows[0] if any(name in row for row in rows)]
        notes = (*NOTES, *_thresholds(models)) if not suffix else ()
        notes = (*notes, *notes_on_few(rows))
        title = f"localisation, {words}, {_counts(models, suffix)}"
        yield Table(_id("localization", suffix), title, columns, rows, notes, "higher")
    for suffix in ("", "@25"):
        yield from pairing.differences(
            _id("localization-difference", suffix),
            f"localisation, {SUBSETS[suffix]}: paired differences",
            models,
            {f"{measure}{suffix}": head for measure, head in MEASURES.items()},
            CONTROLS,
        )
    yield from _outweighed(models)
    if models:
        yield discrimination("class-discrimination", models, ALIKE, WHY_NOT_ALIKE)


def _outweighed(models: Sequence[tuple[str, dict[str, Result]]]) -> Iterator[Table]:
    """Yield where Grad-CAM is 0 on its object, beside its IoU."""
    rows = []
    for model, kinds in models:
        for name, result in kinds.items():
            if result.has("negative"):
                row: dict = {"model": model, "map": name.removeprefix("map:")}
                for statistic, head in (("iou", "IoU"), ("negative", "P < Q")):
                    value, low, high, count = result.get(statistic)
                    row[head] = Cell(value, low, high, n=count)
                rows.append(row)
    if rows:
        title = "where negative weights outweigh positive ones on the object"
        yield Table(
            "outweighed",
            title,
            ["model", "map", "IoU", "P < Q"],
            rows,
            (*ON_SIGN, *notes_on_few(rows)),
        )


def _id(name: str, suffix: str) -> str:
    """Return a table's id, that of a subset with its percentile."""
    return f"{name}{suffix.replace('@', '-')}"


def discrimination(
    table_id: str,
    models: Sequence[tuple[str, dict[str, Result]]],
    heads: dict[str, str],
    reasons: dict[str, str],
) -> Table:
    """Return how alike maps of one image are whatever their class, a row a kind of map."""
    rows = []
    for model, kinds in models:
        for name, result in kinds.items():
            if not name.startswith("map:"):
                continue
            row: dict = {"model": model, "map": name.removeprefix("map:")}
            for statistic, head in heads.items():
                value, low, high, count = result.get(statistic)
                row[head] = Cell(value, low, high, n=count, why=reasons[statistic])
            rows.append(row)
    title = "class discrimination: Spearman's correlation with other maps"
    return Table(
        table_id, title, ["model", "map", *heads.values()], rows, (*ON_CLASSES, *notes_on_few(rows))
    )


def _without_activation(models: Sequence[tuple[str, dict[str, Result]]]) -> Iterator[dict]:
    """Yield a row of reasons for every model whose store has no sums of activations."""
    for model, kinds in models:
        if not any(name.startswith("map:activation@") for name in kinds):
            cells = {head: Cell(note=NO_ACTIVATION) for head in MEASURES.values()}
            yield {"model": model, "map": "activation"} | cells


def _in_order(kinds: dict[str, Result]) -> list[tuple[str, Result]]:
    """Return the kinds of maps by name, the controls last."""
    return sorted(kinds.items(), key=lambda item: (item[0] in CONTROLS, item[0]))


def _row(model: str, kind: str, result: Result, suffix: str) -> dict:
    """Return one kind of map of one model."""
    row: dict = {"model": model, "map": kind.removeprefix("map:")}
    for measure, head in MEASURES.items():
        statistic = f"{measure}{suffix}"
        if not result.has(statistic):
            row[head] = Cell(note=WHY_NOT[measure])
            continue
        value, low, high, count = result.get(statistic)
        row[head] = Cell(value, low, high, n=count)
    return row


def _counts(models: list[tuple[str, dict[str, Result]]], suffix: str) -> str:
    """Say how many maps of how many images a table rests on, and how many an IoU does, without those held out."""
    results = list(models[0][1].values())
    every, in_iou = (
        max(result.get(f"{name}{suffix}").n for result in results) for name in ("energy", "iou")
    )
    facts = results[0].facts
    maps = f"{every} maps" if suffix else f"{facts['maps']} maps of {facts['images']} images"
    return f"{maps} ({in_iou} in an IoU)"


def _thresholds(models: list[tuple[str, dict[str, Result]]]) -> Iterator[str]:
    """Say each kind's threshold, and how far it and the IoU move over the splits."""
    for model, kinds in models:
        parts = [
            f"{kind.removeprefix('map:')} {facts['threshold']:.2f} ({facts['threshold_low']:.2f} to "
            f"{facts['threshold_high']:.2f}, IoU ±{facts['iou_spread']:.3f})"
            for kind, facts in ((kind, result.facts) for kind, result in kinds.items())
        ]
        first = next(iter(kinds.values())).facts
        yield (
            f"{model}: threshold on {first['held_out']} held-out maps, over {first['splits']} splits in "
            f"brackets: {'; '.join(parts)}"
        )
        if first["left_out"]:
            yield f"{model}: {first['left_out']} maps without a box in the frame are left out"
        empty = {kind: result.facts["degenerate"] for kind, result in kinds.items()}
        if any(empty.values()):
            counted = ", ".join(f"{kind} {count}" for kind, count in empty.items() if count)
            yield f"{model}: maps without a positive value, which find nothing: {counted}"
