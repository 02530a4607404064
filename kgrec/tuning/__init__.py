"""The search of settings: what is varied of each model, and trials that validation compares."""
