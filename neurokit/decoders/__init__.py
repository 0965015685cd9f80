"""Recordings to labels and movements."""
