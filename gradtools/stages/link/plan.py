"""What a link is made of: generator, classifier, how their classes meet, which pairs, which are held out."""

import dataclasses
import hashlib
from collections.abc import Callable, Sequence

import numpy as np

from gradtools.errors import GradtoolsError, UsageError
from gradtools.images import labels
from gradtools.math.links import fitting
from gradtools.network import generators, models


@dataclasses.dataclass(frozen=True)
class Options:
    """What decides the values.

    Attributes
    ----------
    psi : float
    latent : str
        Where latents are read (`generators.latents`).
    per_class : int
        Pairs a class; of an unconditional generator in all.
    method : str
        "ridge" or "ols".
    held_out : float
        Share of the pairs that the fit does not see.
    repeats, classes, examples : int
        Of the feasibility: repetitions, classes and samples of each.
    attempts : int
        Draws until a sample counts as not recognised.
    resamples, seed, batch_size : int
    device, dtype : str
    compress : bool
    """

    psi: float = 1.0
    latent: str = "w"
    per_class: int = 500
    method: fitting.Method = "ridge"
    held_out: float = 0.2
    repeats: int = 100
    classes: int = 5
    examples: int = 100
    attempts: int = 20
    resamples: int = 1000
    seed: int = 0
    batch_size: int = 64
    device: str = "cpu"
    dtype: str = "float32"
    compress: bool = False


@dataclasses.dataclass(frozen=True)
class Plan:
    """A link to be made.

    Attributes
    ----------
    generator : generators.Generator
        At the latent of the options.
    classifier : generators.Classifier
    embedder : generators.Classifier or None
        Another network, for the perceptual distance.
    numbers : (G,) int array
        Classes of the generator that are drawn; of an unconditional one those of the model.
    names : list of str, G
    member : (G, K) u8 array
        The model's classes that each is.
    entries : int
        Pairs, those not recognised among them.
    held : (entries,) bool array
    given : dict of str to array
        Pairs of a file: w, r, label; empty where they are drawn.
    options : Options
    """

    generator: generators.Generator
    classifier: generators.Classifier
    embedder: generators.Classifier | None
    numbers: np.ndarray
    names: list[str]
    member: np.ndarray
    entries: int
    held: np.ndarray
    given: dict[str, np.ndarray]
    options: Options

    @property
    def conditional(self) -> bool:
        """Whether samples are drawn of a class."""
        return self.generator.n_classes is not None

    @property
    def width(self) -> int:
        """Numbers that the head reads."""
        return self.classifier.model.classifier.weight.shape[1]

    def classes_of(self, label: np.ndarray) -> np.ndarray | None:
        """Return the generator's classes (N,) of labels (N,); None where its latents are pictures without one."""
        if not self.generator.needs_class:
            return None
        return self.numbers[label]

    @property
    def given_digest(self) -> str:
        """SHA-256 (hex) of the pairs of a file; empty where they are drawn."""
        sha = hashlib.sha256()
        for name in sorted(self.given):
            sha.update(np.ascontiguousarray(self.given[name]).tobytes())
        return sha.hexdigest() if self.given else ""


def make_plan(
    generator: generators.Generator,
    model: models.Model,
    options: Options,
    numbers: Sequence[int] | None = None,
    pairs_file: str | None = None,
    embedder: models.Model | None = None,
    say: Callable[[str], None] = print,
) -> Plan:
    """Check the classifier on samples, and decide which pairs there will be.

    Raises
    ------
    UsageError, GradtoolsError
    """
    generator = generators.latents.at(generator, options.latent, options.psi)
    pictures = generator.example(options.psi)
    classifier = generators.Classifier.of(model, pictures, options.device, options.dtype)
    n_classes = len(model.classifier.weight)
    chosen, names, member = _classes(generator, model, n_classes, numbers, say)
    given = _read(pairs_file, generator, model) if pairs_file else {}
    entries = (
        len(given["w"])
        if given
        else options.per_class * (len(chosen) if generator.n_classes else 1)
    )
    if entries < 10:
        raise UsageError(f"{entries} pairs are too few to fit and to hold some out: at least 10")
    held = fitting.split(entries, options.held_out, options.seed)
    seen = generators.Classifier(embedder, options.device, options.dtype) if embedder else None
    if seen is not None:
        seen.model.module.to(options.device)
    return Plan(generator, classifier, seen, chosen, names, member, entries, held, given, options)


def _classes(
    generator: generators.Generator,
    model: models.Model,
    n_classes: int,
    numbers: Sequence[int] | None,
    say: Callable[[str], None],
) -> tuple[np.ndarray, list[str], np.ndarray]:
    """Classes that are drawn, their names, and the model's classes that each is."""
    if generator.n_classes is None:
        names = list(model.class_names or map(str, range(n_classes)))
        say(
            f"generator {generator.spec} is unconditional: the class of a sample is the classifier's argmax"
        )
        return np.arange(n_classes), names, np.eye(n_classes, dtype="u1")
    if generator.classes and model.class_names:
        mapping = labels.match(list(generator.classes), model.class_names, n_classes=n_classes)
        member = mapping.member
        if mapping.note:
            say(mapping.note)
    elif generator.n_classes == n_classes:
        member = np.eye(n_classes, dtype="u1")
        say(f"the generator's {n_classes} classes are taken for the model's, by number")
    else:
        member = np.zeros((generator.n_classes, n_classes), "u1")
    chosen = np.arange(generator.n_classes) if numbers is None else np.array(numbers)
    unmet = [int(number) for number in chosen if not member[number].any()]
    if len(unmet) == len(chosen):
        raise UsageError(
            f"no class of generator {generator.spec} ({generator.n_classes}) is one of model {model.spec} ({n_classes}): equal names, or as "
            "many classes in the same order, are needed; --class-names FILE names the model's"
        )
    if unmet:
        say(f"{len(unmet)} classes of the generator meet none of the model's: not drawn")
        chosen = chosen[[int(number) not in unmet for number in chosen]]
    names = [generator.classes[number] if generator.classes else str(number) for number in chosen]
    return chosen, names, member[chosen]


def _read(path: str, generator: generators.Generator, model: models.Model) -> dict[str, np.ndarray]:
    """The pairs of an NPZ file."""
    try:
        with np.load(path, allow_pickle=False) as file:
            given = {name: file[name] for name in ("w", "r", "label") if name in file}
    except (OSError, ValueError) as error:
        raise UsageError(f"--pairs-file {path} cannot be read as NPZ: {error}") from error
    expected = {"w": generator.width, "r": model.classifier.weight.shape[1]}
    for name, width in expected.items():
        if name not in given or given[name].ndim != 2 or given[name].shape[1] != width:
            shape = given[name].shape if name in given else "missing"
            raise UsageError(
                f"--pairs-file {path}: {name} must have shape (N, {width}), it is {shape}"
            )
        if not np.isfinite(given[name]).all():
            raise GradtoolsError(f"--pairs-file {path}: {name} has NaN or infinite values")
    if len({len(values) for values in given.values()}) > 1:
        raise UsageError(f"--pairs-file {path}: its arrays differ in length")
    return given
