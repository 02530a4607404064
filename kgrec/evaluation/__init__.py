"""Metrics, evaluation protocols, significance tests, and rankings in TREC format."""
