"""Names, globs and near names, over lists written by hand."""

import os
import random

import pytest

from gradtools.errors import UsageError, near_names, some, suggest
from gradtools.selection import names
from gradtools.selection.names import quoted, unquoted

TAPS = ["layer1", "layer2", "layer2.conv", "layer[3]"]


@pytest.mark.parametrize(
    ("request_", "expected"),
    [
        ("layer2", ["layer2"]),
        ("layer[3]", ["layer[3]"]),  # a name comes before a glob
        ("layer[12]", ["layer1", "layer2"]),
        ("*2*", ["layer2", "layer2.conv"]),
        ("Layer2", []),
        ("layer", []),
    ],
)
def test_a_request_is_a_name_or_else_a_glob(request_, expected):
    assert names.match(request_, TAPS) == expected


def test_every_name_comes_once_in_the_order_of_the_requests():
    short = {"last": TAPS[-1:]}
    resolved = names.resolve(
        ("layer2.conv", "last", "layer[12]", "*"), TAPS, str, lambda request: short.get(request, [])
    )
    assert resolved == ["layer2.conv", "layer[3]", "layer1", "layer2"]
    assert names.resolve((), TAPS, str) == []


def test_a_request_that_stands_for_nothing_is_refused_with_near_names():
    with pytest.raises(UsageError, match=r"^no tap layer4; did you mean .*layer1"):
        names.resolve(("layer1", "layer4"), TAPS, lambda request: f"no tap {request}")


def test_near_names_hold_the_text_or_else_resemble_it():
    known = ["Dungeness crab", "king_crab", "collie", "crane"]
    assert near_names("CRAB", known) == ["Dungeness crab", "king_crab"]
    assert near_names("kingcrab", known) == ["king_crab"]
    assert near_names("coly", known) == ["collie"]
    assert near_names("crab", known, 1) == ["Dungeness crab"]
    assert near_names("", known) == near_names("xyz", known) == []


def test_errors_end_with_near_names_or_some_of_all():
    numbers = [f"n{number}" for number in range(9)]
    assert suggest("n", ["node", "xx"]) == "did you mean node?"
    assert suggest("zzz", numbers) == "there are n0, n1, n2, n3, n4, n5 and 3 more"
    assert some(numbers[:6]) == "n0, n1, n2, n3, n4, n5"
    assert suggest("zzz", []) == "there are none"


@pytest.mark.parametrize(
    "name, line",
    [
        (b"plain name.png", "plain name.png"),
        ("ü.png".encode(), "ü.png"),
        (b"back\\slash.png", "back\\slash.png"),
        (b"a\nb.png", r'"a\nb.png"'),
        (b'say "a"\t.png', r'"say \"a\"\t.png"'),
        (b'"a".png', r'"\"a\".png"'),
        (b"caf\xe9.png", r'"caf\351.png"'),
        (b"\x1b[31m\\.png", r'"\033[31m\\.png"'),
        (b" led", '" led"'),
        (b"", '""'),
    ],
)
def test_ids_are_lines_as_git_writes_names(name, line):
    name = os.fsdecode(name)
    assert quoted(name) == line and unquoted(line) == name


def test_any_bytes_come_back_from_their_line():
    rng = random.Random(0)
    for _ in range(2000):
        pool = b'\\\\""\n\r\t n017' + bytes(range(256))
        name = os.fsdecode(bytes(rng.choice(pool) for _ in range(rng.randrange(9))))
        line = quoted(name)
        assert unquoted(line) == name and line.isprintable() and line == line.strip()
