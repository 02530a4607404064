"""What is in a graph: statistics, problems, SHACL validation."""
