"""What every pass of a network over images shares: preparation, one forward pass, the walk over blocks, the samples' columns.

job = jobs.prepare(image_list, model, options)
with store.grow(...) as part:
    jobs.walk(part, job, run)           # run(pixels, label) gives the values of a batch
    jobs.judge_skipped(part, len(image_list.ids), "1%")
"""

from gradtools.network.passes import reductions, schema
from gradtools.network.passes.forward import answers, array, forward, inputs, outputs, with_cosine
from gradtools.network.passes.loop import (
    TooManySkipped,
    allowance,
    block,
    judge_skipped,
    keep_freed_memory,
    use_threads,
    walk,
)
from gradtools.network.passes.plan import Job, Options, prepare

__all__ = [
    "Job",
    "Options",
    "TooManySkipped",
    "allowance",
    "answers",
    "array",
    "block",
    "forward",
    "inputs",
    "judge_skipped",
    "keep_freed_memory",
    "outputs",
    "prepare",
    "reductions",
    "schema",
    "use_threads",
    "walk",
    "with_cosine",
]
