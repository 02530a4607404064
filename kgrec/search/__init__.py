"""Search that knows taste: words, films named in them, attributes, and people who like the same."""
