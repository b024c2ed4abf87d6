"""The mean cosine distance of the gradient weights of images of one class, as a term of a training loss."""

import torch
from torch.nn import functional

from gradtools.errors import GradtoolsError


def gradient_similarity(
    scores: torch.Tensor, tap: torch.Tensor, labels: torch.Tensor, tau: float = 1e-12
) -> torch.Tensor:
    """Return the mean over pairs of one class of 1 - cos of their gradient weights, differentiable.

    Grad-CAM's weights of an image are the mean over positions of its score's gradient at the tap. Adding this term to a loss
    pulls the reasons for a class together. At the output of the last block of a network that ends in pooling and a
    linear layer, with the label as target, a gradient is the class's row of weights whatever the image: the term is 0 there and
    trains nothing; take a tap with a nonlinearity behind it.

    Parameters
    ----------
    scores : (B,) tensor
        One score an image, as in logits[arange(B), labels]; its graph must reach the tap. Images must not meet in the network
        (BatchNorm in training mode lets them; the gradient is then that of the batch).
    tap : (B, C, H, W) or (B, C) tensor
        An activation that the scores were computed from.
    labels : (B,) int tensor
    tau : float
        Least norm: a row of zeros has no direction, and leaves its pairs out.

    Returns
    -------
    scalar tensor
        In 0..2; 0 with no pair of one class. Its graph goes to the parameters (create_graph).

    Raises
    ------
    GradtoolsError
        The shapes differ, or the scores do not depend on the tap.

    References
    ----------
    mathematics#gradient-similarity-as-a-loss
    """
    if scores.shape != labels.shape or scores.ndim != 1 or len(tap) != len(scores):
        raise GradtoolsError(
            f"one score, tap and label an image: got {tuple(scores.shape)}, {tuple(tap.shape)}, {tuple(labels.shape)}"
        )
    gradient = _gradient(scores, tap)
    weights = gradient.flatten(2).mean(-1) if gradient.ndim > 2 else gradient  # (B, C)
    known = weights.norm(dim=1) > tau
    unit = functional.normalize(weights[known], eps=tau)
    kept = labels[known]
    same = (kept[:, None] == kept).triu(1)
    if not same.any():
        return (weights * 0).sum()
    return (1 - unit @ unit.T)[same].mean()


def _gradient(scores: torch.Tensor, tap: torch.Tensor) -> torch.Tensor:
    """Return the gradient of every image's score at the tap, with a graph of its own."""
    try:
        return torch.autograd.grad(scores.sum(), tap, create_graph=True)[0]
    except RuntimeError as error:
        raise GradtoolsError(
            f"the scores do not depend on the tap through a graph: keep the tensor that the network computed ({error})"
        ) from error
