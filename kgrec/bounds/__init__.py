"""What a file from a stranger may ask for: bytes, depth, values, repetitions."""
