"""Fusion, graph encoders and heads, the link predictor that joins them, and baselines."""
