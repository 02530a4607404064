"""Reading RDF and tables into a `KnowledgeGraph`, and linking catalogue items to its entities."""
