"""Every table and message on a terminal."""
