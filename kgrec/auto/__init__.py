"""The default model: chosen and weighed by the data and its validation part."""
