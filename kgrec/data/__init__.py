"""Interactions, vocabularies, splits, and the file formats that known data sets come in."""
