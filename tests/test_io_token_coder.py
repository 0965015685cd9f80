"""The coder of token blocks: digits apart and together, what comes back, what contexts save."""

import zlib

import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st
from numba import njit

from neurokit.io.packed.blocks import _pack_levels, _unpack_levels
from neurokit.io.packed.choices import _STRETCH, MIX, PREDICT, STAYS, record_choices
from neurokit.io.packed.coder import (
    NIBBLES,
    SHARES,
    _encode_planned,
    decode_tokens,
    encode_tokens,
)
from neurokit.io.packed.digits import join_digits, split_digits
from neurokit.io.packed.entropy import rans_encode
from neurokit.io.packed.mixing import SETTLED, teach, weigh
from neurokit.io.packed.nibbles import encode_nibbles
from neurokit.io.packed.ntok import read_tokens, token_info, write_tokens
from neurokit.io.packed.plans import choose_plan
from neurokit.io.packed.shares import decode_shares, encode_shares


def test_a_block_of_no_known_kind_is_refused():
    tokens = np.arange(120, dtype=np.int32).reshape(30, 2, 2) // 7 % 5
    data = encode_tokens(tokens, np.array([3, 3]))
    np.testing.assert_array_equal(decode_tokens(data, np.array([3, 3]), (30, 2, 2)), tokens)
    with pytest.raises(ValueError, match="is of no known kind"):
        decode_tokens(b"Q" + data[1:], np.array([3, 3]), (30, 2, 2))


@given(st.lists(st.tuples(st.integers(-(2**63), 2**63 - 1), st.integers(0, 31))))
def test_levels_are_packed_and_unpacked(levels):
    low, widths = [a for a, _ in levels], [w for _, w in levels]
    data = _pack_levels(low, widths)
    found = _unpack_levels(data + b"rest", len(levels))
    assert (found[0].tolist(), found[1].tolist(), found[2]) == (low, widths, len(data))


def test_digits_of_one_entry_make_one_number():
    tokens = np.array([[[7, 2 * 9 + 1 * 3 + 0, 1 * 3 + 2]]])
    columns = split_digits(tokens, [[], [4, 1, 4], [4, 1]])
    assert columns.tolist() == [[[7, 1 * 3 + 2, 2 * 9 + 0 * 3 + 1]]]  # plain, entry 1, entry 4
    np.testing.assert_array_equal(join_digits(columns, [[], [4, 1, 4], [4, 1]]), tokens)


@given(
    digits=st.lists(st.lists(st.integers(0, 5), max_size=5), min_size=1, max_size=5),
    seed=st.integers(0, 99),
)
@settings(deadline=None, max_examples=60)
def test_splitting_is_undone_by_joining(digits, seed):
    rng = np.random.default_rng(seed)
    tokens = np.stack([rng.integers(0, 3 ** len(d) if d else 999, (7, 3)) for d in digits], -1)
    columns = split_digits(tokens, digits)
    assert columns.shape[-1] == len({i for d in digits for i in d}) + sum(not d for d in digits)
    np.testing.assert_array_equal(join_digits(columns, digits), tokens)


def walk(n_channels=4, n_frames=600, seed=0):
    """Tokens of two levels, whose digits tell of three entries that change slowly."""
    rng = np.random.default_rng(seed)
    common = np.cumsum(rng.normal(size=(1, n_frames, 3)), 1)
    values = np.clip(np.round(common + rng.normal(size=(n_channels, n_frames, 3)) / 2) + 13, 0, 26)
    digit = (values[..., None].astype(int) // [9, 3, 1]) % 3  # (channel, frame, entry, digit)
    order = [[(0, 0), (1, 0), (2, 0), (0, 1)], [(1, 1), (2, 1), (0, 2), (1, 2), (2, 2)]]
    levels = []
    for level in order:
        token = np.zeros(digit.shape[:2], int)
        for entry, place in level:
            token = 3 * token + digit[:, :, entry, place]
        levels.append(token)
    return xr.DataArray(
        np.stack(levels, -1).astype(np.uint16),
        dims=("channel", "frame", "level"),
        coords={"level": ["1", "2"]},
        attrs={"code_digits": "0 1 2 0;1 2 0 1 2"},
    )


@pytest.mark.parametrize("levels", [["1", "2"], ["1"], ["2"]])
def test_files_of_digits_come_back_whole_and_in_part(tmp_path, levels):
    tokens = walk().sel(level=levels)
    path = write_tokens(tmp_path / "a.ntok", tokens)
    xr.testing.assert_identical(read_tokens(path).load(), tokens)
    part = read_tokens(path, start=100, stop=130).isel(channel=[2, 0], level=[-1])
    xr.testing.assert_equal(
        part.load(), tokens.isel(frame=slice(100, 130), channel=[2, 0], level=[-1])
    )


def test_digits_save_bytes(tmp_path):
    tokens = walk()
    whole = write_tokens(tmp_path / "a.ntok", tokens)
    plain = write_tokens(tmp_path / "b.ntok", tokens.drop_attrs())
    assert token_info(whole)["bytes"] < 0.85 * token_info(plain)["bytes"]


def test_tokens_without_these_digits_are_refused(tmp_path):
    tokens = walk()
    tokens.values[0, 0, 0] = 81
    with pytest.raises(ValueError, match=r"digits that attrs\['code_digits'\] tells of"):
        write_tokens(tmp_path / "a.ntok", tokens)
    assert not list(tmp_path.iterdir())


def test_the_channels_beside_and_the_tokens_before_help():
    """Tokens near the mean of two neighbours, or on a line: contexts of pairs see it."""
    rng = np.random.default_rng(0)
    base = rng.integers(0, 32, (1500, 1, 1))
    beside = np.clip(base + rng.integers(-1, 2, (1500, 6, 1)), 0, 31).astype(np.int32)
    alone = rng.permuted(beside, axis=0)
    width = np.array([5])
    assert len(encode_tokens(beside, width)) < 0.6 * len(encode_tokens(alone, width))


@pytest.mark.parametrize("seed", range(3))
def test_a_mixture_seen_in_few_frames_is_predicted(seed):
    """Too few frames for any pair of tokens to come twice; contexts alone save 6 to 8 % here."""
    rng = np.random.default_rng(seed)
    common, gains = rng.normal(0, 30, (400, 1, 1)), rng.uniform(-1, 1, (1, 6, 1))
    tokens = 128 + common * gains + rng.normal(0, 2, (400, 6, 1))
    mixed = np.clip(np.round(tokens), 0, 255).astype(np.int32)
    alone = rng.permuted(mixed, axis=0)
    width = np.array([8])
    assert len(encode_tokens(mixed, width)) < 0.85 * len(encode_tokens(alone, width))
    np.testing.assert_array_equal(
        decode_tokens(encode_tokens(mixed, width), width, mixed.shape), mixed
    )


@given(
    shape=st.tuples(st.integers(1, 12), st.integers(1, 8), st.integers(1, 4)),
    widths=st.lists(st.integers(0, 16), min_size=4, max_size=4),
    seed=st.integers(0, 99),
)
@settings(deadline=None, max_examples=60)
def test_any_tokens_come_back(shape, widths, seed):
    width = np.array(widths[: shape[2]])
    tokens = np.random.default_rng(seed).integers(0, 2**width, shape).astype(np.int32)
    tokens[: shape[0] // 2] = tokens[0]  # a run, then the widest jumps
    np.testing.assert_array_equal(
        decode_tokens(encode_tokens(tokens, width), width, shape), tokens
    )
    _run_back(tokens, width)


def _run_back(tokens, width):
    """Through the mixing itself, however short: `encode_tokens` keeps small blocks packed."""
    modes = np.where(width > 0, MIX | PREDICT, 0)
    starts, freqs = record_choices(tokens, width, modes, 16)
    data = b"M" + rans_encode(starts, freqs, len(starts)).astype("<u4").tobytes()
    np.testing.assert_array_equal(decode_tokens(data, width, tokens.shape), tokens)
    plan = np.resize([SHARES, MIX | STAYS, NIBBLES, MIX, SHARES, MIX | PREDICT | STAYS, 0], 9)
    plan = plan[width % 7]
    data = b"T" + _encode_planned(tokens, width, plan)
    np.testing.assert_array_equal(decode_tokens(data, width, tokens.shape), tokens)


def test_a_choice_in_registers_is_the_choice_in_python():
    """The eight contexts side by side: the same odds, cells and weights from both forms."""

    @njit
    def compiled(cells, places, at, held, odds, weights, both, misses, bit):
        said = weigh(cells, places, at[0], at[1], _STRETCH, held, odds, weights, both[0], both[1])
        teach(cells, places, at[0], at[1], held, odds, weights, both[0], both[1], misses, bit)
        return said

    rng = np.random.default_rng(0)
    for _ in range(200):
        cells = (rng.integers(0, 1 << 22, 128) << 10 | rng.integers(0, SETTLED + 1, 128)).astype(
            np.uint32
        )
        places, at = np.append(np.arange(8) * 16, 0), rng.integers(0, 16, 2)
        weights = rng.integers(-(2**29), 2**29, 64, dtype=np.int32)
        both, misses = rng.permutation(8)[:2] * 8, tuple(rng.integers(-32760, 32760, 2).tolist())
        bit = int(rng.integers(2))
        found = []
        for run in (compiled, compiled.py_func):
            held, odds = np.empty(8, np.uint32), np.empty(8, np.int64)
            mine, theirs = cells.copy(), weights.copy()
            said = run(mine, places, at, held, odds, theirs, both, misses, bit)
            found.append([np.array(said), held, odds, mine, theirs])
        for one, other in zip(*found, strict=True):
            np.testing.assert_array_equal(one, other)


def mixed_kinds(n_frames=1200, seed=0):
    """Tokens of four levels: one that stays, one beside another, one on a line, and noise."""
    rng = np.random.default_rng(seed)
    held = np.repeat(rng.integers(0, 32, (n_frames // 20, 3, 1)), 20, axis=0)
    told = rng.permuted(np.tile(np.arange(256), (3, 1)), axis=1)[:, rng.integers(0, 256, n_frames)]
    line = np.cumsum(rng.integers(-2, 3, (n_frames, 3, 1)), 0)
    noise = np.minimum(rng.geometric(0.01, (n_frames, 3, 1)), 255)
    return np.concatenate([held, told.T[..., None], (line - line.min()) % 512, noise], -1).astype(
        np.int32
    )


def test_each_level_goes_its_own_way():
    tokens = mixed_kinds()
    width = np.array([5, 8, 9, 8])
    plan = choose_plan(tokens, width)
    assert plan.tolist() == [MIX | STAYS, MIX, MIX | PREDICT, SHARES]
    data = encode_tokens(tokens, width, plan)
    assert data[:1] == b"T"
    np.testing.assert_array_equal(decode_tokens(data, width, tokens.shape), tokens)
    assert len(data) <= 1.01 * len(encode_tokens(tokens, width))


@pytest.mark.parametrize(
    ("shape", "widths"), [((400, 1, 2), (8, 8)), ((2000, 2, 2), (17, 3)), ((1, 1, 5000), 8)]
)
def test_few_wide_and_many_levels_have_no_plan(shape, widths):
    assert choose_plan(np.zeros(shape, np.int32), np.resize(widths, shape[2])) is None


def test_noise_by_nibbles_costs_its_entropy():
    rng = np.random.default_rng(0)
    share = rng.dirichlet(np.ones(256))
    tokens = rng.choice(256, (20_000, 1, 1), p=share).astype(np.int32)
    words = encode_nibbles(tokens, np.array([0]), np.array([8]))
    bits = 32 * (words[0].size + words[1].size) / tokens.size
    # what it takes to learn 255 shares: half a bit of log2(n) each, about
    assert -(share * np.log2(share)).sum() < bits < -(share * np.log2(share)).sum() + 0.1


def test_noise_by_shares_costs_its_entropy_and_what_tells_of_it():
    rng = np.random.default_rng(0)
    share = rng.dirichlet(np.ones(200))
    tokens = rng.choice(200, (10_000, 1, 2), p=share).astype(np.int32)
    both, width = np.array([0, 1]), np.array([8, 8])
    side, words = encode_shares(tokens, both, width)
    entropy = -(share * np.log2(share)).sum()
    assert 8 * len(side) / 400 < 5  # bits for each value of either level
    assert 0.995 * entropy < 32 * words.size / tokens.size < entropy + 0.03
    found = np.zeros_like(tokens)
    assert decode_shares(found, both, width, side, words)
    np.testing.assert_array_equal(found, tokens)
    assert not decode_shares(found, both, width, side, words[:-9])
    assert not decode_shares(found, both, width, side[:-9], words)
    assert not decode_shares(found, both, width, b"no deflate", words)


def test_shares_in_plain_python_give_the_same_tokens():
    """The format, from its description: roots of counts, shares of 4096, four coders in turns."""
    tokens = np.minimum(np.random.default_rng(1).geometric(0.2, (50, 3, 1)), 15).astype(np.int32)
    side, words = encode_shares(tokens, np.array([0]), np.array([4]))
    roots = list(zlib.decompress(side, wbits=-15))
    used, squares = np.cumsum([r > 0 for r in roots]), np.cumsum([r * r for r in roots])
    ends = [
        int(u + s * (4096 - used[-1]) // squares[-1]) for u, s in zip(used, squares, strict=True)
    ]
    starts = [0, *ends[:-1]]
    rest = [int(w) for w in words]
    states = [(rest.pop(0) << 32) | rest.pop(0) for _ in range(4)]
    found = []
    for i in range(tokens.size):
        x = states[i % 4]
        slot = (x % 32768) // 8
        token = sum(end <= slot for end in ends)
        found.append(token)
        x = 8 * (ends[token] - starts[token]) * (x >> 15) + x % 32768 - 8 * starts[token]
        states[i % 4] = x if x >= 1 << 31 else (x << 32) | rest.pop(0)
    assert found == tokens.ravel().tolist()
    assert states == [1 << 31] * 4
    assert not rest


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda d: d[:9], "ends early"),
        (lambda d: d[:1] + bytes([23]) + d[2:], "of no known kind"),
        (lambda d: d[:2] + bytes([9]) + d[3:], "of no known kind"),
        (lambda d: d[:2] + bytes([0]) + d[3:], "of no known kind"),
        (lambda d: d[:-1], "of no known kind"),
        (lambda d: d[:-400], "ends early"),
        (lambda d: d[:6] + b"\xff\xff\xff\x7f" + d[10:], "ends early"),
        (lambda d: d[:10] + b"\xff\xff\xff\x7f" + d[14:], "ends early"),
        (lambda d: b"N" + d[1:], "of no known kind"),
    ],
)
def test_planned_blocks_that_no_one_wrote_are_refused(change, said):
    tokens, width = mixed_kinds(200), np.array([5, 8, 9, 8])
    data = encode_tokens(tokens, width, np.array([NIBBLES, MIX | STAYS, MIX | PREDICT, SHARES]))
    with pytest.raises(ValueError, match=said):
        decode_tokens(change(data), width, tokens.shape)
