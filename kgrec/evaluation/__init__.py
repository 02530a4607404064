"""Metrics, protocols, and rankings written for outside evaluators."""
