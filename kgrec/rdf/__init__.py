"""RDF syntaxes to the columns of a graph and back: sources, parsing, compiled loops, writing."""
