"""How much memory and time commands take as data grows: each runs as a process of its own, and its peak is what the kernel counted.

    python tests/bench/scale.py store 1000000        # vectors: import, similarity, clusters, one query, export
    python tests/bench/scale.py images 50000         # small images through extract
    python tests/bench/scale.py maps 10000           # maps under all metrics
    python tests/bench/scale.py matrix 30000         # every pair to disk
    python tests/bench/scale.py tree 5000            # a tree and a comparison

Prints a line a command: seconds, processor seconds, peak memory in MiB, bytes of its output; the exit status is 1 where one fails or
takes more than `--limit` MiB. The data lie below `--folder` and are removed.
"""

import argparse
import contextlib
import os
import shutil
import subprocess
import sys
import tempfile
import time

LIMIT = 1024
WIDTH = 512
HERE = os.path.dirname(os.path.abspath(__file__))

NETWORK = """
import torch
from torch import nn

PREPROCESS = {"resize": None, "crop": None, "mean": (0.5, 0.5, 0.5), "std": (0.25, 0.25, 0.25)}


def make():
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(3, 16, 3, 2, 1), nn.ReLU(), nn.Conv2d(16, 64, 3, 2, 1), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(),
        nn.Linear(64, 10),
    )
"""

VECTORS = """
import sys, zipfile
import numpy as np
path, count, width = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
rng = np.random.default_rng(0)
centres = rng.standard_normal((100, width)).astype("f4")
label = rng.integers(0, 100, count)

def header(shape, dtype):
    import io
    file = io.BytesIO()
    np.lib.format.write_array_header_1_0(file, {"descr": np.dtype(dtype).str, "fortran_order": False, "shape": shape})
    return file.getvalue()

with zipfile.ZipFile(path, "w", allowZip64=True) as made:
    with made.open("features.npy", "w", force_zip64=True) as file:
        file.write(header((count, width), "f4"))
        for start in range(0, count, 10000):
            part = label[start:start + 10000]
            file.write((centres[part] + 2 * rng.standard_normal((len(part), width), "f4")).tobytes())
    if width == 64:
        with made.open("other.npy", "w") as file:
            file.write(header((count, width), "f4"))
            file.write((centres[label] + 3 * rng.standard_normal((count, width), "f4")).tobytes())
    for name, values in {"label": label, "predicted": np.where(rng.random(count) < .8, label, rng.integers(0, 100, count))}.items():
        with made.open(name + ".npy", "w") as file:
            file.write(header((count,), "i8"))
            file.write(values.astype("i8").tobytes())
    with made.open("class_name.npy", "w") as file:
        names = np.array([f"c{number:02}" for number in range(100)])
        file.write(header(names.shape, names.dtype))
        file.write(names.tobytes())
"""

IMAGES = """
import os, sys
import numpy as np
from PIL import Image
folder, count, side = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
rng = np.random.default_rng(0)
for label in range(10):
    os.makedirs(os.path.join(folder, f"c{label}"))
for number in range(count):
    pixels = rng.integers(0, 256, (8, 8, 3), "u1").repeat(side // 8, 0).repeat(side // 8, 1)
    Image.fromarray(pixels).save(os.path.join(folder, f"c{number % 10}", f"{number:06}.jpg"))
"""


def run(words, output=None, env=None):
    """Run a process; gives status, seconds, processor seconds, peak MiB and MB written."""
    began = time.monotonic()
    process = subprocess.Popen(words, stdout=subprocess.DEVNULL, env=env)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    size = os.path.getsize(output) / 1e6 if output and os.path.exists(output) else 0
    seconds = time.monotonic() - began
    return (
        process.returncode,
        seconds,
        usage.ru_utime + usage.ru_stime,
        usage.ru_maxrss / 1024,
        size,
    )


def store(folder, count):
    """Commands over vectors; yields (name, words after gradtools, output)."""
    given, made = os.path.join(folder, "given.npz"), os.path.join(folder, "store.h5")
    subprocess.run([sys.executable, "-c", VECTORS, given, str(count), str(WIDTH)], check=True)
    one = ["--feature", "features"]
    yield "import", ["import", given, "-o", made], made
    os.unlink(given)
    out = os.path.join(folder, "out")
    yield (
        "means, class x prediction",
        ["similarity", made, *one, "--no-intervals", "-o", f"{out}1.h5"],
        f"{out}1.h5",
    )
    words = ["cluster", made, *one, "--method", "kmeans", "--repeats", "2", "-o", f"{out}3.h5"]
    yield "k-means, components", words, f"{out}3.h5"
    yield "neighbours of one", ["neighbors", made, *one, "--of", "0", "--tsv"], None
    for end in ("npz", "parquet"):
        yield f"export {end}", ["export", made, *one, "-o", f"{out}.{end}"], f"{out}.{end}"
        with contextlib.suppress(FileNotFoundError):
            os.unlink(f"{out}.{end}")
    yield "means with intervals", ["similarity", made, *one, "-o", f"{out}2.h5"], f"{out}2.h5"


def images(folder, count):
    """extract of small images, of a tenth of them and of all: memory that is flat is the same."""
    net = os.path.join(folder, "net.py")
    with open(net, "w") as file:
        file.write(NETWORK)
    for share in (count // 10, count):
        where = os.path.join(folder, f"photos{share}")
        subprocess.run([sys.executable, "-c", IMAGES, where, str(share), "32"], check=True)
        out = os.path.join(folder, f"{share}.h5")
        yield (
            f"extract of {share:,}",
            ["extract", where, "--model", f"{net}:make", "--batch-size", "64", "-o", out],
            out,
        )
        shutil.rmtree(where)


def maps(folder, count):
    """Maps of small images, and their similarity by all metrics."""
    net, where = os.path.join(folder, "net.py"), os.path.join(folder, "photos")
    with open(net, "w") as file:
        file.write(NETWORK)
    subprocess.run([sys.executable, "-c", IMAGES, where, str(count), "32"], check=True)
    out, metrics = (
        os.path.join(folder, "maps.h5"),
        ("CC", "SIM", "KLD", "JSD", "AUC", "NSS", "SSIM"),
    )
    words = [
        "saliency",
        where,
        "--model",
        f"{net}:make",
        "--tap",
        "3",
        "--batch-size",
        "64",
        "-o",
        out,
    ]
    yield "saliency", words, out
    every = [word for metric in metrics for word in ("--map-metric", metric)]
    words = ["similarity", out, "--feature", "map:gradcam", *every, "--resamples", "100"]
    yield "all metrics, within and between classes", [*words, "-o", f"{out}-1.h5"], f"{out}-1.h5"


def matrix(folder, count):
    """Every pair of vectors to disk."""
    given, made = os.path.join(folder, "given.npz"), os.path.join(folder, "store.h5")
    subprocess.run([sys.executable, "-c", VECTORS, given, str(count), str(WIDTH)], check=True)
    yield "import", ["import", given, "-o", made], made
    out = os.path.join(folder, "matrix.h5")
    words = ["similarity", made, "--feature", "features", "--matrix", "--no-intervals", "-o", out]
    yield "similarity --matrix", words, out


def tree(folder, count):
    """A tree of samples, and two feature spaces compared."""
    given, made = os.path.join(folder, "given.npz"), os.path.join(folder, "store.h5")
    subprocess.run([sys.executable, "-c", VECTORS, given, str(count), "64"], check=True)
    yield "import", ["import", given, "-o", made], made
    out = os.path.join(folder, "out")
    words = ["dendrogram", made, "--feature", "features", "--resamples", "2", "-o", f"{out}1.h5"]
    yield "tree", words, f"{out}1.h5"
    words = ["compare", f"{made}::features", f"{made}::other", "-o", f"{out}2.h5"]
    yield "compare", words, f"{out}2.h5"


TRIALS = {trial.__name__: trial for trial in (store, images, maps, matrix, tree)}


def main():
    """Run one trial and print its lines; returns 1 where one of them is beyond the limit."""
    parser = argparse.ArgumentParser()
    parser.add_argument("trial", choices=TRIALS)
    parser.add_argument("count", type=int)
    parser.add_argument("--limit", type=float, default=LIMIT)
    parser.add_argument("--folder")
    asked = parser.parse_args()
    worst = 0
    env = {**os.environ, "PYTHONPATH": os.path.dirname(os.path.dirname(HERE))}
    with tempfile.TemporaryDirectory(dir=asked.folder) as folder:
        print(f"{asked.trial} of {asked.count:,}: seconds, processor seconds, peak MiB, MB written")
        for name, words, output in TRIALS[asked.trial](folder, asked.count):
            status, seconds, busy, peak, size = run(
                [sys.executable, "-m", "gradtools", *words, "-q"], output, env
            )
            worst = max(worst, peak > asked.limit, status != 0)
            verdict = (
                f"status {status}" if status else "" if peak <= asked.limit else "beyond the limit"
            )
            print(
                f"{name:45} {seconds:9.1f} {busy:9.1f} {peak:9.0f} {size:9.1f}  {verdict}",
                flush=True,
            )
    return worst


if __name__ == "__main__":
    sys.exit(main())
