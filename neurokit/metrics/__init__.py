"""Figures of merit, each by its published definition."""
