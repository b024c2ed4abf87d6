"""Taps: the places in a network where activations and gradients are read.

trace = taps.trace(network, example)                     # one watched forward pass
chosen = taps.resolve(trace, ["auto:blocks"])            # names, globs and auto: names become taps
logits, tapped = taps.forward(network, x, chosen)        # tap tensors, (N, C, H, W) or tokens
gradient = taps.gradients(logits[:, 3], tapped)          # one backward pass for all taps
taps.tail                                                # the network from a tap onward, on other activations
"""

from gradtools.network.taps import tail
from gradtools.network.taps.automatic import AUTO, late_notes, parameters_around
from gradtools.network.taps.capture import activations, forward, gradients, head_inputs, to_chw
from gradtools.network.taps.folding import fold_batchnorm
from gradtools.network.taps.grammar import Tap, every, in_order, resolve
from gradtools.network.taps.probing import COSINE, PARALLEL, Verdict, probe
from gradtools.network.taps.tracing import Call, Trace, blank, tensors, trace, watched

__all__ = [
    "AUTO",
    "COSINE",
    "Call",
    "PARALLEL",
    "Tap",
    "Trace",
    "Verdict",
    "activations",
    "blank",
    "every",
    "fold_batchnorm",
    "forward",
    "gradients",
    "head_inputs",
    "in_order",
    "late_notes",
    "parameters_around",
    "probe",
    "resolve",
    "tail",
    "tensors",
    "to_chw",
    "trace",
    "watched",
]
