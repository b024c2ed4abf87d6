"""What a store holds, whether it is whole, its digests and its history."""

import collections
import json

from gradtools import store
from gradtools.errors import GradtoolsError
from gradtools.store import paths


def describe(source):
    """Facts about an open store, in the order a reader asks (dict, JSON-able)."""
    facts = {
        "kind": source.kind,
        "uuid": source.uuid,
        "created": source.attributes("/").get("created"),
        "samples": source.n_samples,
    }
    versions = source.values(paths.CHANGED_BY)
    if versions is not None and any(versions):
        facts["versions"] = dict(collections.Counter(kind for kind in versions if kind))
    if source.class_names:
        facts["classes"] = source.class_names
    if source.model:
        facts["model"] = source.model
    if source.taps:
        facts["taps"] = {tap: source.attributes(paths.tap(tap)) for tap in source.taps}
    facts["datasets"] = {
        path: {
            "shape": list(dataset.shape),
            "dtype": str(dataset.dtype),
            "bytes": int(dataset.id.get_storage_size()),
            "about": str(dataset.attrs.get("long_name", "")),
        }
        for path, dataset in store.datasets(source.file)
    }
    facts["history"] = [json.loads(line) for line in source.history_lines()]
    return facts


def check(source):
    """Read every value once, so that every checksum is tested.

    Raises
    ------
    GradtoolsError
        Names the first dataset that cannot be read.
    """
    found = {}
    for path, dataset in store.datasets(source.file):
        try:
            found[path] = store.dataset_digest(dataset)
        except OSError as error:
            raise GradtoolsError(f"{source.name}: {path} is damaged ({error}): make the store again") from error
    return found
