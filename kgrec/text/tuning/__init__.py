"""Training the language model: what is trained of it (regimes), on what (tasks), and the loop.

`settings` has all settings and imports no PyTorch. `Tower` is the encoder in training, a `Task`
gives batches, a loss and a metric, and `Tuner` is the loop.
"""
