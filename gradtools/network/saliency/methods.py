"""The equations: from activations and gradients at a tap to raw maps, before ReLU, resize and normalisation.

Symbols as in mathematics#notation: A (N, C, H, W) the activation of a tap, G the gradient of the score there, of the same shape. Maps are (N, H, W).
"""

import torch


def gradcam(A: torch.Tensor, G: torch.Tensor) -> torch.Tensor:
    """Return Grad-CAM: sum_k alpha_k A_k, alpha_k = mean_ij G_kij; signed.

    Parameters
    ----------
    A, G : (N, C, H, W) tensors
        Activation at a tap, and gradient of the score there.

    Returns
    -------
    (N, H, W) tensor

    References
    ----------
    Selvaraju et al. 2017, eq. 1 and 2 before the ReLU; mathematics#grad-cam.
    """
    return _weighted(weights(G), A)


def hirescam(A: torch.Tensor, G: torch.Tensor) -> torch.Tensor:
    """Return HiResCAM: sum_k G_k o A_k; signed.

    Parameters
    ----------
    A, G : (N, C, H, W) tensors

    Returns
    -------
    (N, H, W) tensor

    References
    ----------
    Draelos and Carin 2020, eq. 5; mathematics#hirescam.
    """
    return (G * A).sum(1)


def gam(A: torch.Tensor, G: torch.Tensor) -> torch.Tensor:
    """Return the Gradient Activation Map (GAM) of one layer: sum_k ReLU(G_k) o ReLU(A_k); never negative.

    References
    ----------
    arXiv 2109.00951, eq. 1 before resize and NRM; mathematics#gam-and-layercam.
    """
    return (G.relu() * A.relu()).sum(1)


def layercam(A: torch.Tensor, G: torch.Tensor) -> torch.Tensor:
    """Return LayerCAM: sum_k ReLU(G_k) o A_k; negative only where activations are.

    References
    ----------
    Jiang et al. 2021, eq. 5 and 6 before the ReLU; mathematics#gam-and-layercam.
    """
    return (G.relu() * A).sum(1)


def activation(A: torch.Tensor, G: torch.Tensor) -> torch.Tensor:
    """Return the sum of the activations, a control that does not depend on the class (mathematics#class-discrimination).

    Parameters
    ----------
    A, G : (N, C, H, W) tensors
        G is not used.

    Returns
    -------
    (N, H, W) tensor
    """
    return A.sum(1)


def positive_gradients(A: torch.Tensor, G: torch.Tensor) -> torch.Tensor:
    """Return the accumulated positive gradients, sum_k ReLU(G_k): GAM without the activations (figure 2 of the paper)."""
    return G.relu().sum(1)


def negative_gradients(A: torch.Tensor, G: torch.Tensor) -> torch.Tensor:
    """Return the accumulated sizes of the negative gradients, sum_k ReLU(-G_k): what GAM's ReLU leaves out (figure 2 of the paper)."""
    return (-G).relu().sum(1)


POLE = 0.01  # distance of 2 + g S from 0 within which a small change of the input moves the map by tens of percent


def gradcam_plus_plus(
    A: torch.Tensor, G: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Return Grad-CAM++ without its factor exp(s): weight_k = sum_ij ReLU(G_kij) / (2 + G_kij S_k), S_k = sum_ab A_kab.

    Y = exp(s) cancels in the alphas and scales the map by one number; where G is 0, so is the weight.

    Returns
    -------
    maps : (N, H, W) tensor
    undefined : (N,) int64 tensor
        Entries with G > 0 whose denominator is not above 0 (at taps before a ReLU): their weight is taken as 0.
    near_pole : (N,) int64 tensor
        Entries with G > 0 whose denominator is within POLE of 0, on either side.

    References
    ----------
    Chattopadhay et al. 2018, eq. 10 and 19; mathematics#grad-cam-plus-plus.
    """
    denominators = 2 + G * A.sum((2, 3), keepdim=True)
    rising, defined = G > 0, denominators > 0
    alphas = torch.where(rising & defined, G / torch.where(defined, denominators, 1), 0)
    undefined, near = rising & ~defined, rising & (denominators.abs() <= POLE)
    return _weighted(_sum(alphas), A), undefined.sum((1, 2, 3)), near.sum((1, 2, 3))


def gradcam_plus_plus_literal(
    A: torch.Tensor, G: torch.Tensor, score: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return Grad-CAM++ as printed, with Y = exp(s) in the network's own precision: it overflows where s is large.

    Parameters
    ----------
    A, G : (N, C, H, W) tensors
    score : (N,) tensor

    Returns
    -------
    maps : (N, H, W) tensor
        Zero for the images whose weights overflow.
    undefined : (N,) int64 tensor
        Entries whose weight is no number.

    References
    ----------
    mathematics#grad-cam-plus-plus: Y'' = e^s g^2, Y''' = e^s g^3, a = Y'' / (2 Y'' + sum A Y'''), weight_k = sum_ij a ReLU(e^s g).
    """
    Y = score.to(G).exp()[:, None, None, None]
    second, third = Y * G**2, Y * G**3
    a = torch.where(G == 0, 0, second / (2 * second + A.sum((2, 3), keepdim=True) * third))
    alphas = a * (Y * G).relu()
    undefined = (~alphas.isfinite()).sum((1, 2, 3))
    maps = _weighted(_sum(alphas.nan_to_num(0, 0, 0)), A)
    return torch.where((undefined == 0)[:, None, None] & maps.isfinite(), maps, 0), undefined


def largest_channel(G: torch.Tensor) -> torch.Tensor:
    """Return the gradient at the input: max_k |G_k|.

    Parameters
    ----------
    G : (N, C, H, W) tensor

    Returns
    -------
    (N, H, W) tensor

    References
    ----------
    Simonyan et al. 2014, section 3.1; mathematics#methods-beside-the-methods.
    """
    return G.abs().amax(1)


def weights(G: torch.Tensor) -> torch.Tensor:
    """Return Grad-CAM's alpha_k = mean_ij G_kij, (N, C); summed in float64 (mathematics#grad-cam)."""
    return (G.sum((2, 3), dtype=torch.float64) / (G.shape[2] * G.shape[3])).to(G.dtype)


def _sum(values: torch.Tensor) -> torch.Tensor:
    """Sum over positions, (N, C), in float64."""
    return values.sum((2, 3), dtype=torch.float64).to(values.dtype)


def _weighted(weight: torch.Tensor, A: torch.Tensor) -> torch.Tensor:
    """Return sum_k weight_k A_k of weights (N, C)."""
    return torch.einsum("nc,nchw->nhw", weight, A)


AT_TAPS = {
    "gradcam": gradcam,
    "gam": gam,
    "layercam": layercam,
    "hirescam": hirescam,
    "activation": activation,
    "positive-gradients": positive_gradients,
    "negative-gradients": negative_gradients,
}
PLUS_PLUS, LITERAL = "gradcam++", "gradcam++-literal"
AT_INPUT = ("gradient", "guided-backprop")
NAMES = (
    "gradcam",
    PLUS_PLUS,
    "gam",
    "layercam",
    "hirescam",
    "activation",
    *AT_INPUT,
    "positive-gradients",
    "negative-gradients",
)
