"""Internal: the mathematics of tensor factorisation, on plain arrays of NumPy or torch.

Factors of a batch of restarts stand in one array for each mode, of shape (n_restarts, size,
rank), so that all restarts share one matrix product. ``cells`` are all modes but the two of the
units: time, animal, perhaps phase.
"""
