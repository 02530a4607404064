"""The knowledge graph: what is done with its columns, tables that become one, what is in it."""
