"""A classifier as a link reads it: what its head reads of an image, R, and its logits; head(R) again."""

import dataclasses

import numpy as np
import torch

from gradtools.errors import UsageError
from gradtools.network import models, taps
from gradtools.network.generators.viewing import view


@dataclasses.dataclass(frozen=True)
class Classifier:
    """A classifier whose head's input is R.

    Attributes
    ----------
    model : models.Model
    device, dtype : str
    """

    model: models.Model
    device: str = "cpu"
    dtype: str = "float32"

    @classmethod
    def of(
        cls, model: models.Model, pictures: torch.Tensor, device: str, dtype: str
    ) -> "Classifier":
        """Check a network on two pictures in 0..1 and make it ready.

        Raises
        ------
        UsageError
            It has no layer whose rows are the classes'.
        GradtoolsError
            It is not what a network must be (see `models.check`).
        """
        if model.head is None:
            raise UsageError(
                f"model {model.spec}: no layer with a row for each class was found, so nothing is known to be read by it: "
                "name it with --head NAME"
            )
        network = model.module.to(device=device, dtype=getattr(torch, dtype))
        example = view(pictures[:2], model.preprocess).to(device, getattr(torch, dtype))
        models.check(network, example, model.spec, classes=model.has_classes, head=True)
        return cls(model, device, dtype)

    @torch.inference_mode()
    def encode(self, pictures: torch.Tensor, batch_size: int = 64) -> tuple[np.ndarray, np.ndarray]:
        """Return R (N, D) and logits (N, K), float32, of pictures (N, C, H, W) in 0..1."""
        rows, outputs = [], []
        for part in pictures.split(batch_size):
            x = view(part, self.model.preprocess).to(self.device, getattr(torch, self.dtype))
            with taps.head_inputs(self.model.module, self.model.classifier.name) as read:
                output = self.model.module(x)
            rows.append(read[-1].float().cpu().numpy())
            outputs.append(output.float().cpu().numpy())
        return np.concatenate(rows), np.concatenate(outputs)

    @torch.inference_mode()
    def outputs(self, pictures: torch.Tensor, batch_size: int = 64) -> np.ndarray:
        """Return what the network gives, (N, E) float32, of pictures (N, C, H, W) in 0..1."""
        x = view(pictures, self.model.preprocess).to(self.device, getattr(torch, self.dtype))
        parts = [self.model.module(part).float().cpu().numpy() for part in x.split(batch_size)]
        return np.concatenate(parts)

    def head(self, r: np.ndarray) -> np.ndarray:
        """Return the logits (N, K) float64 of R (N, D)."""
        head = self.model.classifier
        return np.asarray(r, np.float64) @ head.weight.astype(np.float64).T + head.bias
