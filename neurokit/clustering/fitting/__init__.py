"""Internal: the climbs of switching regressions and of rates, on plain arrays."""
