"""Words that stores keep for values of options whose names have changed: stored values are part of a store's digests.

A store is written with the stored word and read back into the option's; what is shown is always the option's word.
"""

LINKAGE_ON = {"rows": "rows", "as-published": "seed", "as-meant": "intent"}
EMBEDDING = {
    "head-input": "pooled"
}  # other values, output and the names of taps, are stored as they are
