"""Samples of a generator that are there because the classifier recognised them: their answers are right by construction."""

import json
from typing import NamedTuple

from gradtools.store import Store


class Draws(NamedTuple):
    """How many draws were recognised, of how many; 0 of 0 where the label of a sample is the network's own answer."""

    recognised: int
    drawn: int


def read(source: Store) -> Draws | None:
    """Return the draws that a store's samples were chosen from; None where its labels owe nothing to the network."""
    for line in source.history_lines():
        facts = json.loads(line)
        if "draws" in facts:
            return Draws(int(facts["recognised"]), int(facts["draws"]))
    return None
