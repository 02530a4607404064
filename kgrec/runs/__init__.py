"""Run folders: training, writing, reading, evaluating and comparing them."""
