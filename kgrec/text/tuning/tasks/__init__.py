"""What an encoder is trained on: each task gives batches, a loss and a metric."""
