"""What `gradtools verify` finds, as its table takes it."""

from typing import NamedTuple


class Difference(NamedTuple):
    """One thing that is not as it should be: a cell, a store, an image, weights or a row; where, and what."""

    kind: str
    where: str
    what: str
