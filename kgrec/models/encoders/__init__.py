"""Graph encoders: from input vectors to vectors that know their neighborhood."""
