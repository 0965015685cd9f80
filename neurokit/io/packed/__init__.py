"""Internal: files of our own, tokens and lossless samples, and the coders beneath them."""
