"""Tables 1 and 2 of the GAM paper (mathematics#the-gam-paper), as they stand there: rows the tasks, columns the methods at one and two layers."""

import functools
from collections.abc import Callable, Iterator, Mapping, Sequence

import numpy as np

from gradtools.math.pairs.intervals import interval_of
from gradtools.selection.results import Result
from gradtools.selection.subjects import Subject
from gradtools.tables.model import Cell, Entry, Table, notes_on_few
from gradtools.tables.pairing import kind
from gradtools.tables.wording import FILLED_BY, computed_by

METHODS = {"gam": "GAM", "gradcam++": "GC++", "gradcam": "GC"}
SUBSETS = {"": "", "@25": " (25%)", "@10": " (10%)"}
SIMILARITY = {"cosine": "Similarity (cos)", "dot": "Similarity (dot)"}
CLASSIFICATION, SEGMENTATION = "Classification", "Segmentation"
MASKS = {"half": "a constant .5", "centre": "a centred Gaussian"}
FRAMES = {"centre": "centred Gaussian", "other": "map of another image"}
LAYERS = (1, 2)
SMALLER = -1.0  # sign of a measure that is better where it is smaller
NONE_SMALL = "none of the objects, or of the pairs both objects of, are among the smallest"
OTHERS = "published, of other images"

Published = Mapping[tuple[str, ...], str]  # six values a subset: GAM 1, 2, GC++ 1, 2, GC 1, 2
ADP_AND_PIC: Published = {
    (
        CLASSIFICATION,
        "ADP",
    ): "17.47 17.22 17.62 17.67 18.49 18.56 / 18.57 18.51 19.31 19.45 20.32 20.37 / "
    "21.02 20.52 22.39 22.54 24.89 25.23",
    (
        CLASSIFICATION,
        "PIC",
    ): "38.12 39.53 37.99 35.76 35.24 33.45 / 36.87 37.56 35.32 35.12 34.70 34.54 / "
    "35.21 35.48 32.75 31.98 32.01 31.03",
    (
        SIMILARITY["cosine"],
        "ADP",
    ): "0.75 0.72 0.75 0.79 3.21 3.46 / 1.10 1.03 1.12 1.14 9.65 10.67 / "
    "1.39 1.31 1.51 1.67 12.19 13.45",
    (
        SIMILARITY["cosine"],
        "PIC",
    ): "74.13 75.85 71.76 70.43 44.33 42.12 / 64.23 65.44 61.62 60.08 39.14 39.02 / "
    "54.67 55.96 50.83 48.87 27.93 26.89",
    (
        SIMILARITY["dot"],
        "ADP",
    ): "2.15 2.04 53.45 55.65 2.16 2.39 / 2.13 2.04 57.24 60.78 2.23 2.35 / "
    "2.17 2.08 58.02 61.23 2.42 2.67",
    (
        SIMILARITY["dot"],
        "PIC",
    ): "71.76 72.96 0.21 0.20 68.87 68.02 / 68.97 70.28 0.07 0.07 66.12 65.23 / "
    "68.01 68.99 0.02 0.02 63.15 62.11",
}
IOU: Published = {
    (
        CLASSIFICATION,
        "DenseNet, VRC",
    ): "54.9 56.9 54.9 47.7 52.4 50.3 / 39.0 43.8 39.6 20.8 33.5 26.0 / "
    "23.4 33.0 22.6 11.5 21.3 17.4",
    (
        CLASSIFICATION,
        "ResNet, VRC",
    ): "55.9 57.1 55.0 53.8 47.8 47.2 / 40.8 43.1 40.6 38.9 33.6 33.5 / "
    "26.1 33.4 26.2 23.9 23.2 22.7",
    (CLASSIFICATION, "CheXNet, XRAY"): "25.8 28.4 26.2 20.2 24.9 21.6",
    (
        SIMILARITY["cosine"],
        "DenseNet, VRC",
    ): "57.4 60.7 57.1 52.3 52.8 53.5 / 38.2 41.9 37.4 21.9 25.5 22.6 / "
    "31.2 35.7 29.7 15.4 18.4 16.0",
    (
        SIMILARITY["cosine"],
        "ResNet, VRC",
    ): "57.1 58.6 56.0 49.8 39.1 38.2 / 38.3 39.3 36.1 28.5 27.2 24.9 / "
    "31.3 34.9 29.4 22.2 21.3 20.4",
    (
        SIMILARITY["dot"],
        "DenseNet, VRC",
    ): "59.2 62.4 1.0 1.0 58.9 54.0 / 39.6 43.8 1.0 1.0 38.2 25.5 / 32.0 36.9 1.0 1.0 31.2 19.6",
    (
        SIMILARITY["dot"],
        "ResNet, VRC",
    ): "57.9 61.9 1.0 1.0 57.3 57.3 / 39.3 43.1 1.0 1.0 38.6 38.1 / 31.9 36.6 1.0 1.0 31.2 30.5",
    (
        SEGMENTATION,
        "TResNet, COCO",
    ): "28.3 30.7 27.8 27.3 27.2 27.5 / 22.7 25.8 21.4 21.2 21.5 21.1 / "
    "21.4 24.9 20.7 20.5 21.1 20.3",
    (
        SEGMENTATION,
        "TResNet, VOC",
    ): "36.2 38.7 35.5 34.8 35.5 34.2 / 34.1 37.2 32.1 31.5 33.5 31.1 / "
    "27.1 32.7 26.8 25.3 26.2 24.9",
}
IMPROVED = (
    "Impr.: (two layers - one layer) / one layer in percent, + is better; the paper divides by the value of two layers in "
    "its first table and by that of one layer in its second."
)
SMALL = (
    "(25%), (10%): objects whose share of the frame is among the smallest; of a pair both images' objects. [low, high]: 95 % "
    "of resampled images."
)
PUBLISHED = (
    "the paper's images, networks, pairs and hold-outs are not recoverable: its values show what its tables say, not what "
    "these ought to be."
)


def faithfulness(subjects: Sequence[Subject], published: bool = False) -> Iterator[Table]:
    """Build Table 1: ADP and PIC, beside masks that do not depend on the image."""
    rows: list[dict[str, Entry]] = []
    for subject in subjects:
        fills = {fill for _, fill in subject.faithfulness}
        if not fills:
            continue
        fill = "black" if "black" in fills else min(fills)
        results = {
            name: result
            for (name, other_fill), result in subject.faithfulness.items()
            if other_fill == fill
        }
        for metric, sign in (("adp", SMALLER), ("pic", 1.0)):
            named = {"model": subject.name, "metric": f"{metric.upper()}, {fill} fill"}
            task = _task(results)
            rows += _rows(named, task, results, metric, sign, MASKS, "faithfulness", 1.0)
    if rows:
        title = "Average drop (ADP, lower is better) and increase in confidence (PIC, higher is better), %"
        more = _published(ADP_AND_PIC, "metric", 2, MASKS) if published else []
        yield _table("gam-faithfulness", title, "metric", MASKS, rows + more, published)


def localization(subjects: Sequence[Subject], published: bool = False) -> Iterator[Table]:
    """Build Table 2: IoU of boxes and, where masks are known, of segmented areas, with the controls beside."""
    rows: list[dict[str, Entry]] = []
    for subject in subjects:
        results = {name: result for (name, _), result in subject.localization.items()}
        if not results:
            continue
        named = {"model": subject.name, "data": "boxes"}
        task = _task(results)
        rows += _rows(named, task, results, "iou", 1.0, FRAMES, "localization", 100.0)
        if any(result.has("mask_iou") for result in results.values()):
            named = {"model": subject.name, "data": "masks"}
            rows += _rows(
                named, SEGMENTATION, results, "mask_iou", 1.0, FRAMES, "localization", 100.0
            )
    if rows:
        more = _published(IOU, "data", 1, FRAMES) if published else []
        title = "Localization accuracy, IoU % (higher is better)"
        yield _table("gam-localization", title, "data", FRAMES, rows + more, published)


def _task(results: Mapping[str, Result]) -> str:
    """Return which of the paper's tasks the maps are of."""
    target = str(next(iter(results.values())).facts.get("target", ""))
    return SIMILARITY.get(target, CLASSIFICATION)


def _rows(
    named: Mapping[str, str],
    task: str,
    results: Mapping[str, Result],
    statistic: str,
    sign: float,
    controls: Mapping[str, str],
    layout: str,
    scale: float,
) -> Iterator[dict[str, Entry]]:
    """Yield the rows of one task and measure: all objects, the smallest 25 % and 10 %, where they are known."""
    for suffix, words in SUBSETS.items():
        name = f"{statistic}{suffix}"
        if suffix and not any(of_method.has(name) for of_method in results.values()):
            continue
        count_of = max(of_method.get(name).n for of_method in results.values())
        row: dict[str, Entry] = {"task": f"{task}{words}", **named, "maps": str(count_of)}
        for method, head in METHODS.items():
            pair = [_of_layers(results, method, count) for count in LAYERS]
            for count, result in zip(LAYERS, pair):
                row[f"{head} {count}"] = _cell(result, name, layout, scale, method, count)
            row[f"{head} Impr."] = _improvement(pair, name, sign)
        for control in controls.values():
            row[control] = _cell(results.get(control), name, layout, scale)
        yield row


def _of_layers(results: Mapping[str, Result], method: str, count: int) -> Result | None:
    """Return the result of a method's mean over so many last taps."""
    for name, result in results.items():
        if name.startswith("map:"):
            made = kind(name)
            if (made.method, len(made.taps), made.fuse) == (method, count, "mean"):
                return result
    return None


def _cell(
    result: Result | None,
    statistic: str,
    layout: str,
    scale: float,
    method: str = "",
    count: int = 0,
) -> Cell:
    """Return a value in percent with its interval."""
    if result is None:
        how = f" of maps that saliency --method {method} --layers {count} makes" if method else ""
        return Cell(why=f"{FILLED_BY[layout]}{how} computes it")
    value, low, high, n = result.get(statistic)
    return Cell(
        scale * value,
        scale * low,
        scale * high,
        n=n,
        digits=2,
        why=NONE_SMALL if result.has(statistic) else computed_by(layout),
    )


def _improvement(pair: Sequence[Result | None], statistic: str, sign: float) -> Cell:
    """Return what the second layer gains, in percent of the first, with the interval of the same resamples."""
    first, second = pair
    if first is None or second is None:
        return Cell(why="needs one and two layers")
    ratio: Callable = functools.partial(_gain, sign=sign)
    value = float(
        ratio(np.array(first.get(statistic).value), np.array(second.get(statistic).value))
    )
    replicates = ratio(first.replicate(statistic), second.replicate(statistic))
    low, high = interval_of(replicates, value)
    return Cell(value, low, high, digits=1, why="the value of one layer is 0")


def _gain(first: np.ndarray, second: np.ndarray, sign: float) -> np.ndarray:
    """Return 100 sign (two - one) / one; NaN where one layer gives 0."""
    known = first != 0
    return np.where(known, 100 * sign * (second - first) / np.where(known, first, 1), np.nan)


def _published(
    values: Published, column: str, digits: int, controls: Mapping[str, str]
) -> list[dict[str, Entry]]:
    """Return the paper's rows."""
    rows: list[dict[str, Entry]] = []
    for (task, what), text in values.items():
        sign = SMALLER if what == "ADP" else 1.0
        for words, six in zip(SUBSETS.values(), text.split(" / ")):
            numbers = [float(number) for number in six.split()]
            row: dict[str, Entry] = {"task": f"{task}{words}", "model": OTHERS, column: what}
            row["maps"] = "-"
            for head, first, second in zip(METHODS.values(), numbers[::2], numbers[1::2]):
                row[f"{head} 1"], row[f"{head} 2"] = (
                    Cell(first, digits=digits),
                    Cell(second, digits=digits),
                )
                gain = float(_gain(np.array(first), np.array(second), sign))
                row[f"{head} Impr."] = Cell(gain, digits=1)
            for control in controls.values():
                row[control] = Cell(why="the paper has no controls")
            rows.append(row)
    return rows


def _table(
    table_id: str,
    title: str,
    column: str,
    controls: Mapping[str, str],
    rows: list[dict[str, Entry]],
    published: bool,
) -> Table:
    """Return a table, the rows of one task together and the paper's behind the measured ones."""
    order = [*SIMILARITY.values(), SEGMENTATION]
    rank = {task: place + 1 for place, task in enumerate(order)}
    rows = sorted(
        rows, key=lambda row: rank.get(str(row["task"]).split(" (2")[0].split(" (1")[0], 0)
    )
    heads = [f"{head} {part}" for head in METHODS.values() for part in (*LAYERS, "Impr.")]
    columns = ["task", "model", column, "maps", *heads, *controls.values()]
    notes = (IMPROVED, SMALL, *notes_on_few(rows), *((PUBLISHED,) if published else ()))
    return Table(table_id, title, columns, rows, notes)
