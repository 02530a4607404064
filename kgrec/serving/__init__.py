"""The REST service of a run: recommend, search, explain, and learn from what comes in."""
