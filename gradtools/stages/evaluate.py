"""Any stores -> tables. Never runs a model, opens an image or clusters: it reads what the other commands stored."""

from collections.abc import Callable, Iterable, Iterator

from gradtools.errors import GradtoolsError
from gradtools.selection.subjects import Subject, gather
from gradtools.tables import (
    augmentation,
    channels,
    clustering,
    faithfulness,
    gradient_similarity,
    localization,
    maps,
    probes,
    retrieval,
    sanity,
    similarity,
)
from gradtools.tables.model import Table
from gradtools.tables.wording import FILLED_BY, LAYOUTS

__all__ = ["LAYOUTS", "evaluate", "gather", "missing"]

Build = Callable[[list[Subject]], Iterable[Table]]
BUILDERS: dict[str, Build] = {
    "similarity": similarity.build,
    "clustering": clustering.build,
    "layers": similarity.layers,
    "maps": maps.build,
    "augmentation": augmentation.build,
    "decoding": probes.build,
    "retrieval": retrieval.build,
    "channels": channels.make,
    "localization": localization.build,
    "faithfulness": faithfulness.build,
    "sanity": sanity.build,
}


def evaluate(
    subjects: list[Subject], layout: str | None = None, published: bool = False
) -> list[Table]:
    """Build the tables of a layout, or all that the stores can fill.

    Parameters
    ----------
    subjects : list of Subject
        From `gather`.
    layout : one of LAYOUTS, or None
    published : bool
        Show the blog post's values too, with its layout.

    Raises
    ------
    GradtoolsError
        The stores hold nothing for the layout.
    """
    if layout == "gradient-similarity":
        return list(gradient_similarity.build(subjects, published))
    tables = _every_table(subjects) if layout is None else list(BUILDERS[layout](subjects))
    if not tables:
        command = (
            FILLED_BY[layout]
            if layout
            else f"{FILLED_BY['similarity']} or {FILLED_BY['clustering']}"
        )
        raise GradtoolsError(
            f"the stores hold nothing for {'--layout ' + layout if layout else 'any table'}: {command} computes it"
        )
    return tables


def _every_table(subjects: list[Subject]) -> list[Table]:
    """Build what is printed without --layout: every table that the stores can fill."""
    made = {layout: list(build(subjects)) for layout, build in BUILDERS.items()}
    if made["layers"] and len(made["layers"][0].rows) <= len(subjects) * 2:
        made["layers"] = []  # the two default taps are in the other tables
    return [table for tables in made.values() for table in tables]


def missing(subjects: list[Subject], layout: str | None = None) -> Iterator[str]:
    """Yield the command for what no store holds and the layout shows, and what cannot be compared."""
    for subject in subjects:
        others = (subject.channels, subject.localization, subject.faithfulness, subject.sanity)
        if any(others) and not (subject.similarity or subject.clusters):
            continue  # they answer another question
        if (
            not subject.similarity
            and not subject.maps
            and layout in (None, "similarity", "layers", "maps", "gradient-similarity")
        ):
            yield f"{subject.name}: no similarities: {FILLED_BY['similarity']} computes them"
        if not subject.clusters and layout in (None, "clustering", "gradient-similarity"):
            yield f"{subject.name}: no clusters: {FILLED_BY['clustering']} computes them"
    unpaired = [subject.name for subject in subjects[1:] if not subject.same_samples(subjects[0])]
    if unpaired:
        yield f"{', '.join(unpaired)}: other samples than {subjects[0].name}'s: not paired with it"
