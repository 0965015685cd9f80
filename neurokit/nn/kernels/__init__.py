"""Internal: compiled kernels of numba, LLVM and Triton, beneath the modules."""
