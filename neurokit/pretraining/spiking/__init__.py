"""Internal: how the model of spike trains reads, runs and is taken apart."""
