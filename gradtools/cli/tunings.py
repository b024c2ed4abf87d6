"""What `tune` prints and draws of a tuning that exists: the units of a part, and the population."""

import dataclasses
import sys
from typing import TYPE_CHECKING

from gradtools.errors import UsageError

if TYPE_CHECKING:
    from gradtools.selection.populations import Population
    from gradtools.selection.tunings import Tuning
    from gradtools.tables.model import Table

OF_UNITS = ("strips", "fields", "masks")  # pictures of the units of a part
OF_ALL = ("gallery", "tsne", "heat", "sparsity")  # pictures of the population


@dataclasses.dataclass(frozen=True)
class Asked:
    """What of a tuning is asked for."""

    part: str | None
    population: bool
    metric: str
    top: int
    clusters: int | None
    picture: str | None
    figure: str | None
    form: str | None
    seed: int

    @property
    def any(self) -> bool:
        """Whether the store is a tuning that is read."""
        return self.part is not None or self.population


def show(path: str, asked: Asked) -> None:
    """Show what is asked for of a tuning: its tables, and a picture where one is named.

    Raises
    ------
    UsageError, GradtoolsError
    """
    from gradtools import store
    from gradtools.cli import terminal
    from gradtools.selection import tunings

    if asked.part is not None and asked.population:
        raise UsageError("--of lists units of a part, --population all units: name one of them")
    known = OF_UNITS if asked.part is not None else OF_ALL
    if asked.picture is not None and asked.picture not in known:
        other = "--population" if asked.part is not None else "--of PART"
        raise UsageError(f"--picture {asked.picture} goes with {other}: here {', '.join(known)}")
    with store.read(path) as source:
        tuning = tunings.read(source)
        build = _units if asked.part is not None else _population
        terminal.print_tables(build(tuning, source.class_names, asked), asked.form, sys.stdout)


def _units(tuning: "Tuning", names: list[str], asked: Asked) -> "list[Table]":
    """The units that change a part most."""
    from gradtools import figures
    from gradtools.selection import tunings
    from gradtools.tables import tunings as tables

    assert asked.part is not None
    rows = tunings.top(tuning, asked.part, asked.metric, asked.top)
    if asked.figure:
        draw = {
            "strips": figures.unit_strips,
            "fields": figures.change_fields,
            "masks": figures.part_masks,
        }[asked.picture or "strips"]
        draw(tuning, rows, asked.figure, asked.part, asked.metric, names)
    return [tables.top(rows, asked.part, asked.metric, tuning)]


def _population(tuning: "Tuning", names: list[str], asked: Asked) -> "list[Table]":
    """What units do together, by one metric."""
    from gradtools.selection import populations
    from gradtools.stages import tune
    from gradtools.tables import populations as tables

    units = populations.of_tuning(tuning, asked.metric)
    if asked.clusters is not None and not 2 <= asked.clusters < len(units.number):
        raise UsageError(f"-k {asked.clusters}: between 2 and {len(units.number) - 1} clusters")
    if asked.figure:
        _draw(tuning, units, names, asked)
    results = tune.population.results(tuning, names, asked.metric, asked.clusters, asked.seed)
    return list(tables.tables([("", result) for result in results]))


def _draw(tuning: "Tuning", units: "Population", names: list[str], asked: Asked) -> None:
    """Draw the population."""
    from gradtools import figures

    picture = asked.picture or "gallery"
    if picture == "gallery":
        _gallery(tuning, units, names, asked)
    elif picture == "tsne":
        figures.label_planes(units, asked.figure, asked.seed)
    elif picture == "heat":
        figures.label_heat(units, asked.figure, asked.clusters)
    else:
        figures.sparsity_curves(units, names, asked.figure)


def _gallery(tuning: "Tuning", units: "Population", names: list[str], asked: Asked) -> None:
    """Draw the units of sparsest label vectors, each named by the part that it changes most."""
    from gradtools import figures
    from gradtools.selection import populations

    places, clear = populations.sparsest(units, asked.top)
    control = populations.sparsest_decoys(units, max(1, len(places) // 3))
    rows = [
        *populations.gallery(units, places),
        *populations.gallery(units, control, decoys=True),
    ]
    which = "that exceed decoys" if clear else "(none exceeds decoys)"
    title = f"units {which} of the sparsest change of {asked.metric}, and random directions"
    figures.unit_strips(tuning, rows, asked.figure, "", asked.metric, names, title)
