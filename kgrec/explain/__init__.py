"""Why an item is recommended: the paths through the graph that lead to it, and a sentence."""
