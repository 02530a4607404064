"""The best items for a query: exact top-k, and semantic matching of free text."""
