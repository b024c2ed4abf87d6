"""What decides the values of `similarity`."""

import dataclasses

from gradtools.stages.similarity import map_similarity


@dataclasses.dataclass(frozen=True)
class Options:
    """What decides the values."""

    features: tuple = ()
    metrics: tuple = ("cosine",)
    rows: str | None = None  # how rows are normalised: post, raw, gauge; by default features.row_default
    where: tuple = ()
    matrix: bool = False
    auc: bool = True
    resamples: int = 1000
    permutations: int = 1000
    seed: int = 0
    leaks: bool = False  # the gradients were taken for the true label: set by `similarity`
    maps: map_similarity.Options = map_similarity.Options()
