"""Speed as ratios, each measured side by side in one run on one machine: `make bench`.

Runs of the two sides take turns; the ratio is the median over the turns, so a drift of the machine's speed cancels. Every group of
lines runs in a process of its own on the same two cores. Where others use these the bench refuses, since the ratios would be of
their work too.

    make bench                         # all lines; ONLY='extraction pictures' some of them
    make bench ONLY=scale              # a million samples, 10,000 maps, 50,000 images: memory
    make bench FORCE=1                 # also on a machine that others use
    make bench COMPARE=HEAD~3          # this working tree against a revision, in turns
    make bench SMALL=1 FORCE=1         # tiny sizes: whether every line runs
"""

import argparse
import contextlib
import json
import math
import os
import platform
import subprocess
import sys
import tempfile
import textwrap
import time
from pathlib import Path

import cam_lines
import compare_lines
import limits
import map_lines
import measure
import numpy as np
import relation_lines
import scale_lines
import sides
import truth_lines
import user_lines
from measure import ROOT, SKIPPED, size, turns

PYTHON = sys.executable
COLUMNS = (
    ("ratio", 8, "x"),
    ("least", 8, ""),
    ("most", 8, ""),
    ("cpu", 8, "x"),
    ("target", 7, ""),
    ("peak_mib", 6, "MiB"),
)
WIDE = size((1_000_000, 512), (20_000, 64))


def process(*command, **options):
    """Run a command with this checkout's package."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    subprocess.run(
        command,
        check=True,
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        stdin=subprocess.DEVNULL,
        **options,
    )


def extraction():
    """resnet50, random weights, decoded images of 224 x 224, batch 16, against the eager forward pass alone.

    First as each is run: in a process of its own, ours with the command's setting of the allocator, eager with the C library's
    default. Then both in one process that keeps freed memory: what is left is the arithmetic, of which the gradients at all blocks
    need twice the forward pass's.
    """
    lines = {
        "last": ("auto:last-conv + auto:last-block", 1.4),
        "blocks": ("auto:blocks + auto:last-conv", 0.8),
    }
    for name, (taps, target) in lines.items():
        with sides.apart(name) as own, sides.apart("eager") as other:
            yield (
                f"extract, {taps} / eager forward (each in its process)",
                turns(own, other),
                target,
            )
    from gradtools.store import allocator

    allocator.keep_freed_memory()
    other = sides.eager()
    for name, (taps, target) in lines.items():
        yield (
            f"extract, {taps} / eager forward (freed memory kept, both sides)",
            turns(sides.SIDES[name](), other),
            target,
        )
    yield (
        "the same, last taps, --amp bf16 / eager forward in float32",
        turns(sides.SIDES["last-bf16"](), other),
        2.0 if "amx_bf16" in Path("/proc/cpuinfo").read_text() else None,
    )


def accelerator():
    """The same on a GPU: what is copied there is pinned and does not wait; images of a batch lie in the host's memory."""
    import torch

    if not torch.cuda.is_available():
        yield "extract on a GPU, each tap, float32 and 16 bits: skipped, no GPU here", SKIPPED, None
        return
    other = sides.eager("cuda")
    for amp, target in {"none": 0.7, "bf16": 1.4, "fp16": 1.4}.items():
        for taps in (
            ("auto:last-conv", "auto:last-block"),
            ("auto:blocks", "auto:last-conv"),
        ):
            own = sides.ours(*taps, device="cuda", amp=amp)
            text = f"extract on a GPU, {' + '.join(taps)}, --amp {amp} / eager forward there in float32"
            yield text, turns(own, other, 9), target if "auto:last-block" in taps else None


def folder_of_images():
    """The same through the whole command, decoding and store included: images a second against the forward pass of decoded ones."""
    data = Path(os.environ.get("GRADTOOLS_TEST_DATA", ROOT.parent / "shared" / "data"))
    if not data.exists():
        yield "extract of photographs: skipped, they are not here", SKIPPED, None
        return
    import torch

    from gradtools import images
    from gradtools.network import models
    from gradtools.stages import extract

    model = models.load("squeezenet1_0", str(data / "squeezenet1_0_imagenet.pth"))
    listed = images.list_images([str(data / "imagenet60")])
    x = torch.randn(30, 3, 224, 224)

    def forward():
        with torch.inference_mode():
            model.module(x), model.module(x)

    with tempfile.TemporaryDirectory() as folder:

        def whole():
            extract.extract(
                listed,
                model,
                f"{folder}/a.h5",
                extract.Options(tap=("auto:last-block",)),
                force=True,
                say=lambda line: None,
            )

        yield (
            "extract of 60 photographs, decoding, probe and store / eager forward of decoded ones",
            turns(whole, forward, 3),
            None,
        )


def wide_store(path, predicted=True):
    """A store of a million rows, written a block at a time; with the network's answers or without."""
    rng = np.random.default_rng(0)
    n, d = WIDE
    block = rng.standard_normal((8192, d)).astype("f4")
    sys.path.insert(0, str(ROOT))
    from gradtools import store

    label = rng.integers(0, 10, n).astype("i4")

    def begin(part):
        part.put("/samples/id", [str(i) for i in range(n)], ["/sample"], "id")
        part.put("/samples/label", label, ["/sample"], "label")
        part.put("/classes/name", [str(i) for i in range(10)], ["/label"], "class")
        if predicted:
            answers = np.where(rng.random(n) < 0.8, label, rng.integers(0, 10, n))
            part.put("/outputs/predicted", answers.astype("i4"), ["/sample"], "predicted")
        part.attributes("/taps", order='["a"]', default_gradient="a", default_activation="a")

    columns = [store.Column("/taps/a/gradient", (d,), ["channel"], "f4", "gradient")]
    growth = store.Growth("features", columns, store.cut(8192, n), {}, begin)
    with store.grow(path, growth, force=True) as part:
        for one in part.left:
            part.commit(one, {"/taps/a/gradient": block[: len(one)] + np.float32(one.start / n)})
        with part.finish() as sink:
            sink.history([], {"started": "now", "seconds": 0, "command": "bench"})


READ_ONCE = "import h5py, sys\nd = h5py.File(sys.argv[1])['/taps/a/gradient']\nfor i in range(0, len(d), 4096): d[i:i+4096]"


def wide_similarity():
    """Means within and between classes, and by class and prediction, over a million rows against reading the file once."""
    words = ("--feature", "gradient", "--no-intervals", "--no-auc", "--tsv")
    tables = {"class x prediction means": (True, 6), "means within and between classes": (False, 3)}
    for name, (predicted, times) in tables.items():
        with tempfile.TemporaryDirectory() as folder:
            path = f"{folder}/wide.h5"
            wide_store(path, predicted)
            command = [PYTHON, "-m", "gradtools", "similarity", path, *words]
            ratio = turns(
                lambda: process(*command), lambda: process(PYTHON, "-c", READ_ONCE, path), 3
            )
            text = f"{name} of {WIDE[0]} x {WIDE[1]} / reading once (at least 1/{times} as fast)"
            yield text, ratio, 1 / times
            yield "its memory: 1 GiB / peak", (2**20 / _peak_of(command),) * 3, 1


def _peak_of(command):
    """Peak memory of a command (KiB)."""
    code = (
        "import resource, subprocess, sys; subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL, check=True); "
        "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)"
    )
    ended = subprocess.run(
        [PYTHON, "-c", code, *command],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    return int(ended.stdout)


def clusterings():
    """k-means and silhouette through our functions against scikit-learn's called directly."""
    from sklearn.cluster import KMeans
    from sklearn.metrics import silhouette_score

    from gradtools.math.clusters import clustering, silhouettes

    x = np.random.default_rng(0).standard_normal((size(2000, 100), 128))
    labels = np.arange(len(x)) % 10
    yield (
        "k-means / scikit-learn",
        turns(
            lambda: clustering.kmeans(x, 10),
            lambda: KMeans(10, n_init=10, random_state=0).fit(x),
            9,
        ),
        0.95,
    )
    yield (
        "silhouette / scikit-learn",
        turns(lambda: silhouettes.euclidean(x, labels), lambda: silhouette_score(x, labels)),
        0.95,
    )


def relations():
    """Trees, neighbours and ablated channels."""
    yield from relation_lines.relations(turns)


def faithful():
    """Faithfulness of maps."""
    yield from truth_lines.faithful(turns)


def start_up():
    """Whole processes, taking turns; a ratio of 1 is as fast as the bare import."""
    from gradtools import cli

    helps = [
        turns(
            lambda: process(PYTHON, "-m", "gradtools", name, "--help"),
            lambda: process(PYTHON, "-c", "import click"),
            7,
        )
        for name in size(list(cli.COMMANDS), list(cli.COMMANDS)[:2])
    ]
    yield "--help, the slowest command / import click", min(helps), 1 / 1.5
    with tempfile.TemporaryDirectory() as folder:
        path = f"{folder}/small.h5"
        small_store(path)
        yield (
            "info of a small store / import h5py",
            turns(
                lambda: process(PYTHON, "-m", "gradtools", "info", path),
                lambda: process(PYTHON, "-c", "import h5py"),
                7,
            ),
            1 / 1.5,
        )
    network = "gradtools.bundled.scene_resnet:resnet8"
    yield (
        "layers of a file's model / import torch",
        turns(
            lambda: process(PYTHON, "-m", "gradtools", "layers", network),
            lambda: process(PYTHON, "-c", "import torch"),
            3,
        ),
        1 / 1.2,
    )


def small_store(path, rows=100):
    from gradtools import store

    with store.create(path, "features") as sink:
        sink.put("/samples/id", [str(i) for i in range(rows)], ["/sample"], "id")
        sink.put("/samples/label", np.full(rows, -1, "i4"), ["/sample"], "label")
        sink.put("/outputs/logits", np.zeros((rows, 10), "f4"), ["/sample", "/class"], "logits")
        sink.history([], {"started": "now", "seconds": 0, "command": "bench"})


def pipes():
    """A store of 256 MB copied through a pipe against the same written to a file."""
    script = (
        "import numpy as np, sys; from gradtools import store\n"
        f"with store.create(sys.argv[1], 'features', force=True) as sink: sink.put('/x', np.ones(({size(65536, 1024)}, 1024), 'f4'), ['/sample', '/channel'], 'x')"
    )
    with tempfile.TemporaryDirectory() as folder:

        def piped():
            process("sh", "-c", f'{PYTHON} -c "$0" - | cat > {folder}/b.h5', script)

        yield (
            "bytes through a pipe / to a file",
            turns(piped, lambda: process(PYTHON, "-c", script, f"{folder}/a.h5"), 3),
            0.5,
        )


def finishing():
    """The output of a long job assembled from its blocks, with digests and seal, and a copy of the same file beside it; both synced."""
    n, d = size(40_000, 2000), 2048
    sys.path.insert(0, str(ROOT))
    from gradtools import store

    rows = np.random.default_rng(0).standard_normal((256, d)).astype("f4")
    columns = [store.Column("/taps/a/gradient", (d,), ["channel"], "f4", "gradient")]
    growth = store.Growth("features", columns, store.cut(256, n), {}, lambda sink: None)

    def finish(part, path):
        stored = ((block, part._done[block.number]) for block in growth.blocks)
        with seal.create_sealed(path) as file:
            sink = assembly.fill(file, growth, stored, np.zeros(n, bool), interrupt.unwatched)
            hashing.write_digests(file, "", sink.hashed)
        sync(path)

    def sync(path):
        with open(path, "rb") as handle:
            os.fsync(handle.fileno())

    def copy(path, target):
        subprocess.run(["cp", "--reflink=never", path, target], check=True)
        sync(target)

    from gradtools import interrupt
    from gradtools.store import assembly, hashing, seal

    with tempfile.TemporaryDirectory() as folder:
        with contextlib.suppress(InterruptedError), store.grow(f"{folder}/a.h5", growth) as part:
            for block in growth.blocks:
                part.commit(block, {"/taps/a/gradient": rows[: len(block)]})
            finish(part, f"{folder}/whole.h5")
            yield (
                f"finish of {n * d * 4 >> 20} MiB of blocks / cp (at least half as fast)",
                turns(
                    lambda: finish(part, f"{folder}/b.h5"),
                    lambda: copy(f"{folder}/whole.h5", f"{folder}/c.h5"),
                    3,
                ),
                0.5,
            )
            raise InterruptedError  # the job itself ends without an output


LINES = {
    function.__name__: function
    for function in (
        extraction,
        accelerator,
        folder_of_images,
        clusterings,
        relations,
        faithful,
        start_up,
        pipes,
        finishing,
        wide_similarity,
        map_lines.pairs_of_maps,
        cam_lines.cams,
        user_lines.pictures,
        user_lines.few_rows,
        user_lines.probes,
        user_lines.tuning,
        user_lines.imports,
    )
}
ASKED = {scale_lines.scale.__name__: scale_lines.scale}  # half an hour: only where they are named


def main():
    """Print every line: how many times as fast, its spread, CPU time, the target and whether it is reached."""
    asked = _asked()
    if asked.line:
        _measure(asked.line, asked.compare)
        return 0
    cores = measure.pin(asked.cores)
    if asked.small:
        os.environ["GRADTOOLS_BENCH_SMALL"] = "1"
    # Every side has its modules compiled, as after the first run of an installation.
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    os.environ["PYTHONPYCACHEPREFIX"] = str(ROOT / "build/bench-modules")
    busy = measure.others(cores)
    if busy > measure.BUSY and not asked.force:
        load = os.getloadavg()[0]
        print(
            f"others use {busy:.1f} of cores {cores} (load {load:.1f}): the ratios would be of their work too. "
            "Wait, or measure all the same with FORCE=1",
            file=sys.stderr,
        )
        return 1
    head = {
        "machine": platform.processor() or platform.machine(),
        "cores": cores,
        "others": busy,
        "load": os.getloadavg()[0],
        "small": asked.small,
        "compare": asked.compare,
        "begun": time.strftime("%Y-%m-%dT%H:%M:%S"),
    }
    print(f"cores {cores}, others use {busy:.2f} of them; each ratio: the other side's time / ours")
    print(f"{'wall':>8} {'[least,':>8} {'most]':>8} {'CPU':>8} {'target':>7} {'MiB':>6}  line")
    rows = [row for name in asked.names or _names(asked) for row in _in_a_process(name, asked)]
    below = [row for row in rows if row.get("reached") is False]
    print(f"{len(rows)} lines, {len(below)} below their target or failed")
    if not asked.names and not asked.compare:
        print(f"not measured, for they take half an hour: ONLY={' '.join(ASKED)}")
    Path(asked.json).parent.mkdir(parents=True, exist_ok=True)
    Path(asked.json).write_text(json.dumps({**head, "lines": rows}, indent=1))
    print(f"{asked.json} has them in JSON")
    return 0


def _asked():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("names", nargs="*", help=f"of {', '.join(LINES | ASKED)}")
    parser.add_argument("--force", action="store_true", help="measure where others compute, too")
    parser.add_argument("--small", action="store_true", help="tiny sizes: whether every line runs")
    parser.add_argument("--compare", metavar="REV", help="this working tree against a revision")
    parser.add_argument("--json", default=str(ROOT / "build/bench.json"))
    parser.add_argument("--cores", type=lambda text: [int(core) for core in text.split(",")])
    parser.add_argument("--line", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    known = compare_lines.SIDES if asked.compare else LINES | ASKED
    for name in asked.names:
        if name not in known:
            parser.error(f"{name} is none of {', '.join(known)}")
    return asked


def _names(asked):
    return list(compare_lines.SIDES if asked.compare else LINES)


def _in_a_process(name, asked):
    """Measure a group of lines in a process of its own, and print a row as soon as each is there."""
    command = [PYTHON, __file__, "--line", name]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with contextlib.ExitStack() as stack:
        if asked.compare:
            command += ["--compare", stack.enter_context(compare_lines.worktree(asked.compare))]
        process = stack.enter_context(
            subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)
        )
        for line in process.stdout:
            if not line.startswith("{"):
                continue
            row = {"name": name, **json.loads(line)}
            _print(row)
            yield row
    if process.returncode:
        row = {
            "name": name,
            "text": f"{name} failed with status {process.returncode}",
            "reached": False,
        }
        print(row["text"])
        yield row


def _print(row):
    low = "" if row["reached"] in (True, None) else "  BELOW ITS TARGET"
    figures = (_figure(row[key], width, unit) for key, width, unit in COLUMNS)
    print(*figures, f" {row['text']}{low}", flush=True)
    if low and row.get("limit"):
        print(textwrap.indent(textwrap.fill(row["limit"], 100), " " * 49), flush=True)


def _figure(value, width, unit):
    """Return a figure right-aligned; a dash where there is none."""
    text = "-" if value is None else f"{value:.0f}" if unit == "MiB" else f"{value:.2f}{unit}"
    return text.rjust(width)


def _measure(name, compare):
    """Measure a group of lines here, and print each as JSON."""
    lines = compare_lines.lines(name, compare) if compare else (LINES | ASKED)[name]()
    for text, ratio, target in lines:
        figures = (None if math.isnan(value) else value for value in measure.Ratio(*ratio))
        ratio = measure.Ratio(*figures)
        row = {
            "text": text,
            "ratio": ratio.value,
            "least": ratio.low,
            "most": ratio.high,
            "cpu": ratio.cpu,
            "target": target,
            "reached": None
            if target is None or ratio.value is None
            else bool(ratio.value >= target),
            "limit": limits.of(text),
            "peak_mib": measure.peak_mib(),
        }
        print(json.dumps(row), flush=True)


if __name__ == "__main__":
    sys.exit(main())
