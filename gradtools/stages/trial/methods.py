"""Maps of every saliency method and control on a network whose right answer is known."""

import copy
import dataclasses
import hashlib

import numpy as np
from scipy import ndimage

from gradtools import images
from gradtools.images import ImageList
from gradtools.math.maps import map_controls
from gradtools.math.maps.reading import read_maps, unit_range
from gradtools.math.regions import faithfulness
from gradtools.network import models, passes
from gradtools.network.models import Model
from gradtools.network.saliency.batch import run_images
from gradtools.network.saliency.methods import AT_INPUT
from gradtools.stages.saliency import Options as MapOptions
from gradtools.stages.saliency import plan as planning
from gradtools.stages.trial.constructions import Construction, Scenes
from gradtools.store import paths

# All but the sums of gradients alone, which are parts of GAM.
AT_TAPS = ("gradcam", "gradcam++", "gam", "hirescam", "layercam", "activation")
TRUTH, INVERSE = "truth", "1 - truth"
EDGES, CENTRE = "edge filter", "centred Gaussian"
CONSTANT, SHUFFLED, OTHER = "constant", "shuffled truth", "truth of another image"
DECIMALS = 5  # of a read map: float32 networks round beyond, and ranks would see it
CONTROLS = (EDGES, CENTRE, CONSTANT, SHUFFLED, OTHER)


@dataclasses.dataclass(frozen=True)
class Maps:
    """Maps as they are read, and the network that they are of.

    Attributes
    ----------
    job : passes.Job
    pixels : (N, 3, 32, 32) u8 array
    maps : dict of str to (N, 32, 32) float64 array in 0..1
        By method; of two taps `gradcam` is the last one's, `gradcam, earlier tap` the other one's, and `gradcam, both
        taps` the mean of both.
    """

    job: passes.Job
    pixels: np.ndarray
    maps: dict[str, np.ndarray]


def rows_rolled(model: Model) -> Model:
    """Return a copy of a model whose class c has the row of class c + 1, and its own digest."""
    module = copy.deepcopy(model.module)
    head = module.get_submodule("head").get_parameter("weight")
    head.data = head.data.roll(-1, 0)
    digest = hashlib.sha256(f"{model.weights_sha256} rolled".encode()).hexdigest()
    return dataclasses.replace(model, module=module, weights_sha256=digest, notes=[])


def load(construction: Construction) -> Model:
    """Return the network of a construction."""
    return models.load(f"gradtools.network.known:{construction.network}")


def make(
    construction: Construction,
    scenes: Scenes,
    listed: ImageList,
    model: Model,
    truth: np.ndarray,
    seed: int = 0,
) -> Maps:
    """Make every map of a network: the methods', the truth's and the controls'.

    Parameters
    ----------
    construction : Construction
    scenes : Scenes
    listed : ImageList
        The images of the scenes, in their order.
    model : Model
        The construction's network, or the one with its rows rolled.
    truth : (N, 32, 32) float array
        Shapley values for this network.
    seed : int
        Of shuffled and other images' maps.
    """
    options = MapOptions(
        method=(*AT_TAPS, *AT_INPUT),
        tap=tuple(reversed(construction.taps)),
        target="label",
        labels_in_order=True,
    )
    plan = planning.make(listed, model, options, lambda line: None)
    pixels = np.concatenate(
        [batch.pixels for batch in images.batches(listed, model.preprocess, 64)]
    )
    values = run_images(plan, pixels, scenes.target[:, None])
    size = pixels.shape[2:]
    read = _methods(construction.taps, values, size)
    return Maps(plan.job, pixels, read | _controls(scenes, truth, seed))


def _methods(
    taps: tuple[str, ...], values: dict[str, np.ndarray], size: tuple[int, int]
) -> dict[str, np.ndarray]:
    """Return the read maps of every method, at every tap and fused."""
    read = {}
    for method in AT_TAPS:
        raw = [values[paths.maps(f"{method}@{tap}")] for tap in taps]
        read[method] = read_maps(raw[:1], size)[0]
        if len(taps) > 1:
            read[f"{method}, earlier tap"] = read_maps(raw[1:], size)[0]
            read[f"{method}, both taps"] = read_maps(raw, size)[0]
    for method in AT_INPUT:
        read[method] = read_maps([values[paths.maps(f"{method}@input")]], size)[0]
    return {method: maps.round(DECIMALS) for method, maps in read.items()}


def _controls(scenes: Scenes, truth: np.ndarray, seed: int) -> dict[str, np.ndarray]:
    """Return the truth's maps and those of the controls."""
    right = unit_range(truth)[0].round(DECIMALS)
    others = faithfulness.others(np.arange(len(truth)), seed)
    gaussian = map_controls.centred_gaussian(truth.shape[1:])
    return {
        TRUTH: right,
        INVERSE: 1 - right,
        EDGES: edges(scenes.pixels),
        CENTRE: np.repeat(gaussian[None], len(truth), axis=0),
        CONSTANT: np.ones_like(right),
        SHUFFLED: faithfulness.shuffled(right, seed),
        OTHER: right[others],
    }


def edges(pixels: np.ndarray) -> np.ndarray:
    """Return the size of the Sobel filter's gradient, largest over colours, (N, H, W, 3) -> (N, H, W) in 0..1."""
    values = pixels / 255
    along = [
        ndimage.correlate1d(ndimage.correlate1d(values, [-1, 0, 1], axis), [1, 2, 1], 3 - axis)
        for axis in (1, 2)
    ]
    return unit_range(np.hypot(*along).max(axis=3))[0]
