"""Sentences over stored rows, read from a text file: one a line.

file       = { [ claim ] [ "#" comment ] newline } ;
claim      = [ name "=" ] statistic [ "[" option { "," option } "]" ] [ "where" condition { "and" condition } ]
             ":" term relation term [ bound ] [ "in" quantifier ] ;
option     = key "=" value ;
number     = digits, perhaps with sign, point and power of ten ;
term       = number | subject [ "of" model ] ;
relation   = ">" | "<" | "==" ;
bound      = "by" number | "within" number ;
quantifier = "all" | "any" | whole "of" "n" | model { "," model } ;
"""

import re
from collections.abc import Iterator
from typing import NamedTuple

from gradtools.errors import UsageError

SENTENCE = re.compile(
    r"""(?:(?P<name>[\w.-]+)\s*=\s*)?
        (?P<statistic>[a-z][\w-]*)\s*
        (?:\[(?P<options>[^\]]*)\])?\s*
        (?:where\s+(?P<where>.+?))?\s*
        :\s+(?P<body>.+)""",
    re.X,
)
BODY = re.compile(
    r"""(?P<left>.+?)\s+(?P<relation>>|<|==)\s+(?P<right>.+?)
        (?:\s+(?P<word>by|within)\s+(?P<bound>\S+))?
        (?:\s+in\s+(?P<quantifier>.+))?""",
    re.X,
)
NUMBER = re.compile(
    r"[+-]?(?:(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:e[+-]?[0-9]+)?|nan|inf|infinity)", re.I
)  # the last three to be refused
LONGEST = 1_000  # characters of a sentence
LARGEST = 1e9  # of a number: no statistic reaches it
COMMENT = re.compile(r"(^|\s)#.*$")
EXAMPLE = "write as in pair-auc: gradient > activation"


class Term(NamedTuple):
    """A number, or a subject of the stores, perhaps of one model."""

    subject: str
    model: str = ""
    number: float | None = None

    def __str__(self) -> str:
        return f"{self.subject} of {self.model}" if self.model else self.subject


class Sentence(NamedTuple):
    """A claim: left > right by at least `bound`, or == within it (None: the statistic's margin), in `quantifier` of the models."""

    line: int
    text: str
    name: str
    statistic: str
    options: dict[str, str]
    where: tuple[str, ...]
    left: Term
    right: Term
    relation: str
    bound: float | None
    quantifier: str


def read(lines: list[str], file: str) -> list[Sentence]:
    """Read the sentences of a file.

    Raises
    ------
    UsageError
        A line is not a sentence; names file and line.
    """
    return list(_sentences(lines, file))


def _sentences(lines: list[str], file: str) -> Iterator[Sentence]:
    for number, line in enumerate(lines, 1):
        text = COMMENT.sub("", line).strip()
        if text:
            yield _sentence(text, number, f"{file}:{number}")


def _sentence(text: str, number: int, place: str) -> Sentence:
    if len(text) > LONGEST:
        raise UsageError(
            f"{place}: a line of {len(text):,} characters is not a sentence: {EXAMPLE}"
        )
    match = SENTENCE.fullmatch(text)
    body = match and BODY.fullmatch(match["body"])
    if not match or not body:
        raise UsageError(f"{place}: {text!r} is not a sentence: {EXAMPLE}")
    relation = body["relation"]
    if body["word"] and (body["word"] == "within") != (relation == "=="):
        raise UsageError(f"{place}: by goes with > and <, within with ==")
    left, right = _term(body["left"], place), _term(body["right"], place)
    if relation == "<":
        left, right, relation = right, left, ">"
    if left.number is not None and right.number is not None:
        raise UsageError(f"{place}: two numbers need no stores: {EXAMPLE}")
    bound = None if body["bound"] is None else _bound(body["bound"], place)
    return Sentence(
        number,
        text,
        match["name"] or "",
        match["statistic"],
        _options(match["options"], place),
        tuple(part.strip() for part in re.split(r"\s+and\s+", match["where"] or "") if part),
        left,
        right,
        relation,
        0.0 if bound is None and relation == ">" else bound,
        (body["quantifier"] or "all").strip(),
    )


def _options(text: str | None, place: str) -> dict[str, str]:
    options = {}
    for part in filter(None, (part.strip() for part in (text or "").split(","))):
        key, equals, value = part.partition("=")
        if not equals:
            raise UsageError(
                f"{place}: [{part}] is not an option: write key=value, as in [method=gmm]"
            )
        if key.strip() in options:
            raise UsageError(f"{place}: the option {key.strip()} stands there twice: leave one out")
        options[key.strip()] = value.strip()
    return options


def _bound(text: str, place: str) -> float:
    """The number behind `by` or `within`."""
    number = _number(text, place)
    if number is None or number < 0:
        raise UsageError(
            f"{place}: {text!r} is not a bound: write a number from 0 on, as in by .05"
        )
    return number


def _number(text: str, place: str) -> float | None:
    """A number; None where a text is none, as a subject's name is."""
    if not NUMBER.fullmatch(text):
        return None
    number = float(text)
    if not abs(number) <= LARGEST:
        raise UsageError(f"{place}: {text!r} is not a value that a statistic can have")
    return number


def _term(text: str, place: str) -> Term:
    """A number, or `subject [of model]`; a name with spaces stands in double quotes."""
    if (number := _number(text, place)) is not None:
        return Term(text, number=number)
    match = re.fullmatch(r'(?:"([^"]+)"|(\S+))(?:\s+of\s+(\S+))?', text)
    if not match:
        raise UsageError(
            f"{place}: {text!r} is not a subject: a name with spaces needs double quotes"
        )
    return Term(match[1] or match[2], match[3] or "")
