"""What decides the values of `similarity`."""

import dataclasses

from gradtools.stages.similarity import map_similarity


@dataclasses.dataclass(frozen=True)
class Options:
    """Options that decide the values, by their names on the command line."""

    feature: tuple[str, ...] = ()
    metric: tuple[str, ...] = ("cosine",)
    rows: str | None = None  # a key of wording.ROWS; by default features.row_default
    where: tuple[str, ...] = ()
    matrix: bool = False
    auc: bool = True
    resamples: int = 1000
    permutations: int = 1000
    seed: int = 0
    leaks: bool = False  # the gradients were taken for the true label: set by `similarity`
    maps: map_similarity.Options = map_similarity.Options()
