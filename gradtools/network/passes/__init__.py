"""What every pass of a network over images shares: preparation, one forward pass, blocks of images, the samples' columns.

job = passes.prepare(image_list, model, options)
with store.grow(...) as part:
    passes.compute(part, job, run, part.growth.blocks)  # run(pixels, labels, numbers) gives the arrays of a batch
    passes.judge_skipped(part, len(image_list.ids), allowed)
"""

from gradtools.network.passes import mixed, reductions, schema
from gradtools.network.passes.forward import answers, array, forward, inputs, outputs, with_cosine
from gradtools.network.passes.loop import (
    ENDS_EARLY,
    TooManySkipped,
    block,
    compute,
    computing,
    judge_ended_early,
    judge_skipped,
    judge_unreadable,
    use_threads,
)
from gradtools.network.passes.plan import Job, Options, prepare, settled_device

__all__ = [
    "ENDS_EARLY",
    "Job",
    "Options",
    "TooManySkipped",
    "answers",
    "array",
    "block",
    "compute",
    "computing",
    "forward",
    "inputs",
    "judge_ended_early",
    "judge_unreadable",
    "judge_skipped",
    "mixed",
    "outputs",
    "prepare",
    "reductions",
    "schema",
    "settled_device",
    "use_threads",
    "with_cosine",
]
