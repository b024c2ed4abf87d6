"""Rows of vectors: normalisation, nearest rows, retrieval, linear probes."""
