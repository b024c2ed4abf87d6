"""What samples are called, and which words stores keep for values of options; imports nothing, so that --help stays fast.

A renamed option is written with its old word, for stored values are part of a store's digests, and read back into the new
one: what is shown is always the option's word.
"""

LINKAGE_ON = {"rows": "rows", "as-published": "seed", "as-meant": "intent"}
EMBEDDING = {
    "head-input": "pooled"
}  # other values, output and the names of taps, are stored as they are


def units(unit: str, count: int = 0) -> str:
    """Return what so many samples of a store are called: image or images, class or classes, channel or channels."""
    return unit if count == 1 else "classes" if unit == "class" else f"{unit}s"
