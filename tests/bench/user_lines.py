"""What users wait for: pictures of maps, clusterings with their repeats, probes, tuned units, and modules that nobody needs."""

import contextlib
import statistics
import subprocess
import sys
import tempfile
import time
import warnings
from pathlib import Path

import numpy as np
from measure import Ratio, size, turns

PICTURES = 20  # a second of one core


def pictures():
    """Overlays, sheets and grids of 224 x 224 maps: CPU seconds a picture, against 20 a second."""
    from gradtools import store
    from gradtools.figures import overlays

    with tempfile.TemporaryDirectory() as folder:
        path = _maps(folder, size(40, 4))
        rates = []
        with store.read(path) as source:
            album = overlays.open_album(source)
            for turn in range(size(4, 2)):
                start = time.process_time()
                made = overlays.draw(album, f"{folder}/{turn}", size(100, 5), lambda line: None)
                rates.append(len(made) / (time.process_time() - start) / PICTURES)
        rates = rates[1:]  # the first decodes the images
        value = statistics.median(rates)
        yield (
            f"pictures a second of a core ({value * PICTURES:.0f}) / {PICTURES}",
            Ratio(value, min(rates), max(rates), value),
            1.0,
        )


def _maps(folder, count):
    """Path of a store of Grad-CAM of random images by SqueezeNet."""
    from PIL import Image

    from gradtools import images
    from gradtools.network import models
    from gradtools.stages import saliency

    rng = np.random.default_rng(0)
    for number in range(count):
        coarse = rng.integers(0, 256, (8, 8, 3), dtype="u1")
        picture = Image.fromarray(coarse).resize((256, 256), Image.Resampling.BICUBIC)
        (Path(folder) / f"images/{number % 4}").mkdir(parents=True, exist_ok=True)
        picture.save(Path(folder) / f"images/{number % 4}/{number}.png")
    model = models.load("squeezenet1_0", "random")
    options = saliency.Options(method=("gradcam",), layers=1)
    listed = images.list_images([f"{folder}/images"])
    saliency.saliency(listed, model, f"{folder}/maps.h5", options, say=lambda line: None)
    return f"{folder}/maps.h5"


def few_rows():
    """60 rows of 512: ten repeats of ten starts, and half samples, against scikit-learn called once for each."""
    from sklearn.cluster import KMeans
    from sklearn.mixture import GaussianMixture

    from gradtools.math.clusters import clustering, half_samples
    from gradtools.store import allocator

    allocator.keep_freed_memory()
    warnings.simplefilter("ignore")
    rng, k = np.random.default_rng(0), 10
    classes = np.arange(60) % k
    x = rng.standard_normal((k, 512))[classes] + 1.5 * rng.standard_normal((60, 512))
    x /= np.linalg.norm(x, axis=1, keepdims=True)
    seeds = range(size(10, 2))
    halves = half_samples.half_samples(classes, size(40, 2))

    def ours():
        return clustering.kmeans_of_seeds(x, k, seeds)

    def loop():
        return [KMeans(k, n_init=10, random_state=seed).fit(x) for seed in seeds]

    inertia = np.mean([one.inertia for one in ours()]) / np.mean([one.inertia_ for one in loop()])
    text = f"k-means of 60 rows, {len(seeds)} repeats / scikit-learn in a loop (inertia {inertia:.4f} of its)"
    yield text, turns(ours, loop), 10
    yield from _more_rows(seeds)

    def halves_together(method):
        half_samples.replicates(x, halves, half_samples.Method(method, k, 5), classes)

    def halves_in_a_loop(make):
        for half in halves:
            for seed in range(half_samples.FITS["kmeans"]):
                make(seed).fit(x[half])

    yield (
        f"the same of {len(halves)} half samples, with their indices / scikit-learn's fits in a loop",
        turns(
            lambda: halves_together("kmeans"),
            lambda: halves_in_a_loop(lambda seed: KMeans(k, n_init=5, random_state=seed)),
            3,
        ),
        10,
    )

    def mixture(seed):
        return GaussianMixture(k, covariance_type="diag", n_init=5, random_state=seed)

    yield (
        "the same by mixtures",
        turns(lambda: halves_together("gmm"), lambda: halves_in_a_loop(mixture), 3),
        2,
    )


def _more_rows(seeds):
    """500 rows of 64 numbers, where each of scikit-learn's steps is arithmetic for the most part, as ours is."""
    from sklearn.cluster import KMeans

    from gradtools.math.clusters import clustering

    rng, k = np.random.default_rng(0), 10
    classes = np.arange(size(500, 60)) % k
    x = rng.standard_normal((k, 64))[classes] + 2 * rng.standard_normal((len(classes), 64))
    x /= np.linalg.norm(x, axis=1, keepdims=True)

    def ours():
        return clustering.kmeans_of_seeds(x, k, seeds)

    def loop():
        return [KMeans(k, n_init=10, random_state=seed).fit(x) for seed in seeds]

    inertia = np.mean([one.inertia for one in ours()]) / np.mean([one.inertia_ for one in loop()])
    text = f"k-means of {len(x)} x 64, {len(seeds)} repeats / scikit-learn in a loop (inertia {inertia:.4f} of its)"
    yield text, turns(ours, loop), 10


def probes():
    """A cross-validated probe of 60 rows of 512 with 20 shuffles, against scikit-learn's pipeline in a loop."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import StratifiedKFold, cross_val_score
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    from gradtools.math.rows import probe

    rng, shuffles = np.random.default_rng(0), size(20, 1)
    labels = np.arange(60) % 10
    x = rng.standard_normal((10, 512))[labels] + 2 * rng.standard_normal((60, 512))

    def loop():
        pipeline = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))
        folds = StratifiedKFold(5, shuffle=True, random_state=0)
        for turn in range(1 + shuffles):
            cross_val_score(pipeline, x, rng.permutation(labels) if turn else labels, cv=folds)

    yield (
        f"probe of 60 x 512, {shuffles} shuffles / scikit-learn's pipeline in a loop",
        turns(lambda: probe.decode(x, labels, None, shuffles), loop, 3),
        3,
    )


def tuning():
    """Units of the bundled creatures: images a second, and the share that generator, parts and network take of the CPU time."""
    from gradtools import store
    from gradtools.network import generators
    from gradtools.stages import link, tune
    from gradtools.stages.demo import links
    from gradtools.stages.tune.compute import tuned

    spec, model, psi, _ = links.BUNDLED["creatures"]
    made, network = links._loaded(spec, model, psi)
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as stack:
        path = f"{folder}/link.h5"
        asked = link.Options(psi=psi, per_class=size(50, 20), repeats=2)
        link.link(
            link.make_plan(made, network, asked, say=lambda line: None), path, say=lambda line: None
        )
        source = stack.enter_context(store.read(path))
        plan = tune.make_plan(source, made, network, tune.Options(), lambda line: None)
        block = store.cut(size(8, 1), len(plan.directions))[0]
        images = len(block) * plan.options.samples * plan.options.steps
        inside = [0.0]
        for owner, name in (
            (generators.Generator, "render"),
            (type(plan.classifier), "encode"),
            (type(plan.segmenter), "find"),
        ):
            stack.enter_context(_timed(owner, name, inside))
        shares, rates = [], []
        for _ in range(1 + size(3, 1)):
            inside[0], start = 0.0, time.process_time()
            tuned(plan, block)
            took = time.process_time() - start
            shares.append(inside[0] / took)
            rates.append(images / took)
    rate = statistics.median(rates[1:])
    hours = 2 * 2048 * plan.options.samples * plan.options.steps / rate / 3600
    yield (
        f"of tune's CPU time are generator, parts and network ({rate:.0f} images a second; 2,048 units and decoys: {hours:.1f} h)",
        Ratio(statistics.median(shares[1:]), min(shares[1:]), max(shares[1:])),
        0.25,
    )


@contextlib.contextmanager
def _timed(owner, name, inside):
    """Add the CPU seconds of a method to `inside`; a field of a frozen record is wrapped on the class's instances by their getter."""
    method = getattr(owner, name, None)
    if method is None:
        yield
        return

    def run(*arguments, **options):
        start = time.process_time()
        answer = method(*arguments, **options)
        inside[0] += time.process_time() - start
        return answer

    setattr(owner, name, run)
    try:
        yield
    finally:
        setattr(owner, name, method)


def imports():
    """Modules that a command loads before it draws or computes: none of matplotlib, torch and scikit-learn."""
    heavy = ("matplotlib", "torch", "sklearn", "pandas", "torchvision")
    lines = {
        "--figure is checked": "from gradtools import figures; figures.check('a.png')",
        "info": "from gradtools.cli import info",
        "similarity": "from gradtools.cli import similarity; from gradtools.stages import similarity",
        "cluster": "from gradtools.cli import cluster; from gradtools.stages import cluster",
        "evaluate": "from gradtools.cli import evaluate; from gradtools.stages import evaluate",
    }
    for name, line in lines.items():
        code = f"import sys; {line}; print(*(name for name in {heavy!r} if name in sys.modules))"
        loaded = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=True
        ).stdout.split()
        text = f"{name}: " + (
            f"loads {', '.join(loaded)}" if loaded else "loads none of " + ", ".join(heavy)
        )
        yield text, Ratio(*3 * [float(not loaded)]), 1
