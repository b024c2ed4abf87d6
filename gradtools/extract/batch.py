"""Features of one batch: one forward pass, one backward pass for all taps, reductions over positions."""

from gradtools import jobs, scores, taps
from gradtools.jobs import array

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
    output, tapped, cosine = jobs.forward(job, jobs.inputs(pixels, job))
    if job.target is None:
        values, gradients = jobs.outputs(job, output), {}
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
    return jobs.outputs(job, logits) | {"/outputs/target": array(classes, "i4")}, gradients


def _tap_values(tap, activation, gradient, options):
    """Reductions over positions of one tap, and the maps that were asked for."""
    where = f"/taps/{tap.name}"
    maps, token = taps.to_chw(activation, tap)
    slopes, token_slopes = (None, None) if gradient is None else taps.to_chw(gradient, tap)
    values = {f"{where}/{name}": rows for name, rows in jobs.reductions(maps, slopes).items()}
    if "activation" in options.maps:
        values[f"{where}/activation_map"] = array(maps, NUMPY[options.map_dtype])
    if token is not None:
        values[f"{where}/token_activation"] = array(token)
    if gradient is None:
        return values
    if "gradient" in options.maps:
        values[f"{where}/gradient_map"] = array(slopes)
    if token_slopes is not None:
        values[f"{where}/token_gradient"] = array(token_slopes)
    return values
