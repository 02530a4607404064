"""Graphs from SPARQL endpoints, fetched around one's own items."""
