"""What several stores say of the same images and the same model, put together (architecture#what-several-stores-say)."""

import dataclasses
import os
from typing import NamedTuple

import numpy as np

from gradtools import store
from gradtools.selection import (
    feature_names,
)
from gradtools.selection.answers import Answers
from gradtools.selection.draws import Draws
from gradtools.selection.results import Result
from gradtools.selection.trees import Tree
from gradtools.store import paths

VERDICTS = (
    "spatially_constant",
    "input_independent",
    "parallel",
    "gradient_cancels",
    "activation_cancels",
)


@dataclasses.dataclass
class Subject:
    """One model on one set of samples, and everything the stores hold of it.

    Attributes
    ----------
    name : str
        The model's short name, completed by its weights where two would be equal.
    similarity : dict of (feature, metric) to Result
        Of vectors.
    maps : dict of (feature, metric) to Result
        Of maps.
    augmentation, decoding, retrieval : dict of (feature, 'cosine', 'logistic' or 'retrieval') to Result
    channels : dict of ('channels', table) to Result
    clusters : dict of (feature, method) to Result
    localization, faithfulness, sanity : dict of (map, method, fill or measure) to Result
    audit : dict of (fill, 'summary' or 'flagged') to Result
    trial : dict of (construction, 'methods' or 'measures') to Result
    link, tuning, counterfactual : dict of ("link", kind), ("tuning", table) or ("counterfactual", table) to Result
    projections : dict of feature to ((n, 2) coordinates, (2,) shares of the variance)
    skipped : int
        Images that could not be read when the features were made.
    ended_early : int
        Images whose files end early, read as far as they go.
    unit : str
        What a sample is: image, class or channel.
    answers : Answers or None
    draws : Draws or None
        Of samples that are there because the network recognised them, which have no answers.
    trees : dict of feature to Tree
    comparison, moved : Result or None
        What `compare` measured.
    features : list of str
        Features of the samples that the stores hold.
    verdicts : dict of tap to dict
        What its gradients can know: `VERDICTS`.
    map_names : list of str
        Maps that the stores hold, and `map_count` of each.
    row_length : int
        Numbers in a class's row, where the samples are classes.
    nearest : dict of feature to list of (name, value)
        Of one sample, itself first (`neighbors --of`).
    stores : list of str
    """

    name: str
    key: tuple
    model: dict
    taps: dict
    order: list
    labels: np.ndarray
    class_names: list
    predicted: np.ndarray | None
    similarity: dict = dataclasses.field(default_factory=dict)
    maps: dict = dataclasses.field(default_factory=dict)
    augmentation: dict = dataclasses.field(default_factory=dict)
    decoding: dict = dataclasses.field(default_factory=dict)
    retrieval: dict = dataclasses.field(default_factory=dict)
    channels: dict = dataclasses.field(default_factory=dict)
    clusters: dict = dataclasses.field(default_factory=dict)
    localization: dict = dataclasses.field(default_factory=dict)
    faithfulness: dict = dataclasses.field(default_factory=dict)
    sanity: dict = dataclasses.field(default_factory=dict)
    trial: dict = dataclasses.field(default_factory=dict)
    audit: dict = dataclasses.field(default_factory=dict)
    link: dict = dataclasses.field(default_factory=dict)
    tuning: dict = dataclasses.field(default_factory=dict)
    counterfactual: dict = dataclasses.field(default_factory=dict)
    projections: dict = dataclasses.field(default_factory=dict)
    skipped: int = 0
    ended_early: int = 0
    unit: str = "image"
    answers: Answers | None = None
    draws: Draws | None = None
    trees: dict[str, Tree] = dataclasses.field(default_factory=dict)
    comparison: Result | None = None
    moved: Result | None = None
    features: list[str] = dataclasses.field(default_factory=list)
    verdicts: dict[str, dict] = dataclasses.field(default_factory=dict)
    map_names: list[str] = dataclasses.field(default_factory=list)
    map_count: int = 0
    row_length: int = 0
    nearest: dict[str, list[tuple[str, float]]] = dataclasses.field(default_factory=dict)
    stores: list[str] = dataclasses.field(default_factory=list)

    def same_samples(self, other: "Subject") -> bool:
        """Return True if two models saw the same images under the same labels."""
        return (self.key[0], self.key[2]) == (other.key[0], other.key[2])


def short_name(spec: str) -> str:
    """Return the part of a model's name that is its own: a callable's or an architecture's."""
    return os.path.basename(str(spec)).rsplit(":", 1)[-1]


def role(subject: Subject, feature: str) -> str:
    """Return a feature's name that means the same in every model (`feature_names.role`)."""
    return feature_names.role(subject.taps, feature)


class Verdicts(NamedTuple):
    """Verdicts of the head probe for each tap, by the names of `VERDICTS`, and the default tap of `gradient`."""

    of_taps: dict[str, dict]
    default: str


def verdicts_of(source: store.Store) -> Verdicts:
    """Return the verdicts of the head probe on a store's gradients."""
    facts = {tap: source.attributes(paths.tap(tap)) for tap in source.taps}
    of_taps = {
        tap: {name: known[name] for name in VERDICTS if name in known}
        for tap, known in facts.items()
    }
    return Verdicts(of_taps, str(source.attributes(paths.TAPS).get("default_gradient", "")))
