"""Internal: stochastic block models of weighted graphs, on plain arrays."""
