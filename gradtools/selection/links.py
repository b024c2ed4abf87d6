"""A link, read from its store: the map, the pairs that its figures rest on, and what its units were seen to do."""

import dataclasses

import numpy as np

from gradtools.errors import GradtoolsError
from gradtools.store import Store, paths


@dataclasses.dataclass(frozen=True)
class Link:
    """What `tune` and `counterfactual` need of a link.

    Attributes
    ----------
    coef : (d, D) float64 array
    intercept : (d,) float64 array
    w, r : (N, d), (N, D) float64 arrays
        The pairs.
    label, predicted : (N,) int arrays
    held : (N,) bool array
        Pairs that the fit has not seen.
    low, high : (D,) float64 arrays
        Least and largest value of each unit over all pairs.
    names : list of str
        Of the classes.
    member : (G, K) u8 array
    generator, generator_sha256 : str
    psi : float
    tap : str
        Where latents are read and set: w, z, or a name of the generator's.
    classes : (G,) int array
        The generator's number of each class.
    """

    coef: np.ndarray
    intercept: np.ndarray
    w: np.ndarray
    r: np.ndarray
    label: np.ndarray
    predicted: np.ndarray
    held: np.ndarray
    low: np.ndarray
    high: np.ndarray
    names: list[str]
    member: np.ndarray
    generator: str
    generator_sha256: str
    psi: float
    tap: str
    classes: np.ndarray

    def latent(self, r: np.ndarray) -> np.ndarray:
        """Return w~ (N, d) of r (N, D)."""
        return np.asarray(r, np.float64) @ self.coef.T + self.intercept

    def answered(self, logits: np.ndarray) -> np.ndarray:
        """Return the generator's class (N,) that logits (N, K) answer, among those of the link."""
        known = np.where(self.member[None] != 0, logits[:, None], -np.inf)
        return self.classes[known.max(2).argmax(1)]


def read(source: Store) -> Link:
    """Read the link of an open store.

    Raises
    ------
    GradtoolsError
        It holds none.
    """
    coef = source.values(paths.LINK_COEF)
    if coef is None:
        raise GradtoolsError(f"{source.name} holds no link: gradtools link makes one")
    facts, r = source.attributes(paths.LINK), source.needed(paths.EMBEDDING).astype(float)
    return Link(
        coef.astype(float),
        source.needed(paths.LINK_INTERCEPT).astype(float),
        source.needed(paths.LINK_W).astype(float),
        r,
        source.labels,
        source.needed(paths.PREDICTED),
        source.needed(paths.LINK_HELD) != 0,
        r.min(0),
        r.max(0),
        list(source.class_names),
        source.needed(paths.MEMBER),
        str(facts["generator"]),
        str(facts["generator_sha256"]),
        float(facts["psi"]),
        str(facts["latent"]),
        np.asarray(facts["classes"], int),
    )


def examples(link: Link, count: int, seed: int) -> np.ndarray:
    """Return rows of held-out pairs that are tuned, the classes in turn, drawn by the seed.

    Raises
    ------
    GradtoolsError
        There are fewer.
    """
    rows = np.random.default_rng([seed, 4]).permutation(np.flatnonzero(link.held))
    if len(rows) < count:
        raise GradtoolsError(
            f"the link holds {len(rows)} held-out pairs, fewer than {count}: ask for fewer, or draw more with gradtools link --per-class"
        )
    rank = np.zeros(len(rows), int)
    for label in np.unique(link.label[rows]):
        of_class = np.flatnonzero(link.label[rows] == label)
        rank[of_class] = np.arange(len(of_class))
    return rows[np.lexsort((link.label[rows], rank))[:count]]
