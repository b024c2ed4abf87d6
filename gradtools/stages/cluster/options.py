"""What decides the values of `cluster`."""

import dataclasses

METHODS = ("kmeans", "gmm", "agglomerative")
MIXTURE_STARTS = 5  # at most: expectation-maximisation is slow


@dataclasses.dataclass(frozen=True)
class Options:
    """Options that decide the values, by their names on the command line."""

    feature: tuple[str, ...] = ()
    method: tuple[str, ...] = ("kmeans", "gmm")
    where: tuple[str, ...] = ()
    k: int | None = None
    pca: int = 0
    normalize: str = "unit"
    n_init: int = 10
    covariance: str = "auto"
    linkage: str = "ward"
    seed: int = 0
    repeats: int = 10
    intervals: bool = True
    resamples: int | None = None  # half samples; by default half_samples.number_of_halves

    @property
    def covariance_of_mixtures(self) -> str:
        """'diag' in the full dimension, 'full' after PCA, unless one is asked for (mathematics#clustering-methods)."""
        return self.covariance if self.covariance != "auto" else ("full" if self.pca else "diag")

    @property
    def mixture_starts(self) -> int:
        """Starts of a mixture."""
        return min(self.n_init, MIXTURE_STARTS)
