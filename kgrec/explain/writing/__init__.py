"""Explanations in the words of a small language model, checked against what is known."""
