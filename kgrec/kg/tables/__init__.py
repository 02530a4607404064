"""Tables as graphs: mappings, their cells, and mappings suggested for a table."""
