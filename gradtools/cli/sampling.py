"""Options of the commands that draw samples of a generator: which generator, which samples, and the network that sees them."""

import dataclasses
from typing import TYPE_CHECKING

import click

from gradtools.cli import networks, options, passes
from gradtools.cli.terminal import Console
from gradtools.errors import UsageError, suggest

if TYPE_CHECKING:
    from gradtools.network.generators import Generator
    from gradtools.network.models import Model
    from gradtools.stages.run import Working
    from gradtools.store import Store


trust_generator = click.option(
    "--trust-generator",
    is_flag=True,
    help="Let the generator's own code open pickles, which run code when they are opened.",
)
of_link = options.combine(
    click.option(
        "--generator", metavar="SPEC", help="The link's generator.  [default: as the link names it]"
    ),
    trust_generator,
)


@dataclasses.dataclass(frozen=True)
class Samples:
    """Which generator samples come from, and which samples."""

    generator: str | None
    trust_generator: bool
    psi: float
    per_class: int | None
    of_class: tuple[str, ...]

    def load(self, console: Console, device: str = "cpu") -> "Generator":
        """Load the generator, tried on a first batch, and print what it is.

        Raises
        ------
        UsageError, GradtoolsError
        """
        from gradtools.network import generators

        assert self.generator is not None
        made = generators.load(self.generator, device, self.trust_generator)
        kind = f"{made.n_classes} classes" if made.n_classes else "unconditional"
        channels, height, width = made.shape
        console.say(
            f"generator {self.generator}: {kind}, {made.width} latent dimensions, images {channels} x {height} x {width}"
        )
        return made

    def numbers(self, made: "Generator") -> list[int] | None:
        """Return the classes asked for, by name or number; None for all.

        Raises
        ------
        UsageError
            The generator has no such class.
        """
        if not self.of_class:
            return None
        if not made.n_classes:
            raise UsageError(f"--class: generator {self.generator} is unconditional")
        known = {name.lower(): place for place, name in enumerate(made.classes)}
        known |= {str(place): place for place in range(made.n_classes)}
        for name in self.of_class:
            if name.lower() not in known:
                raise UsageError(
                    f"--class {name}: generator {self.generator} has no such class; "
                    f"{suggest(name, list(made.classes) or list(known))}"
                )
        return list(dict.fromkeys(known[name.lower()] for name in self.of_class))


def _samples(required: bool, per_class: int | None) -> options.Decorator:
    return options.record(
        "samples",
        Samples,
        click.option(
            "--generator",
            required=required,
            metavar="SPEC",
            help="file.py:NAME, package.module:NAME or a TorchScript FILE.pt (gradtools help mathematics#generators).",
        ),
        trust_generator,
        click.option(
            "--psi",
            type=click.FloatRange(0),
            default=1.0,
            help="Truncation: how far samples may be from the centre of their class, 1 for as far as they go.",
        ),
        click.option(
            "--per-class",
            type=click.IntRange(1),
            default=per_class,
            metavar="N",
            help="Samples a class; of an unconditional generator in all.",
        ),
        click.option(
            "--class",
            "of_class",
            multiple=True,
            metavar="NAME",
            help="Classes of the generator, by name or number (repeat).  [default: all]",
        ),
    )


def samples(per_class: int) -> options.Decorator:
    """Return the options of `Samples` for a command that needs a generator, as the parameter `samples`."""
    return _samples(True, per_class)


samples_or_none = _samples(False, None)


def linked(
    console: Console, samples: Samples, network: networks.Network, device: str
) -> tuple["Generator", "Model"]:
    """Load a generator and the network that sees its samples.

    Raises
    ------
    UsageError, GradtoolsError
    """
    made = samples.load(console, settled_device(device))
    return made, _seeing(made, network, console, samples.psi)


def _seeing(
    made: "Generator", network: networks.Network, console: Console, psi: float = 1.0
) -> "Model":
    """Load a network, tried on a sample of a generator."""
    from gradtools.network import generators

    first, _ = made.synth(made.draw([0], [0] if made.n_classes else None, psi))
    return network.load(console, sample=lambda rules: generators.view(first.cpu(), rules)[0])


def of_stored_link(
    console: Console,
    source: "Store",
    network: networks.Network,
    generator: str | None,
    trust_generator: bool,
    device: str,
) -> tuple["Generator", "Model"]:
    """Load the generator and the network of a stored link; what the options name counts before it.

    Raises
    ------
    UsageError, GradtoolsError
    """
    from gradtools.network import generators
    from gradtools.selection import links

    spec = generator or links.read(source).generator
    made = generators.load(spec, settled_device(device), trust_generator)
    return made, _seeing(made, as_linked(network, source), console)


def as_linked(network: networks.Network, source: "Store") -> networks.Network:
    """Return the network of the options, the link's where none is named."""
    if network.model is not None:
        return network
    return dataclasses.replace(
        network,
        model=str(source.model["model"]),
        weights=network.weights if network.weights != "default" else str(source.model["weights"]),
    )


def settled_device(device: str) -> str:
    """Return the device that `auto` stands for, or the one named."""
    from gradtools.network.passes import settled_device as settled

    return settled(device)


@dataclasses.dataclass(frozen=True)
class Compute:
    """How pictures are computed and values stored."""

    batch_size: int
    device: str
    dtype: str
    compress: bool


compute = options.record(
    "compute",
    Compute,
    click.option(
        "--batch-size", type=click.IntRange(1), default=64, help="Pictures computed at once."
    ),
    passes.device,
    passes.dtype,
    passes.compress,
)


@dataclasses.dataclass(frozen=True)
class Job:
    """How a long job runs; its values do not depend on it."""

    restart: bool
    threads: int | None

    def how(self, console: Console, force: bool) -> "Working":
        """Return what stages take of it: fields of `run.Run`."""
        return {
            "restart": self.restart,
            "threads": self.threads,
            "force": force,
            "say": console.say,
            "progress": console.progress,
        }


job = options.record(
    "job",
    Job,
    passes.restart,
    passes.threads,
)
