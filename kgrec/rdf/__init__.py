"""RDF syntaxes to statements and back: sources, parsing, compiled loops, writing."""
