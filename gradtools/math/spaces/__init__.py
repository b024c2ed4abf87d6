"""Comparison of whole spaces: RSA, CKA, trees side by side, taxonomies."""
