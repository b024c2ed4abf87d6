"""Speed as ratios, each measured side by side in one run on one machine: `make bench`.

Runs of the two sides take turns; the ratio is the median over the turns, so a drift of the machine's speed cancels.
`python tests/bench/run.py NAME...` runs some of the lines.
"""

import contextlib
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import cam_lines
import h5py
import map_lines
import numpy as np
import relation_lines
import sides
import truth_lines

ROOT = Path(__file__).resolve().parents[2]
PYTHON = sys.executable
WIDE = (1_000_000, 512)


def turns(own, other, repeats=5):
    """Median over turns of other's time / own's time: how many times as fast the first is.

    Every second turn begins with the other side, so neither always runs in the other's wake.
    """
    own(), other()
    ratios = []
    for turn in range(repeats):
        sides = [own, other] if turn % 2 == 0 else [other, own]
        taken = {side: seconds(side) for side in sides}
        ratios.append(taken[other] / taken[own])
    return statistics.median(ratios), min(ratios), max(ratios)


def seconds(function):
    start = time.perf_counter()
    function()
    return time.perf_counter() - start


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
    from gradtools import allocator

    allocator.keep_freed_memory()
    other = sides.eager()
    for name, (taps, target) in lines.items():
        yield (
            f"extract, {taps} / eager forward (freed memory kept, both sides)",
            turns(sides.SIDES[name](), other),
            target,
        )


def folder_of_images():
    """The same through the whole command, decoding and store included: images a second against the forward pass of decoded ones."""
    data = Path(os.environ.get("GRADTOOLS_TEST_DATA", ROOT.parent / "shared" / "data"))
    if not data.exists():
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


def wide_store(path):
    """A store of a million rows, written a block at a time."""
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
        part.put(
            "/outputs/predicted",
            np.where(rng.random(n) < 0.8, label, rng.integers(0, 10, n)).astype("i4"),
            ["/sample"],
            "predicted",
        )
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
    """Class x prediction means over a million rows against reading the file once; memory of the process."""
    with tempfile.TemporaryDirectory() as folder:
        path = f"{folder}/wide.h5"
        wide_store(path)
        command = [
            PYTHON,
            "-m",
            "gradtools",
            "similarity",
            path,
            "--feature",
            "gradient",
            "--no-intervals",
            "--no-auc",
            "--tsv",
        ]
        ratio = turns(lambda: process(*command), lambda: process(PYTHON, "-c", READ_ONCE, path), 3)
        yield (
            f"class x prediction means of {WIDE[0]} x {WIDE[1]} / reading once (at least 1/6 as fast)",
            ratio,
            1 / 6,
        )
        peak = subprocess.run(
            [
                PYTHON,
                "-c",
                "import resource, subprocess, sys; subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL); "
                "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)",
                *command,
            ],
            capture_output=True,
            text=True,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        ).stdout
        yield "its memory: 1 GiB / peak", (2**20 / int(peak),) * 3, 1


def clusterings():
    """k-means and silhouette through our functions against scikit-learn's called directly."""
    from sklearn.cluster import KMeans
    from sklearn.metrics import silhouette_score

    from gradtools.math.clusters import clustering

    x = np.random.default_rng(0).standard_normal((2000, 128))
    labels = np.arange(2000) % 10
    yield (
        "k-means / scikit-learn",
        turns(
            lambda: clustering.kmeans(x, 10),
            lambda: KMeans(10, n_init=10, random_state=0).fit(x),
            3,
        ),
        0.95,
    )
    yield (
        "silhouette / scikit-learn",
        turns(
            lambda: clustering.silhouette_euclidean(x, labels), lambda: silhouette_score(x, labels)
        ),
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
        for name in cli.COMMANDS
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
        "with store.create(sys.argv[1], 'features', force=True) as sink: sink.put('/x', np.ones((65536, 1024), 'f4'), ['/sample', '/channel'], 'x')"
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
    """The output of a long job assembled from its blocks and sealed, a copy of the same file beside it; both synced.

    With --compress gzip takes the time, and the line has no target.
    """
    sys.path.insert(0, str(ROOT))
    yield from _finishing(40_000, False, 0.5)
    yield from _finishing(5_000, True, None)


def _finishing(n, compress, target):
    from gradtools import interrupt, store
    from gradtools.store import assembly, seal

    d = 2048

    rows = np.random.default_rng(0).standard_normal((256, d)).astype("f4")
    columns = [store.Column("/taps/a/gradient", (d,), ["channel"], "f4", "gradient")]
    growth = store.Growth(
        "features", columns, store.cut(256, n), {}, lambda sink: None, compress=compress
    )

    def finish(part, path):
        stored = ((block, part._done[block.number]) for block in growth.blocks)
        with seal.create_sealed(path) as file:
            assembly.fill(file, growth, stored, np.zeros(n, bool), interrupt.unwatched)
        sync(path)

    def sync(path):
        with open(path, "rb") as handle:
            os.fsync(handle.fileno())

    def copy(path, target):
        subprocess.run(["cp", "--reflink=never", path, target], check=True)
        sync(target)

    with tempfile.TemporaryDirectory() as folder:
        with contextlib.suppress(InterruptedError), store.grow(f"{folder}/a.h5", growth) as part:
            for block in growth.blocks:
                part.commit(block, {"/taps/a/gradient": rows[: len(block)]})
            finish(part, f"{folder}/whole.h5")
            yield (
                f"finish of {n * d * 4 >> 20} MiB of blocks{' --compress' * compress} / cp of the same file",
                turns(
                    lambda: finish(part, f"{folder}/b.h5"),
                    lambda: copy(f"{folder}/whole.h5", f"{folder}/c.h5"),
                    3,
                ),
                target,
            )
            raise InterruptedError  # the job itself ends without an output


LINES = {
    function.__name__: function
    for function in (
        extraction,
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
    )
}


def main(names):
    """Print every line: how many times as fast, its spread, the target and whether it is reached."""
    print(
        f"{os.cpu_count()} processors; each ratio: the other side's time / ours, median of turns [least, most]"
    )
    for name in names or LINES:
        for text, (ratio, low, high), target in LINES[name]():
            verdict = (
                ""
                if target is None
                else f"  target {target:.2f}  {'reached' if ratio >= target else 'NOT reached'}"
            )
            print(f"{ratio:7.2f} x [{low:.2f}, {high:.2f}]{verdict}  {text}", flush=True)
    print(
        f"peak memory of this process: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10} MiB; h5py {h5py.__version__}"
    )


if __name__ == "__main__":
    main(sys.argv[1:])
