"""Sentences + stores -> verdicts: supported, contradicted or undecided, corrected over the file (mathematics#verdicts-of-sentences)."""

import os
import re
from collections.abc import Sequence
from importlib import resources

import numpy as np

from gradtools.errors import GradtoolsError, UsageError, suggest
from gradtools.math.pairs import verdicts
from gradtools.math.pairs.intervals import interval_of, without_rounding
from gradtools.math.pairs.verdicts import LEVEL, Difference
from gradtools.selection.claims import (
    CONTRADICTED,
    SUPPORTED,
    UNDECIDED,
    OfModel,
    Verdict,
)
from gradtools.selection.subjects import Subject
from gradtools.stages.claim import grammar, statistics
from gradtools.stages.claim.grammar import Sentence, Term
from gradtools.stages.claim.statistics import Statistic, Value

SUFFIX = ".claims"
EXIT = {SUPPORTED: 0, CONTRADICTED: 1, UNDECIDED: 4}


def bundled() -> dict[str, str]:
    """Return the claims that ship: name -> first line, which says what they are."""
    folder = resources.files("gradtools.bundled") / "claims"
    files = [item for item in folder.iterdir() if item.name.endswith(SUFFIX)]
    files.sort(key=lambda item: item.name)
    return {
        item.name.removesuffix(SUFFIX): item.read_text(encoding="utf-8").split("\n")[0].lstrip("# ")
        for item in files
    }


def read(path: str) -> list[Sentence]:
    """Read the sentences of a file, or of claims that ship by their name.

    Raises
    ------
    UsageError
        There is no such file, it holds no sentence, or a line is none.
    """
    text = _text(path)
    sentences = grammar.read(text.split("\n"), path)
    if not sentences:
        raise UsageError(f"{path} holds no claim: {grammar.EXAMPLE}")
    return sentences


def _text(path: str) -> str:
    """The text of a file, of standard input, or of claims that ship."""
    if path in bundled():
        folder = resources.files("gradtools.bundled") / "claims"
        return (folder / f"{path}{SUFFIX}").read_text(encoding="utf-8")
    try:
        with open(path if path != "-" else 0, encoding="utf-8-sig") as file:
            return file.read()
    except UnicodeDecodeError as error:
        raise UsageError(f"{path} is not a text file of claims, one a line") from error
    except OSError as error:
        there = suggest(os.path.basename(path), bundled())
        raise UsageError(f"{path}: {error.strerror}; of those that ship, {there}") from error


def judge(sentences: Sequence[Sentence], subjects: Sequence[Subject], file: str) -> list[Verdict]:
    """Judge every sentence of a file.

    Raises
    ------
    UsageError
        A sentence names what no store holds, or the file is too long for the resamples; names file and line.
    """
    hypotheses = 2 * len(sentences)
    asked = []
    try:
        for sentence in sentences:
            asked.append(_differences(sentence, subjects, file))
            _refuse_too_many(hypotheses, [difference for _, difference, _ in asked[-1][1]], file)
    except GradtoolsError as error:
        raise UsageError(str(error)) from error
    p = np.array(
        [
            _p_values(sentence, differences, file)
            for sentence, (_, differences) in zip(sentences, asked)
        ]
    )
    rejected = verdicts.holm(p.ravel().tolist()).reshape(p.shape)
    return [
        _verdict(sentence, *of_sentence, both, holds, hypotheses, _lacking(sentence, subjects))
        for sentence, of_sentence, both, holds in zip(sentences, asked, p, rejected)
    ]


Asked = list[tuple[str, Difference, str]]  # by model; why a side has no value, or ""


def _refuse_too_many(hypotheses: int, differences: Sequence[Difference], file: str) -> None:
    """Stop where the smallest p that resamples can give is above the corrected level."""
    counts = [
        len(difference.replicates)
        for difference in differences
        if difference.resampling != verdicts.HALF_SAMPLES
    ]
    if counts and hypotheses / (min(counts) + 1) > LEVEL:
        needed = int(hypotheses / LEVEL)
        raise UsageError(
            f"{file}: {hypotheses // 2} sentences need {needed} resamples, and the stores have {min(counts)}: "
            f"make them with --resamples {needed}, or split the file"
        )


def _differences(
    sentence: Sentence, subjects: Sequence[Subject], file: str
) -> tuple[tuple[Statistic, float], Asked]:
    """The statistic and bound of a sentence, and left minus right in every model that it is about."""
    place = f"{file}:{sentence.line}"
    statistic = statistics.find(sentence.statistic, place)
    bound = statistic.margin if sentence.bound is None else sentence.bound
    row = statistics.row_of(statistic, sentence.options, sentence.where, place)
    chosen = _models(sentence, subjects, statistic, place)
    terms = [term for term in (sentence.left, sentence.right) if term.number is None]
    if statistic.part == "answers" and len(terms) == 2 and chosen[0][0] is chosen[0][1]:
        raise UsageError(
            f"{place}: both sides are the accuracy of one model: compare it with a number, or of two models "
            "(argmax of A > argmax of B)"
        )
    asked = []
    for left, right in chosen:
        sides = [
            _value(subject, statistic, term, sentence.options, row, place)
            for subject, term in ((left, sentence.left), (right, sentence.right))
        ]
        name = left.name if left is right else f"{left.name}, {right.name}"
        lacks = next((side.lacks for side in sides if isinstance(side, Value) and side.lacks), "")
        asked.append((name, _difference(sides, place), lacks))
    return (statistic, bound), asked


def _models(
    sentence: Sentence, subjects: Sequence[Subject], statistic: Statistic, place: str
) -> list[tuple[Subject, Subject]]:
    """The models of both sides, as often as the sentence is asked."""
    named = [term.model for term in (sentence.left, sentence.right) if term.number is None]
    if any(named) and not all(named):
        raise UsageError(f"{place}: name a model on both sides, or on none")
    if any(named):
        pairs = [_model(name, subjects, place) for name in named]
        first, second = pairs[0], pairs[-1]
        if not first.same_samples(second):
            raise UsageError(f"{place}: {first.name} and {second.name} are of other images")
        return [(first, second)]
    if _of_all(sentence):
        having = [subject for subject in subjects if _has(subject, statistic)]
        return [(subject, subject) for subject in having or subjects[:1]]
    names = sentence.quantifier.split(",")
    return [(subject, subject) for subject in (_model(n.strip(), subjects, place) for n in names)]


def _of_all(sentence: Sentence) -> bool:
    """Return True if a sentence is about all models that there are, or so many of them, and names none."""
    quantifier = sentence.quantifier
    return quantifier in ("all", "any") or re.fullmatch(r"\d+ of n", quantifier) is not None


def _has(subject: Subject, statistic: Statistic) -> bool:
    return statistic.part == "answers" or bool(getattr(subject, statistic.part))


def _lacking(sentence: Sentence, subjects: Sequence[Subject]) -> tuple[str, ...]:
    """The models that a sentence about all is not about, since no store has its statistic of them."""
    if sentence.left.model or sentence.right.model or not _of_all(sentence):
        return ()
    statistic = statistics.find(sentence.statistic, sentence.text)
    return tuple(subject.name for subject in subjects if not _has(subject, statistic))


def _model(name: str, subjects: Sequence[Subject], place: str) -> Subject:
    matches = [subject for subject in subjects if subject.name == name]
    if not matches:
        names = [subject.name for subject in subjects]
        raise UsageError(f"{place}: no model {name!r}; {suggest(name, names)}")
    return matches[0]


def _value(
    subject: Subject,
    statistic: Statistic,
    term: Term,
    options: dict[str, str],
    row: str,
    place: str,
) -> Value | float:
    if term.number is not None:
        return term.number
    return statistics.value(subject, statistic, term.subject, options, row, place)


def _difference(sides: Sequence[Value | float], place: str) -> Difference:
    """Left minus right under the same resamples."""
    values = [side for side in sides if isinstance(side, Value)]
    if len({value.draws for value in values}) > 1:
        raise UsageError(
            f"{place}: the two sides rest on other resamples (another seed, or samples left out): make both stores alike"
        )
    count = min(len(value.replicates) for value in values)
    left, right = (side.value if isinstance(side, Value) else side for side in sides)
    replicates = [
        side.replicates[:count] if isinstance(side, Value) else np.full(count, side)
        for side in sides
    ]
    images = max(value.images for value in values)
    return Difference(
        float(without_rounding(left - right)),
        without_rounding(replicates[0] - replicates[1]),
        images,
        **values[0].rule,
    )


def _least(sentence: Sentence, count: int, place: str) -> int:
    """In how many of the models a sentence is to hold."""
    if sentence.quantifier == "any":
        return 1
    match = re.fullmatch(r"(\d+) of n", sentence.quantifier)
    least = int(match[1]) if match else count
    if not 1 <= least <= count:
        raise UsageError(f"{place}: in {sentence.quantifier}: the stores have {count} models")
    return least


def _p_values(sentence: Sentence, differences: Asked, file: str) -> tuple[float, float]:
    """p of a sentence and of its contrary, over its models."""
    place = f"{file}:{sentence.line}"
    bound = statistics.find(sentence.statistic, place).margin
    bound = bound if sentence.bound is None else sentence.bound
    p = [
        verdicts.p_values(difference, sentence.relation, bound) for _, difference, _ in differences
    ]
    supported, contradicted = zip(*p)
    least = _least(sentence, len(p), place)
    return (
        verdicts.at_least(supported, least),
        verdicts.at_least(contradicted, len(p) - least + 1),
    )


def _verdict(
    sentence: Sentence,
    about: tuple[Statistic, float],
    differences: Asked,
    p: np.ndarray,
    rejected: np.ndarray,
    hypotheses: int,
    lacking: tuple[str, ...],
) -> Verdict:
    statistic, bound = about
    verdict = SUPPORTED if rejected[0] else CONTRADICTED if rejected[1] else UNDECIDED
    return Verdict(
        sentence.line,
        sentence.text,
        sentence.name,
        verdict,
        float(p[1] if verdict == CONTRADICTED else p[0] if verdict == SUPPORTED else p.min()),
        tuple(
            _of_model(name, difference, lacks, sentence.relation, bound, hypotheses)
            for name, difference, lacks in differences
        ),
        statistic.lower,
        lacking,
        _at_floor(p, differences) * int(np.ceil(hypotheses * len(differences) / LEVEL)),
    )


def _at_floor(p: np.ndarray, differences: Asked) -> bool:
    """Return True if no resample of some model is on the other side: more resamples would decide, not more images."""
    if any(difference.resampling == verdicts.HALF_SAMPLES for _, difference, _ in differences):
        return False
    smallest = max(1 / (len(difference.replicates) + 1) for _, difference, _ in differences)
    return bool(p.min() <= smallest * len(differences))


def _of_model(
    name: str, difference: Difference, lacks: str, relation: str, bound: float, hypotheses: int
) -> OfModel:
    drawn = difference.resampling, difference.drawn, difference.drawn_of
    low, high = interval_of(difference.replicates, difference.value, *drawn)
    decide = verdicts.images_to_decide(difference, relation, bound, hypotheses)
    return OfModel(name, difference.value, low, high, difference.images, decide, lacks)


def exit_status(verdicts_of_file: Sequence[Verdict]) -> int:
    """Return 0 where all are supported, 1 where one is contradicted, else 4."""
    kinds = {judged.verdict for judged in verdicts_of_file}
    return EXIT[next(kind for kind in (CONTRADICTED, UNDECIDED, SUPPORTED) if kind in kinds)]
