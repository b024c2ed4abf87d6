"""Every public function says what it does, and every public class what it is.

The first word of a function's docstring is a verb in the imperative ("Return the row.", not "Returns the
row." and not "The row."). Words that are nouns as well ("score", "group") count as verbs unless what
follows makes them nouns ("Score of an image"). A property is read like a value and a class is a thing, so
these may open with a noun; they need a docstring all the same.
"""

import ast
import re

import pytest
import sources
from conftest import ROOT

PACKAGE = ROOT / "gradtools"
VERBS = set(
    """
    accumulate add align allow append apply approximate arrange ask assemble assign attach
    average begin bend blend bracket bring build call carry centre change check choose clear
    clip close cluster collect colour combine compare complete compute concatenate connect
    convert copy correlate count crop cut decide decode delete describe digest disable discard
    divide draw drop embed encode enter estimate evaluate examine exclude expand explain export
    extract fill filter find finish fit flatten fold follow forget format fuse gather give go
    group guard halve hand hold import infer initialise insert interpolate invert iterate join
    judge keep label lay leave let limit link list load locate lock look lower make map mark
    mask match measure merge move multiply name normalise note number observe open order pack
    pad pair parse pass permute pick place plan plot pool prepare print probe process project
    prove put raise randomise rank reach read rebuild record reduce refuse register reject
    release remove rename reorder repeat replace report request require resample reserve reset
    reshape resize resolve restore resume return reverse rotate round run sample save say scale
    scan score search select send separate set share shift shorten show shuffle sign simulate
    skip sort split spool stack standardise start stop store subtract sum swap sync take tally
    test trace train transform translate try tune turn unpack update use validate verify wait
    walk warn watch weigh wrap write yield
    """.split()
)
NOUNS = set(  # verbs that are nouns as well
    """
    average build call change cluster copy count crop cut digest draw drop estimate export figure filter
    fit gather group hand import judge keep label leave limit link list lock look map mark mask match
    measure merge move name note number order pack pair place plan plot pool print probe process project
    range rank read record release report request reverse round run sample save scale
    score search set share shift show sign sort split stack start stop store sum swap tally test trace
    transform try turn use wait walk watch wrap
    """.split()
)
INHERITED = {  # methods that a library calls, documented where they come from
    "forward",
    "format_commands",
    "get_command",
    "list_commands",
    "resolve_command",
}
NOUN = re.compile(r"\w+(,|:| (of|and|or|in|at|is|are|between|per)\b)")


def public(node):
    """(name, docstring or None, whether it must say what it does) of what a file has in public."""
    for child in node.body:
        if not isinstance(child, ast.FunctionDef | ast.ClassDef) or (
            child.name.startswith("_") or child.name in INHERITED
        ):
            continue
        named = isinstance(child, ast.ClassDef) or any(
            "property" in ast.unparse(decorator) for decorator in child.decorator_list
        )
        yield child.name, ast.get_docstring(child), not named
        if isinstance(child, ast.ClassDef):
            yield from public(child)


def imperative(text):
    """Whether a docstring's first words are a verb in the imperative."""
    first = re.match(r"[A-Z][a-z]+\b", text)
    word = first[0].lower() if first else ""
    return word in VERBS and not (word in NOUNS and NOUN.match(text))


def failures(path):
    """What breaks the rule in a file: a line each, 'name: first line'."""
    for name, text, acts in public(sources.tree(path)):
        if text is None or (acts and not imperative(text)):
            yield f"{name}: {(text or 'no docstring').splitlines()[0]}"


def test_the_rule_finds_what_it_is_for():
    good = [
        "Return the row.",
        "Score each image.",
        "Group rows by class.",
        "Measure it, and say so.",
    ]
    bad = [
        "Returns the row.",
        "The row.",
        "A row.",
        "Score of each image.",
        "Group of a tap, or its dataset.",
        "Scale and shift of each channel.",
        "Order, defaults and verdicts.",
        "Whether a row is zero.",
        "Reading a row.",
        "return the row",
        "(N,) int: the row.",
        "`Rows` of a store.",
    ]
    assert [text for text in good if not imperative(text)] == []
    assert [text for text in bad if imperative(text)] == []


@pytest.mark.parametrize(
    "path", sorted(PACKAGE.rglob("*.py")), ids=lambda path: str(path.relative_to(PACKAGE))
)
def test_public_functions_say_what_they_do(path):
    assert not list(failures(path))
