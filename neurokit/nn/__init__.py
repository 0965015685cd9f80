"""Pure torch and numba kernels: tensors in, tensors out. Knows nothing of xarray or scikit-learn."""
