"""Generators and classifiers whose link is known: linear ones, and an ellipse of known place, size, turn and light."""

import torch
from torch import nn

SIDE = 48


class LinearGenerator:
    """Pictures (1, 6, 8) that are an affine map of w (5,), within 0..1."""

    shape, n_classes = (1, 6, 8), 2

    def __init__(self):
        basis = torch.linalg.qr(torch.randn(48, 5, generator=torch.Generator().manual_seed(1)))[0]
        self.basis = basis.T * 0.1

    def sample(self, n, seed, cls=None):
        return torch.rand(n, 5, generator=torch.Generator().manual_seed(seed)) - 0.5

    def to_w(self, z, cls=None, psi=1.0):
        return psi * z + (torch.as_tensor(cls)[:, None] - 0.5) * torch.tensor([1.0, 0, 0, 0, 0])

    def synth(self, w):
        return (0.5 + w @ self.basis).view(-1, 1, 6, 8)


class LinearClassifier(nn.Module):
    """Reads the picture as it is, so its head's input is the picture; the class is the first latent's sign."""

    def __init__(self):
        super().__init__()
        self.flatten, self.linear = nn.Flatten(), nn.Linear(48, 2)
        row = LinearGenerator().basis[0]
        with torch.no_grad():
            self.linear.weight.copy_(torch.stack([-row, row]))
            self.linear.bias.copy_(torch.stack([row.sum(), -row.sum()]) / 2)

    def forward(self, x):
        return self.linear(self.flatten(x))


PREPROCESS = {"resize": None, "crop": None, "mean": (0.0,), "std": (1.0,), "channels": 1}
LATENTS = ("cx", "cy", "a", "b", "theta", "brightness")


class EllipseGenerator:
    """A bright ellipse on black, w = (cx, cy, a, b, theta, brightness) / its scales; masks are exact."""

    shape, parts = (1, SIDE, SIDE), ("background", "ellipse")
    CENTRE = torch.tensor([24.0, 24.0, 12.0, 6.0, 0.3, 0.6])
    SCALE = torch.tensor([3.0, 3.0, 1.5, 0.8, 0.4, 0.12])

    def sample(self, n, seed):
        return 2 * torch.rand(n, 6, generator=torch.Generator().manual_seed(seed)) - 1

    def values(self, w):
        """cx, cy, a, b, theta, brightness of latents."""
        return self.CENTRE + self.SCALE * w

    def inside(self, w):
        cx, cy, a, b, theta, _ = (value[:, None, None] for value in self.values(w).unbind(1))
        rows, columns = torch.meshgrid(torch.arange(SIDE), torch.arange(SIDE), indexing="ij")
        right, down = columns - cx, rows - cy
        along = right * torch.cos(theta) + down * torch.sin(theta)
        across = -right * torch.sin(theta) + down * torch.cos(theta)
        return (along / a) ** 2 + (across / b) ** 2 <= 1

    def synth(self, w):
        return (self.inside(w).float() * self.values(w)[:, 5, None, None])[:, None]

    def masks(self, w):
        return self.inside(w).long()


class Moments(nn.Module):
    """Reads six moments of the picture as its embedding: what the ellipse's latents are, nearly linear; two classes by light."""

    def __init__(self):
        super().__init__()
        self.identity, self.linear = nn.Identity(), nn.Linear(6, 2)
        with torch.no_grad():
            self.linear.weight.zero_()
            self.linear.weight[1, 5] = 5.0
            self.linear.bias.copy_(torch.tensor([0.0, -3.0]))

    def forward(self, x):
        picture = x[:, 0]
        rows, columns = torch.meshgrid(torch.arange(SIDE), torch.arange(SIDE), indexing="ij")
        light = picture.amax((1, 2)).clamp_min(1e-6)
        mass = (picture / light[:, None, None]).clamp(0, 1)
        total = mass.sum((1, 2)).clamp_min(1e-6)
        cx, cy = ((mass * place).sum((1, 2)) / total for place in (columns, rows))
        right, down = columns - cx[:, None, None], rows - cy[:, None, None]
        xx, yy, xy = (
            (mass * part).sum((1, 2)) / total for part in (right**2, down**2, right * down)
        )
        root = torch.sqrt((xx - yy) ** 2 + 4 * xy**2)
        a, b = (2 * torch.sqrt(((xx + yy + sign * root) / 2).clamp_min(1e-6)) for sign in (1, -1))
        theta = torch.atan2(2 * xy, xx - yy) / 2
        return self.linear(self.identity(torch.stack([cx, cy, a, b, theta, light], 1)))
