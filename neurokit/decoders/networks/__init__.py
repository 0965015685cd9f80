"""Decoders that are trained as networks: what they share, and one file for each."""
