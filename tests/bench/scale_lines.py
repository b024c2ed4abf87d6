"""Peak memory of commands over a million rows, 10,000 maps, 50,000 images, against 1 GiB: trials of `scale.py`, by name."""

import os
import sys
import tempfile

import scale as trials
from measure import ROOT, SMALL

SIZES = {"store": 1_000_000, "maps": 10_000, "matrix": 30_000, "images": 50_000, "tree": 20_000}
ALLOWED = {"tree": 8 * trials.LIMIT}  # distances of all pairs are a fifth of it


def scale():
    """A GiB (of a tree 8) / the peak of every command of every trial; 0 where it fails."""
    for name, count in SIZES.items():
        allowed = ALLOWED.get(name, trials.LIMIT)
        count = max(count // 1000, 60) if SMALL else count
        with tempfile.TemporaryDirectory() as folder:
            for what, words, output in trials.TRIALS[name](folder, count):
                environment = {**os.environ, "PYTHONPATH": str(ROOT)}
                command = [sys.executable, "-m", "gradtools", *words, "-q"]
                status, seconds, busy, peak, size = trials.run(command, output, environment)
                times = 0.0 if status else allowed / peak
                text = f"{name} of {count:,}, {what}: {allowed >> 10} GiB / peak of {peak:.0f} MiB"
                yield (
                    f"{text} ({seconds:.0f} s, {busy:.0f} of a core; {size:.0f} MB)",
                    (times,) * 3,
                    1,
                )
