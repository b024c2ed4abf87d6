"""Blocks of a long job computed by the workers of a Dask cluster: who says what to whom.

client    the command that the user gave: it alone writes. `client.Scheduler` hands out block numbers, a few a worker, and
          keeps what comes back as the same block files that it would have written itself.
worker    a function in each Dask worker. It starts `python -m gradtools.cli.serve`, once a command, and speaks with it
          through a pipe: the network is loaded once, and neither torch nor the folder of the worker is touched.
serving   that process. It runs the very same command up to its first block, answers with what makes the command what it is
          (`Growth.command`: inputs, weights, options, version), and then computes the blocks that it is asked for.

So nothing but a command line, block numbers and finished blocks goes through the cluster, and a worker that lacks an image,
a weight or a version is known by the comparison that a resumed job makes.
"""

from gradtools.stages.remote.client import Scheduler, parse
from gradtools.stages.remote.serving import Served

__all__ = ["Scheduler", "Served", "parse"]
