"""What every line of the bench measures with: turns of two sides in wall and CPU time, pinned cores, and who else computes."""

import os
import resource
import statistics
import time
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[2]
SMALL = bool(os.environ.get("GRADTOOLS_BENCH_SMALL"))
BUSY = 0.1  # of a core, used by others, beyond which ratios are other people's
WATCHED = 2.0  # seconds
TICK = os.sysconf("SC_CLK_TCK")
processes = {}  # sides that run apart: pid -> name


SKIPPED = (float("nan"),) * 3  # the ratio of a line that cannot be measured here


class Ratio(NamedTuple):
    """The other side's time over ours: median, least and most of the turns, and the median of CPU time (nan: not measured)."""

    value: float
    low: float
    high: float
    cpu: float = float("nan")


def size(full, small):
    """Return the size of a line, or the small one that only shows that it runs."""
    return small if SMALL else full


def turns(own, other, repeats=5):
    """Median over turns of other's time / own's time: how many times as fast the first is.

    Every second turn begins with the other side, so neither always runs in the other's wake.
    """
    own(), other()
    ratios = []
    for turn in range(size(repeats, 1)):
        sides = [own, other] if turn % 2 == 0 else [other, own]
        taken = {side: seconds(side) for side in sides}
        ratios.append([theirs / max(ours, 1e-9) for theirs, ours in zip(taken[other], taken[own])])
    wall, cpu = zip(*ratios)
    return Ratio(statistics.median(wall), min(wall), max(wall), statistics.median(cpu))


def seconds(function):
    """Wall and CPU seconds of a call, with its finished children and the sides that run apart."""
    wall, cpu = time.perf_counter(), cpu_seconds()
    function()
    return time.perf_counter() - wall, cpu_seconds() - cpu


def cpu_seconds():
    """CPU seconds of this process, its finished children and the sides that run apart."""
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    ended = children.ru_utime + children.ru_stime
    return time.process_time() + ended + sum(map(cpu_of, processes))


def cpu_of(pid):
    """CPU seconds (user and system) of a running process and of its finished children."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return sum(map(int, fields[11:15])) / TICK


def pin(cores=None):
    """Keep this process and its children to some cores, by default the first two allowed; return them."""
    allowed = sorted(os.sched_getaffinity(0))
    chosen = [core for core in allowed if core in cores] if cores else allowed[:2]
    os.sched_setaffinity(0, chosen)
    os.environ["OMP_NUM_THREADS"] = str(len(chosen))
    return chosen


def others(cores):
    """Cores that other processes use (float), of those given, over WATCHED seconds."""
    before, own = _busy(cores), time.process_time()
    time.sleep(WATCHED)
    return max(0.0, _busy(cores) - before - (time.process_time() - own)) / WATCHED


def _busy(cores):
    """Seconds in which the cores were not idle."""
    total = 0
    for line in Path("/proc/stat").read_text().splitlines():
        name, *fields = line.split()
        if name[:3] == "cpu" and name[3:] and int(name[3:]) in cores:
            user, nice, system, _, _, irq, soft, *rest = map(int, fields)
            total += user + nice + system + irq + soft + (rest[0] if rest else 0)
    return total / TICK


def peak_mib():
    """Peak memory (MiB) of this process, or of the side of ours that runs apart; not getrusage, whose figure begins with the parent's."""
    own = next(iter(processes), "self")
    for line in Path(f"/proc/{own}/status").read_text().splitlines():
        if line.startswith("VmHWM"):
            return int(line.split()[1]) >> 10
    return 0
