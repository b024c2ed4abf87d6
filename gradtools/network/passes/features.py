"""Features of one batch: one forward pass, one backward pass for all taps, reductions over positions."""

from gradtools.network import passes, scores, taps
from gradtools.network.passes import array
from gradtools.store import paths

NUMPY = {"float16": "f2", "float32": "f4"}


def run_batch(job, pixels, label):
    """Features of one batch.

    Parameters
    ----------
    pixels : (B, 3, H, W) u8 or float array
    label : (B,) int array

    Returns
    -------
    dict of str to (B, ...) array, by path in the store
    """
    options = job.options
    output, tapped, cosine = passes.forward(job, passes.inputs(pixels, job))
    if job.target is None:
        values, gradients = passes.outputs(job, output), {}
    else:
        values, gradients = _scored(job, output, tapped, label, cosine)
    for tap in job.taps:
        values |= _tap_values(tap, tapped[tap.name].detach(), gradients.get(tap.name), options)
    return values


def _scored(job, logits, tapped, label, cosine):
    """Outputs of a network with classes, and the score's gradients at every tap."""
    options = job.options
    total, classes = scores.score(logits / options.temperature, job.target, options.score, label=label, member=job.member, cosine=cosine)
    gradients = taps.gradients(total, tapped)
    return passes.outputs(job, logits) | {paths.TARGET: array(classes, "i4")}, gradients


def _tap_values(tap, activation, gradient, options):
    """Reductions over positions of one tap, and the maps that were asked for."""
    tensors = {"activation": activation} if gradient is None else {"activation": activation, "gradient": gradient}
    where, maps, values = paths.tap(tap.name), {}, {}
    for name, tensor in tensors.items():
        maps[name], token = taps.to_chw(tensor, tap)
        if name in options.maps:
            values[f"{where}/{name}_map"] = array(maps[name], NUMPY[options.map_dtype] if name == "activation" else "f4")
        if token is not None:
            values[f"{where}/token_{name}"] = array(token)
    reduced = passes.reductions.over_positions(maps["activation"], maps.get("gradient"))
    return values | {f"{where}/{name}": array(column) for name, column in reduced.items()}
