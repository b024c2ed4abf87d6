"""Shards: one job over several processes or machines, each with a contiguous share of whole blocks.

A shard is a store of its own, with the rows of its share. Rows of all shards, one after the other, are those of one process:
blocks are the same, whoever computes them. Versions of images are in the shard of their image, and behind all images when joined.
"""

import dataclasses
import json
import os
import re
from collections.abc import Mapping, Sequence

from gradtools.errors import UsageError
from gradtools.store import folders
from gradtools.store.blocks import Block

ATTRIBUTE = "shard"  # of the root: JSON, see `describe`
BATCH_LIMIT = "batch_limit"  # an attribute: of shards the smallest holds
ELSEWHERE = (folders.FILES, "root")  # of a command: may differ from machine to machine


@dataclasses.dataclass(frozen=True)
class Share:
    """Number `number`, from 1, of `of` shares."""

    number: int
    of: int

    def blocks(self, blocks: Sequence[Block]) -> list[Block]:
        """Return this share of the blocks, in order; shares differ by at most one block."""
        first, last = ((k * len(blocks)) // self.of for k in (self.number - 1, self.number))
        return list(blocks[first:last])

    def output(self, path: str) -> str:
        """Return the name of this share's store: a.h5 becomes a.3-of-8.h5."""
        stem, end = os.path.splitext(path)
        return f"{stem}.{self.number}-of-{self.of}{end}"


def parse(text: str, environment: Mapping[str, str] = os.environ) -> Share:
    """
    Read `--shard`.

    Parameters
    ----------
    text : str
        '3/8', or 'auto': RANK and WORLD_SIZE of torchrun, else a SLURM array's task id and bounds.
    environment : mapping

    Raises
    ------
    UsageError
    """
    if text == "auto":
        return _of_environment(environment)
    match = re.fullmatch(r"(\d+)/(\d+)", text)
    share = Share(*map(int, match.groups())) if match else None
    if share is None or not 1 <= share.number <= share.of:
        raise UsageError(f"--shard {text}: write a share as in 3/8 (from 1/8 to 8/8), or auto")
    return share


def _of_environment(environment: Mapping[str, str]) -> Share:
    """Return the share of a process that torchrun or a SLURM array started."""
    try:
        if "RANK" in environment and "WORLD_SIZE" in environment:
            return Share(int(environment["RANK"]) + 1, int(environment["WORLD_SIZE"]))
        if "SLURM_ARRAY_TASK_ID" in environment:
            task, low, high, step = (
                int(environment.get(f"SLURM_ARRAY_TASK_{name}", default))
                for name, default in (("ID", ""), ("MIN", ""), ("MAX", ""), ("STEP", "1"))
            )
            return Share((task - low) // step + 1, (high - low) // step + 1)
    except ValueError as error:
        raise UsageError(f"--shard auto: a variable is not a number ({error})") from error
    raise UsageError(
        "--shard auto: neither torchrun (RANK, WORLD_SIZE) nor a SLURM array (SLURM_ARRAY_TASK_ID, _MIN, _MAX) "
        "started this process: write --shard 1/8"
    )


def describe(share: Share, command: dict, entries: int, grown: Sequence[str]) -> str:
    """
    Describe a shard as JSON, for its root.

    Parameters
    ----------
    command : dict
        Options and inputs of the whole job.
    entries : int
        Of the whole job.
    grown : sequence of str
        Scales of the dimensions of which the shard has its own rows alone.
    """
    same = {key: value for key, value in command.items() if key not in ELSEWHERE}
    facts = {
        "number": share.number,
        "of": share.of,
        "entries": entries,
        "command": {key: folders.fingerprint({key: value}) for key, value in same.items()},
        "grown": sorted(grown),
    }
    return json.dumps(facts, sort_keys=True)
