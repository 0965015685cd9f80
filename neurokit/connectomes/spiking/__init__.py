"""Internal: couplings of spike trains, on plain arrays."""
