"""What a store holds, whether it is whole, its digests and its history."""

import collections
import json

from gradtools.store import Store, paths


def describe(source: Store) -> dict:
    """Return facts about an open store, in the order a reader asks (dict, JSON-able)."""
    facts = {
        "kind": source.kind,
        "uuid": source.uuid,
        "created": source.attributes("/").get("created"),
        "samples": source.n_samples,
        "sealed": int(source.sealed),
    }
    versions = source.texts(paths.CHANGED_BY)
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
            "shape": list(shape),
            "dtype": str(dtype),
            "bytes": int(size),
            "about": about,
        }
        for path, shape, dtype, size, about in source.datasets()
    }
    facts["history"] = [json.loads(line) for line in source.history_lines()]
    return facts
