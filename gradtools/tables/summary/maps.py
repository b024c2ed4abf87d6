"""The summary of maps: how alike they are, where they lie, what they keep of the score, what is left at random; controls last."""

from collections.abc import Callable, Iterator

import numpy as np

from gradtools.selection.results import Result
from gradtools.selection.subjects import Subject
from gradtools.tables import faithfulness, localization, paired, sanity
from gradtools.tables.model import Cell, Table, statistic_cell
from gradtools.tables.summary.blocks import Block, across, clear_of, of_rows
from gradtools.tables.wording import MAP_METRICS, NOT_COMPUTED
from gradtools.tables.wording import summary as words

ONES = "a mask of ones"
FEW_PAIRS = 30  # of one class, below which the sentence says how many there are
Kinds = dict[str, Result]


def blocks(subjects: list[Subject]) -> Iterator[Block]:
    """Yield a block of every kind of result that the stores hold of maps."""
    for part, block in (
        ("maps", _alike),
        ("localization", _lie),
        ("faithfulness", _keep),
        ("sanity", _random),
    ):
        having = [subject for subject in subjects if getattr(subject, part)]
        if having:
            yield block(having)


def _short(name: str) -> str:
    return name.removeprefix("map:")


def _table_of(
    table_id: str,
    title: str,
    measures: dict[str, str],
    by_model: list[tuple[str, Kinds]],
    names: list[str],
    better: str = "",
    cell: Callable[[Result, str], Cell] = statistic_cell,
) -> Table:
    """Return a row a measure and model, a column a map."""
    rows = [
        {"statistic": head, "model": model}
        | {
            _short(name): cell(kinds[name], measure) if name in kinds else Cell(note=NOT_COMPUTED)
            for name in names
        }
        for measure, head in measures.items()
        for model, kinds in by_model
        if any(kinds[name].has(measure) for name in names if name in kinds)
    ]
    return of_rows(table_id, title, [_short(name) for name in names], rows, better)


def _alike(subjects: list[Subject]) -> Block:
    """Return how alike maps of one class are, beside maps of other classes."""
    metric = next(m for m in MAP_METRICS if any(m == name for s in subjects for _, name in s.maps))
    by_model = [
        (
            subject.name,
            {feature: r for (feature, name), r in subject.maps.items() if name == metric},
        )
        for subject in subjects
    ]
    names = list(dict.fromkeys(name for _, kinds in by_model for name in kinds))
    labelled = any(result.has("within") for _, kinds in by_model for result in kinds.values())
    heads = {
        "within": words.WITHIN_MAPS,
        "between": words.BETWEEN_MAPS,
        "within_minus_between": words.DIFFERENCE_MAPS,
    }
    measures = heads if labelled else {"all": words.ALL_MAPS}
    measures = {key: head.format(metric=metric) for key, head in measures.items()}
    table = _table_of("summary-maps", words.OF_MAPS, measures, by_model, names)
    sentences = []
    for name in names if labelled else ():
        results = [kinds[name] for _, kinds in by_model if name in kinds]
        difference = [statistic_cell(result, "within_minus_between") for result in results]
        sentences.append(
            words.ALIKE_MAPS.format(
                map=_short(name),
                metric=metric,
                value=across(result.get("within").value for result in results),
                control=across(result.get("between").value for result in results),
                difference=across(cell.number for cell in difference) + clear_of(difference),
            )
            + _few([result.get("within").n for result in results])
        )
    return Block(table, tuple(sentences))


def _few(pairs: list[int]) -> str:
    """Say on how little a mean rests; nothing where there are pairs enough."""
    return words.FEW_PAIRS.format(count=min(pairs)) if min(pairs) < FEW_PAIRS else ""


def _lie(subjects: list[Subject]) -> Block:
    """Return where maps lie, beside a centred Gaussian and another image's map."""
    by_model = [
        (subject.name, {kind: result for (kind, _), result in subject.localization.items()})
        for subject in subjects
    ]
    names = _controls_last(by_model, localization.CONTROLS)
    measures = {key: head for key, head in localization.MEASURES.items() if key != "iou_half"}
    table = _table_of("summary-localization", words.OF_REGIONS, measures, by_model, names, "higher")
    return Block(table, tuple(_finds(by_model, names)))


def _controls_last(by_model: list[tuple[str, Kinds]], controls: tuple[str, ...]) -> list[str]:
    names = sorted({name for _, kinds in by_model for name in kinds})
    return [name for name in names if name not in controls] + [
        name for name in controls if name in names
    ]


def _finds(by_model: list[tuple[str, Kinds]], names: list[str]) -> Iterator[str]:
    """Yield which map finds objects best, against the centred Gaussian, by IoU and by pixels."""
    control = localization.CONTROLS[0]
    maps = [name for name in names if name not in localization.CONTROLS]
    for measure in ("iou", "precision") if control in names and maps else ():
        best, value = _best(by_model, maps, measure)
        if best is None:
            continue
        cells = _against(by_model, best, control, measure)
        ahead = np.mean([cell.value for cell in cells if cell.value is not None] or [0]) > 0
        sentence = words.BEST_MAP if ahead else words.NO_BETTER_MAP
        yield sentence.format(
            best=_short(best),
            measure=localization.MEASURES[measure],
            value=value,
            control=control,
            other=across(kinds[control].get(measure).value for _, kinds in by_model),
            clear=words.DIFFERENCE.format(
                value=across(cell.number for cell in cells) + clear_of(cells)
            ),
        )


def _best(
    by_model: list[tuple[str, Kinds]], maps: list[str], measure: str, sign: int = 1
) -> tuple[str | None, str]:
    """Return the map with the largest (sign -1: smallest) mean of a measure over the models, and its values."""
    values = {
        name: [kinds[name].get(measure).value for _, kinds in by_model if name in kinds]
        for name in maps
    }
    known = {
        name: np.mean(of_map)
        for name, of_map in values.items()
        if of_map and not np.isnan(of_map).any()
    }
    if not known:
        return None, ""
    best = max(known, key=lambda name: sign * known[name])
    return best, across(values[best])


def _against(
    by_model: list[tuple[str, Kinds]], name: str, control: str, measure: str
) -> list[Cell]:
    """Return a map minus a control under the same resamples, a cell a model."""
    return [
        paired.difference(
            kinds[name],
            kinds[control],
            lambda result: result.get(measure).value,
            lambda result: result.replicate(measure),
        )
        for _, kinds in by_model
        if name in kinds and control in kinds
    ]


def _keep(subjects: list[Subject]) -> Block:
    """Return what the score loses with each mask, of the first fill."""
    fills = list(dict.fromkeys(fill for subject in subjects for _, fill in subject.faithfulness))
    fill = "black" if "black" in fills else fills[0]
    by_model = [
        (
            subject.name,
            {kind: r for (kind, name), r in subject.faithfulness.items() if name == fill},
        )
        for subject in subjects
    ]
    controls = tuple(name for name in faithfulness.GENERAL if name != ONES)
    names = [name for name in _controls_last(by_model, controls) if name != ONES]
    table = _table_of(
        *("summary-faithfulness", f"{words.OF_MASKS}, {fill} fill", words.OF_FILL, by_model, names),
        cell=_of_fill,
    )
    return Block(table, tuple(_keeps(by_model, [name for name in names if name not in controls])))


def _of_fill(result: Result, measure: str) -> Cell:
    if not result.has(measure):
        return Cell(note=words.NOT_OF_THIS)
    value, low, high, count = result.get(measure)
    digits = 3 if measure in ("deletion", "insertion") else 2
    return Cell(
        value, low, high, n=count, digits=digits, note="" if count else faithfulness.UNDEFINED
    )


def _keeps(by_model: list[tuple[str, Kinds]], maps: list[str]) -> Iterator[str]:
    """Yield the map of the smallest ADP against a constant of its own mean."""
    best, _ = _best(by_model, maps, "adp", -1)
    if best is None:
        return
    results = [kinds[best] for _, kinds in by_model if best in kinds]
    gain = [
        Cell(
            result.get("adp_equal").value - result.get("adp").value,
            *np.quantile(result.replicate("adp_equal") - result.replicate("adp"), [0.025, 0.975]),
        )
        for result in results
        if result.has("adp_equal") and len(result.replicate("adp_equal"))
    ]
    if not gain:
        return
    better = np.mean([cell.value for cell in gain]) > 0
    sentence = words.FAITHFUL if better else words.UNFAITHFUL
    yield sentence.format(
        best=_short(best),
        value=across((result.get("adp").value for result in results), 2),
        other=across((result.get("adp_equal").value for result in results), 2),
        clear=words.DIFFERENCE.format(value=across((c.number for c in gain), 2) + clear_of(gain)),
    )


def _random(subjects: list[Subject]) -> Block:
    """Return what is left of maps: the null, the first step and everything random."""
    measure = "spearman"
    by_model = [
        (subject.name, {r.feature: r for r in subject.sanity.values() if r.metric == measure})
        for subject in subjects
    ]
    names = sorted({name for _, kinds in by_model for name in kinds})
    steps = list(
        dict.fromkeys(
            str(step)
            for _, kinds in by_model
            for result in kinds.values()
            for step in result.columns["statistic"]
        )
    )
    ends = {step: sanity.step_in_words(step, by_model[0][1]) for step in _ends(steps)}
    table = _table_of("summary-sanity", words.OF_SANITY, ends, by_model, names)
    return Block(table, tuple(_falls(by_model, names, steps)))


def _ends(steps: list[str]) -> list[str]:
    """Return everything at once, the controls, and the first and last step of the cascade."""
    controls = [step for step in steps if ":" not in step]
    full = [step for step in steps if step.startswith("full")]
    cascade = [step for step in steps if step.startswith("cascade")]
    return [*full, *controls, *cascade[:1], *cascade[-1:]]


def _falls(by_model: list[tuple[str, Kinds]], names: list[str], steps: list[str]) -> Iterator[str]:
    last = next((step for step in reversed(steps) if step.startswith(("full", "cascade"))), None)
    if sanity.NULL not in steps or last is None:
        return
    for name in names:
        results = [kinds[name] for _, kinds in by_model if name in kinds]
        yield words.FALLS.format(
            map=_short(name),
            value=across(result.get(last).value for result in results),
            null=across(result.get(sanity.NULL).value for result in results),
        )
