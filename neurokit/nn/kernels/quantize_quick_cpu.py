"""Which quick search finds the codes of many vectors on the processor, and when it pays.

In few dimensions pairs of 16-bit products (`quantize_pairs_cpu`), in many products of bytes
(`quantize_short_cpu`); both give the codes of the long search.
"""
# mypy: ignore-errors

from functools import cache

from llvmlite import binding

from neurokit.nn.kernels import quantize_pairs_cpu as pairs
from neurokit.nn.kernels import quantize_short_cpu as short

_FEWEST_DIMS, _FEWEST_CODES, _FEWEST_VECTORS = 8, 64, 2048
MANY_DIMS = 96  # from here on bytes are quicker, as few vectors are left to be searched again
_WORK = 10_000_000_000  # multiply-adds
_seen = []  # of each call, until a search is compiled


@cache
def has_short_products() -> bool:
    """Tell whether the processor adds up products of bytes or 16 bits in one step."""
    return bool(binding.get_host_cpu_features().get("avx512vnni"))


def pays(n_vectors, n_codes, n_dims, n_levels):
    """Tell whether a quick search is worth its preparation.

    Compiling one takes a second, once: no call waits for that before as much work has come by as
    takes half of it.
    """
    if (
        n_dims < _FEWEST_DIMS
        or n_codes < _FEWEST_CODES
        or n_vectors < max(_FEWEST_VECTORS, n_codes)
        or not has_short_products()
    ):
        return False
    if (short if n_dims >= MANY_DIMS else pairs).search.signatures:
        return True
    _seen.append(n_vectors * n_codes * n_dims * n_levels)
    return sum(_seen) >= _WORK


def prepare(table, bias, words, tables, biases):
    """Round the tables; return what writes the codes of some vectors.

    Parameters
    ----------
    table, words : ndarray of shape (n_levels, n_codes, n_dims), float32
    bias : ndarray of shape (n_levels, n_codes), float32
    tables, biases : ndarray
        The same as `quantize_cpu` lays them out.

    Returns
    -------
    callable
        Takes vectors (n_vectors, n_dims) and codes (n_vectors, n_levels) to be written.
    """
    n_codes, n_dims = table.shape[1:]
    if n_dims >= MANY_DIMS:
        lists = short.round_tables(table, bias)

        def run(x, codes):
            room = short.make_room(n_codes, n_dims)  # of a thread's own
            short.search(x, tables, biases, words, *lists, codes, room)

    else:
        rounded = pairs.round_tables(table, bias, words)

        def run(x, codes):
            pairs.search(x, tables, biases, *rounded, codes, pairs.make_room(n_dims))

    return run
