"""What decides the values of an import."""

import dataclasses


@dataclasses.dataclass(frozen=True)
class Options:
    """What decides the values, by the options' names."""

    feature: tuple[str, ...] = ()  # keys that are features; by default all that can be
    about: tuple[tuple[str, str], ...] = ()  # what a feature is of, in words
    model: str = "imported"
    unit: str = "image"
    label_map: str | None = None
    labels_in_order: bool = False
    images: str | None = None
    matrix: str | None = None
    metric: str = "similarity"
    resamples: int = 1000
    seed: int = 0
