"""Any stores -> the papers' tables. Never runs a model, opens an image or clusters: it reads what the other commands stored."""

from gradtools.errors import GradtoolsError
from gradtools.selection.subjects import gather
from gradtools.tables import (
    augmentation,
    channels,
    clustering,
    gradient_similarity,
    maps,
    probes,
    retrieval,
    similarity,
)
from gradtools.tables.model import Cell, Table
from gradtools.tables.wording import FILLED_BY, LAYOUTS

__all__ = ["LAYOUTS", "FILLED_BY", "Cell", "Table", "evaluate", "gather"]


def evaluate(subjects, layout=None, published=False):
    """Tables of a layout, or of all that the stores can fill.

    Parameters
    ----------
    subjects : list of Subject
        From `gather`.
    layout : one of LAYOUTS, or None
    published : bool
        Whether the seed's layout shows the published values too.

    Returns
    -------
    list of Table
    """
    if layout == "seed":
        return list(gradient_similarity.tables(subjects, published))
    makers = {
        "similarity": similarity.make,
        "clustering": clustering.make,
        "layers": similarity.layers,
        "maps": maps.make,
        "augmentation": augmentation.make,
        "decoding": probes.make,
        "retrieval": retrieval.make,
        "channels": channels.make,
    }
    made = {name: list(maker(subjects)) for name, maker in makers.items() if layout in (None, name)}
    if layout is None and made.get("layers") and len(made["layers"][0].rows) <= len(subjects) * 2:
        made["layers"] = []  # the two default taps are in the other tables
    found = [table for part in made.values() for table in part]
    if not found:
        command = (
            FILLED_BY[layout]
            if layout
            else f"{FILLED_BY['similarity']} or {FILLED_BY['clustering']}"
        )
        raise GradtoolsError(
            f"the stores hold nothing for {'--layout ' + layout if layout else 'any table'}: {command} computes it"
        )
    return found


def missing(subjects, layout=None):
    """Lines that name the command for what no store holds and the layout shows, and what cannot be compared."""
    for subject in subjects:
        if subject.channels and not (subject.similarity or subject.clusters):
            continue  # they answer another question
        if (
            not subject.similarity
            and not subject.maps
            and layout in (None, "similarity", "layers", "maps", "seed")
        ):
            yield f"{subject.name}: no similarities: {FILLED_BY['similarity']} computes them"
        if not subject.clusters and layout in (None, "clustering", "seed"):
            yield f"{subject.name}: no clusters: {FILLED_BY['clustering']} computes them"
    others = [subject.name for subject in subjects[1:] if not subject.same_samples(subjects[0])]
    if others:
        yield f"{', '.join(others)}: other samples than {subjects[0].name}'s: not paired with it"
