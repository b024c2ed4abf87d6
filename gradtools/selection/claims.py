"""A file of claims and what the stores say of each, as tables take it."""

import dataclasses

SUPPORTED, CONTRADICTED, UNDECIDED = "supported", "contradicted", "undecided"


@dataclasses.dataclass(frozen=True)
class OfModel:
    """The difference of a claim in one model: left minus right, its 95 % interval, and images that would decide it.

    Where a side has no value the difference is NaN, and `lacks` says why.
    """

    model: str
    difference: float
    low: float
    high: float
    images: int
    to_decide: float
    lacks: str = ""


@dataclasses.dataclass(frozen=True)
class Verdict:
    """What the stores say of one claim.

    Attributes
    ----------
    line : int
    claim : str
        As it is written, without its comment.
    name : str
        Empty where the file gives none.
    verdict : one of SUPPORTED, CONTRADICTED, UNDECIDED
    p : float
        Of the side that the verdict is for; of an undecided claim the smaller of both. Not yet corrected over the file.
    models : tuple of OfModel
    lower : bool
        Whether less is better, so that `>` is a worse value.
    lacking : tuple of str
        Models of the stores that it is not about, since no store has its statistic of them.
    resamples : int
        How many would decide an undecided claim that all of the present ones agree on; else 0.
    """

    line: int
    claim: str
    name: str
    verdict: str
    p: float
    models: tuple[OfModel, ...]
    lower: bool
    lacking: tuple[str, ...] = ()
    resamples: int = 0
