"""Published recommenders as parts of the link predictor, one file beside each paper."""
