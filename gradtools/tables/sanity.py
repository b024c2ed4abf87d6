"""Tables of sanity: how alike maps stay when the network's parameters are made random, the other image's map beside them."""

from collections.abc import Iterable, Iterator, Sequence

from gradtools.selection.results import Result
from gradtools.selection.subjects import Subject
from gradtools.tables.model import Cell, Table, notes_on_few
from gradtools.tables.wording import on_files

MEASURES = {
    "spearman": "Spearman's correlation with the trained network's map",
    "absolute": "Spearman's correlation of absolute values with the trained network's",
    "ssim": "SSIM with the trained network's map",
    "hog": "correlation of histograms of oriented gradients with the trained network's map",
}
BETTER = "lower is better, down to the null"
NULL, NULL_ROW = "null", "trained map of another image"
BESIDE = {
    NULL: NULL_ROW,
    "second class": "trained, second class",
    "middle class": "trained, middle class",
    "activation sum": "trained, sum of activations",
}
NO_SUM = "the map is of the input, where there are no activations, or the network has fewer classes"
NOTES = (
    "A map that hangs on what the network has learned falls to its null as parameters are made random, from the output "
    "down; one that stays above it shows something that needs no learning.",
    f"{NULL_ROW}: the null, what maps of one method have in common whatever they show.",
    "second and middle class: the trained network's map of another class of the image.",
    "Means over images and networks; [low, high]: 95 % of resampled images; ±: over networks.",
)


def build(subjects: Sequence[Subject]) -> Iterator[Table]:
    """Yield the tables that the stores can fill."""
    return tables((subject.name, list(subject.sanity.values())) for subject in subjects)


def tables(measured: Iterable[tuple[str, list[Result]]]) -> Iterator[Table]:
    """Yield one table for each measure: a row a step, a column a map, the null last.

    Parameters
    ----------
    measured : iterable of (model, list of Result)
    """
    models = [(model, results) for model, results in measured if results]
    for measure, words in MEASURES.items():
        rows: list[dict] = []
        columns = ["model", "random"]
        for model, results in models:
            of_measure = [result for result in results if result.metric == measure]
            columns += [name for name in map(_head, of_measure) if name not in columns]
            rows += _rows(model, of_measure)
        if rows:
            facts = models[0][1][0].facts
            title = f"{words}, {BETTER}: {facts['images_in_all']} images, {facts['seeds']} networks a row"
            if facts.get("init", "torch") != "torch":
                title += f", drawn as {facts['init']}"
            notes = (*NOTES, *_on_files(models)) if measure == "spearman" else ()
            notes = (*notes, *notes_on_few(rows))
            yield Table(f"sanity-{measure}", title, columns, rows, notes)


def _on_files(models: list[tuple[str, list[Result]]]) -> Iterator[str]:
    """Yield what is said of files that could not be read, or in part."""
    for model, results in models:
        facts = results[0].facts
        yield from on_files(model, int(facts.get("skipped", 0)), int(facts.get("ended_early", 0)))


def _head(result: Result) -> str:
    """Return the column of a map."""
    return result.feature.removeprefix("map:")


def _rows(model: str, results: list[Result]) -> list[dict]:
    """Return the rows of one model: every mode and step, then the null."""
    rows: list[dict] = []
    if not results:
        return rows
    longest = max(results, key=lambda result: len(result.columns["statistic"]))
    for place, statistic in enumerate(longest.columns["statistic"]):
        mode, _, step = statistic.partition(":")
        group = longest.columns["group"][place]
        row: dict = {"model": model, "random": words_of(mode, step, str(group))}
        for result in results:
            value, low, high, count = result.get(statistic)
            here = list(result.columns["statistic"])
            spread = (
                float(result.columns["spread"][here.index(statistic)])
                if statistic in here
                else None
            )
            row[_head(result)] = Cell(value, low, high, spread=spread, n=count, why=NO_SUM)
        rows.append(row)
    return rows


def step_in_words(statistic: str, results: dict[str, Result]) -> str:
    """Return what is random in a row of a stored table."""
    for result in results.values():
        if result.has(statistic):
            place = list(result.columns["statistic"]).index(statistic)
            mode, _, step = statistic.partition(":")
            return words_of(mode, step, str(result.columns["group"][place]))
    return statistic


def words_of(mode: str, step: str | int, group: str) -> str:
    """Say what is random, or what stands beside."""
    if step == "":
        return BESIDE[mode]
    if mode == "full":
        return "everything"
    return group if mode in ("independent", "labels") or int(step) == 0 else f"+ {group}"
