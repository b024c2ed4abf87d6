"""The images that activate a channel most, and its maps on them: stored ones, or from one pass over these images alone."""

from typing import TYPE_CHECKING

import numpy as np

from gradtools import images
from gradtools.errors import GradtoolsError, UsageError
from gradtools.math.channels.channel_values import order
from gradtools.selection import features
from gradtools.selection.channels import TopImages
from gradtools.store import paths

if TYPE_CHECKING:
    from gradtools.network.models import Model

BATCH = 16


def most_activating(
    source: features.Store,
    tap: str,
    channels: np.ndarray,
    keep: np.ndarray,
    count: int = 8,
    model: "Model | None" = None,
    images_dir: str | None = None,
) -> TopImages:
    """Find the images and the maps.

    Parameters
    ----------
    source : store.Store
    tap : str
    channels : (K,) int array
    keep : (N,) bool array
        Images that are asked.
    count : int
        Of images a channel.
    model : models.Model, optional
        Makes the maps where the store has none.
    images_dir : str, optional
        Where the images are now.

    Raises
    ------
    GradtoolsError
        The model is another one, or an image is not there.
    """
    feature = features.load(source, f"activation@{tap}")
    values = np.concatenate(
        [rows[:, channels] for rows, _ in features.blocks_of(feature, keep)]
    ).T  # (K, n)
    places = order(values)[:, :count]
    rows = np.flatnonzero(keep)[places]
    used = np.unique(rows)
    check_maps(source, tap, model)
    maps = (
        _stored(source, tap, used, channels)
        if model is None or source.rows(paths.tap(tap, "activation_map")) is not None
        else _passed(source, tap, used, channels, model, images_dir)
    )
    where = np.searchsorted(used, rows)
    return TopImages(
        rows, np.take_along_axis(values, places, 1), maps[where, np.arange(len(channels))[:, None]]
    )


def check_maps(source: features.Store, tap: str, model: "Model | str | None") -> None:
    """Refuse maps that are neither stored nor can be made, before the work for them is done.

    Raises
    ------
    UsageError
    """
    if source.rows(paths.tap(tap, "activation_map")) is None and model is None:
        raise UsageError(
            f"{source.name} has no activation maps of {tap}: name its --model, which is asked for the images of the sheet alone, "
            "or extract with --maps activation"
        )


def _stored(source: features.Store, tap: str, used: np.ndarray, channels: np.ndarray) -> np.ndarray:
    """Maps (len(used), K, h, w) that extract kept."""
    stored = source.needed_rows(paths.tap(tap, "activation_map"))
    return np.concatenate(
        [stored.read(row, row + 1).reshape(1, *stored.tail)[:, channels] for row in used.tolist()]
    ).astype(np.float32)


def _passed(
    source: features.Store,
    tap: str,
    used: np.ndarray,
    channels: np.ndarray,
    model: "Model",
    images_dir: str | None,
) -> np.ndarray:
    """The same from the network."""
    from gradtools.network import taps
    from gradtools.network.passes.plan import normalised

    if source.model.get("weights_sha256") != model.weights_sha256:
        raise GradtoolsError(
            f"{source.name} is of other weights than {model.spec} has: name the model and weights that made it"
        )
    listed = images.find(
        source.attributes("/")["root"],
        [source.ids[row] for row in used],
        source.needed(paths.DIGEST)[used],
        images_dir,
    )
    parts, chosen = [], None
    for batch in images.batches(listed, model.preprocess, BATCH):
        for reason in batch.reasons.values():
            raise GradtoolsError(f"{reason}: say with --images DIR where the images are")
        x = normalised(batch.pixels, model)
        chosen = chosen or taps.resolve(taps.trace(model.module, x[:1]), [tap])
        parts.append(taps.activations(model.module, x, chosen[0])[:, channels])
    return np.concatenate(parts)
