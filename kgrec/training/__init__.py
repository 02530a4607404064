"""Losses, negative sampling, the training loop and its checkpoints."""
