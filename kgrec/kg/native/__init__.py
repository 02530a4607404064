"""Compiled loops over the bytes of N-Triples and N-Quads."""
