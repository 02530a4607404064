"""Run folders: written, read, trained, measured and compared."""
