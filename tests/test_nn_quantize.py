"""Quantisers: against loops, closed forms and the peers' two measured faults."""

from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from neurokit.nn import (
    FiniteScalarQuantizer,
    GroupedResidualVectorQuantizer,
    LookupFreeQuantizer,
    ResidualVectorQuantizer,
    VectorQuantizer,
)
from neurokit.nn.quantizers.search import Tables, _search_anywhere, search


def noise(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def fitted(x, seed=0, cls=ResidualVectorQuantizer, steps=1, **options):
    """Train a quantiser on ``x``."""
    torch.manual_seed(seed)
    quantizer = cls(x.shape[-1], **options)
    with torch.no_grad():
        for _ in range(steps):
            quantizer(x)
    return quantizer.eval()


def nmse(x, values):
    return float((x - values).square().sum() / x.square().sum())


def random_tables(n_levels, n_codes, n_dims, n_searched=None, seed=0):
    table = noise(n_levels, n_codes, n_searched or n_dims, seed=seed)
    bias = -0.5 * table.square().sum(-1)
    if n_searched is None:
        return Tables(table, bias, table)
    words = noise(n_levels, n_codes, n_dims, seed=seed + 1)
    project = noise(n_levels, n_searched, n_dims, seed=seed + 2)
    return Tables(table, bias, words, project, noise(n_levels, n_searched, seed=seed + 3))


# --- codes ------------------------------------------------------------------------------------


def encode_by_hand(x, codebooks):
    """Algorithm 1 of arXiv:2107.03312 for one vector, in plain loops."""
    codes = []
    for codebook in codebooks:
        codes.append(int(np.argmin([np.sum((x - word) ** 2) for word in codebook])))
        x = x - codebook[codes[-1]]
    return codes


def test_codes_match_the_algorithm_written_in_loops():
    x = noise(37, 5)
    quantizer = fitted(x, n_levels=3, codebook_size=7)
    codebooks = quantizer.codebooks.double().numpy()
    expected = [encode_by_hand(row, codebooks) for row in x.double().numpy()]
    assert quantizer.encode(x).tolist() == expected


def test_cosine_codes_are_the_closest_directions_of_what_is_left():
    x = noise(33, 4)
    quantizer = fitted(x, n_levels=2, codebook_size=6, cosine=True)
    units, gains = quantizer.codebooks.double(), quantizer.gains.double()
    np.testing.assert_allclose(units.norm(dim=-1), 1, rtol=1e-6)
    rest = x.double()
    for level, codes in enumerate(quantizer.encode(x).T):
        cosines = nn.functional.normalize(rest, dim=-1) @ units[level].T
        assert torch.equal(codes, cosines.argmax(1))
        rest = rest - gains[level] * units[level][codes]


def test_projected_codes_are_nearest_where_the_stage_searches():
    x = noise(21, 6)
    quantizer = fitted(x, n_levels=2, codebook_size=5, codebook_dim=3)
    rest = x
    for level, codes in enumerate(quantizer.encode(x).T):
        projected = quantizer.project_in[level](rest)
        distances = torch.cdist(projected, quantizer.codebooks[level])
        assert torch.equal(codes, distances.argmin(1))
        rest = rest - quantizer.project_out[level](quantizer.codebooks[level][codes])
    torch.testing.assert_close(quantizer.decode(quantizer.encode(x)), x - rest)


@pytest.mark.parametrize("width", [None, 3])
@pytest.mark.parametrize("n_codes", [1, 15, 16, 17, 300])
@pytest.mark.parametrize("n_vectors", [0, 1, 4, 7])
def test_the_kernel_finds_the_codes_of_the_matrix_products(n_vectors, n_codes, width):
    x, tables = noise(n_vectors, 9), random_tables(3, n_codes, 9, width)
    assert torch.equal(search(x, tables), _search_anywhere(x, tables))


@pytest.mark.parametrize("beam", [2, 3, 4, 5, 9])
def test_the_beam_kernel_finds_the_codes_of_the_matrix_products(beam):
    x, tables = noise(23, 6), random_tables(4, 21, 6)
    assert torch.equal(search(x, tables, beam), _search_anywhere(x, tables, beam))


def test_of_equally_good_codes_the_lowest_wins():
    quantizer = VectorQuantizer(3, codebook_size=40, kmeans_init=False)
    quantizer.codebooks[0, [3, 18, 39]] = quantizer.codebooks[0, 30].clone()
    x = quantizer.codebooks[0, 30].repeat(5, 1)
    assert quantizer.encode(x).unique().tolist() == [3]
    quantizer.codebooks[0] = 0
    assert quantizer.encode(x, beam=3).unique().tolist() == [0]


@settings(deadline=None, max_examples=30)
@given(
    shape=st.tuples(st.integers(1, 9), st.integers(1, 20)),
    width=st.sampled_from([None, 2]),
    cosine=st.booleans(),
    beam=st.sampled_from([1, 3]),
    seed=st.integers(0, 99),
)
def test_a_vector_keeps_its_codes_whatever_stands_around_it(shape, width, cosine, beam, seed):
    n_dims, n_codes = shape
    torch.manual_seed(seed)
    quantizer = ResidualVectorQuantizer(
        n_dims, n_levels=3, codebook_size=n_codes, codebook_dim=width, cosine=cosine
    )
    x = torch.randn(11, n_dims)
    codes = quantizer.encode(x, beam=beam)
    alone = torch.cat([quantizer.encode(row, beam=beam)[None] for row in x])
    assert torch.equal(codes, alone)
    assert torch.equal(codes.flip(0), quantizer.encode(x.flip(0), beam=beam))


def test_threads_share_rows_without_changing_codes(monkeypatch):
    from neurokit.nn.kernels import quantize_cpu

    monkeypatch.setattr(quantize_cpu, "_PARALLEL_WORK", 1000)
    x, tables = noise(1001, 8), random_tables(3, 50, 8)
    arrays = [None if t is None else t.numpy() for t in tables]
    for beam in (1, 2):
        one, three = (
            quantize_cpu.encode(x.numpy(), *arrays, beam=beam, n_threads=n) for n in (1, 3)
        )
        np.testing.assert_array_equal(one, three)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize(("n_dims", "width"), [(5, None), (16, None), (128, None), (96, 12)])
def test_cuda_gives_the_codes_of_the_processor(n_dims, width):
    x, tables = noise(3001, n_dims), random_tables(3, 300, n_dims, width)
    there = search(x.cuda(), Tables(*(None if t is None else t.cuda() for t in tables)))
    assert torch.equal(there.cpu(), search(x, tables))


# --- decoding ---------------------------------------------------------------------------------


def test_decoding_the_first_levels_adds_up_their_code_vectors():
    x = noise(19, 4)
    quantizer = fitted(x, n_levels=3, codebook_size=8)
    codes = quantizer.encode(x)
    total = torch.zeros_like(x)
    for level in range(3):
        total = total + quantizer.codebooks[level][codes[:, level]]
        assert torch.equal(quantizer.decode(codes, level + 1), total)
        assert torch.equal(quantizer.decode(codes[:, : level + 1]), total)
        assert torch.equal(quantizer.encode(x, level + 1), codes[:, : level + 1])


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_any_floating_dtype_goes_in_and_comes_out(dtype):
    x = noise(64, 2, 4)
    quantizer = fitted(x, n_levels=2, codebook_size=8)
    out = quantizer(x.to(dtype))
    assert out.values.dtype == dtype
    assert out.codes.shape == (64, 2, 2)
    assert torch.equal(out.codes, quantizer.encode(x.to(dtype).float()))
    codes = quantizer.encode(x)
    expected = quantizer.decode(codes)
    values = quantizer.to(dtype).decode(codes)
    assert values.dtype == dtype
    torch.testing.assert_close(values.float(), expected, atol=0.03, rtol=0.03)


def test_autocast_does_not_touch_the_search():
    x = noise(64, 8)
    quantizer = fitted(x, n_levels=4, codebook_size=16, codebook_dim=3)
    expected = quantizer(x)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        out = quantizer(x)
    assert torch.equal(out.codes, expected.codes)
    assert torch.equal(out.values, expected.values)


# --- beam -------------------------------------------------------------------------------------


@settings(deadline=None, max_examples=25)
@given(
    beam=st.integers(2, 6),
    cosine=st.booleans(),
    width=st.sampled_from([None, 3]),
    n_levels=st.integers(1, 4),
    seed=st.integers(0, 999),
)
def test_a_beam_is_never_worse_than_greedy(beam, cosine, width, n_levels, seed):
    torch.manual_seed(seed)
    x = torch.randn(40, 4)
    quantizer = ResidualVectorQuantizer(
        4, n_levels=4, codebook_size=6, codebook_dim=width, cosine=cosine, kmeans_init=False
    )
    greedy, wide = (quantizer.decode(quantizer.encode(x, n_levels, b)) for b in (1, beam))
    assert bool(((x - wide).square().sum(-1) <= (x - greedy).square().sum(-1)).all())


def test_a_beam_as_wide_as_all_paths_finds_the_best_codes():
    x = noise(30, 3)
    quantizer = fitted(x, n_levels=3, codebook_size=4, kmeans_init=False)
    grid = torch.cartesian_prod(*[torch.arange(4)] * 3)
    best = grid[torch.cdist(x, quantizer.decode(grid)).argmin(1)]
    torch.testing.assert_close(
        quantizer.decode(quantizer.encode(x, beam=64)), quantizer.decode(best)
    )


def test_a_beam_pays():
    x = noise(2000, 8)
    quantizer = fitted(x, n_levels=4, codebook_size=32)
    greedy, wide = (nmse(x, quantizer.decode(quantizer.encode(x, beam=b))) for b in (1, 4))
    assert wide < 0.9 * greedy


# --- learning ---------------------------------------------------------------------------------


def drifting(seed, n_steps, n_codes=256, n_dims=16, **options):
    """Train on latents that drift, as an encoder's do; return codes used and NMSE afterwards."""
    rng = np.random.default_rng(seed)
    centres = rng.normal(size=(400, n_dims))
    weights, drift = rng.dirichlet(np.full(400, 0.5)), rng.normal(size=n_dims)

    def batch(step):
        x = centres[rng.choice(400, 2048, p=weights)] + 0.15 * rng.normal(size=(2048, n_dims))
        return torch.from_numpy(x + min(2 * step / n_steps, 1.0) * 1.5 * drift).float()

    torch.manual_seed(seed)
    quantizer = VectorQuantizer(n_dims, codebook_size=n_codes, **options)
    with torch.no_grad():
        for step in range(n_steps):
            quantizer(batch(step))
    x = torch.cat([batch(n_steps) for _ in range(8)])
    out = quantizer.eval()(x)
    return len(out.codes.unique()), nmse(x - x.mean(0), out.values - x.mean(0))


@pytest.mark.parametrize("seed", [0, 1])
def test_codebooks_follow_a_drift_and_keep_their_codes(seed):
    used, error = drifting(seed, n_steps=400)
    assert used >= 230
    assert error <= 0.09


def test_without_revival_the_drift_leaves_codes_behind():
    used, error = drifting(0, n_steps=400, revive_threshold=0.0)
    assert used < 200
    assert error > 0.1


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(2, 8))
@pytest.mark.parametrize("cosine", [False, True])
def test_codebooks_follow_a_drift_on_more_seeds(seed, cosine):
    used, error = drifting(seed, n_steps=400, cosine=cosine)
    assert used >= 225  # 228 to 238 measured; the 230 aimed at are for seeds 0 and 1
    assert error <= (0.14 if cosine else 0.09)


@pytest.mark.parametrize("cosine", [False, True])
@pytest.mark.parametrize("scale", [0.3, 1.0, 5.0])
def test_six_stages_leave_a_fiftieth_of_latents_of_any_size(scale, cosine):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(12000, 16)) @ rng.normal(size=(16, 16))
    x = torch.from_numpy(scale * x / np.sqrt((x**2).sum(1).mean())).float()
    quantizer = fitted(x[:8000], n_levels=6, codebook_size=256, cosine=cosine)
    codes = quantizer.encode(x[8000:])
    errors = [nmse(x[8000:], quantizer.decode(codes, n)) for n in range(1, 7)]
    assert all(after < before for before, after in pairwise(errors))
    assert errors[-1] <= 0.02


def test_unit_vectors_without_gains_stall():
    x = noise(8000, 16) / 4
    errors = [
        nmse(x, q.decode(q.encode(x)))
        for q in (
            fitted(x, n_levels=6, codebook_size=64, cosine=True, stage_gain=gain)
            for gain in (True, False)
        )
    ]
    assert errors[0] < 0.1 < 0.3 < errors[1]


@pytest.mark.parametrize("width", [2, 6, 9])
def test_untrained_projections_already_leave_less_from_stage_to_stage(width):
    x = noise(2000, 6)
    quantizer = fitted(x, n_levels=4, codebook_size=64, codebook_dim=width)
    codes = quantizer.encode(x)
    errors = [1.0, *(nmse(x, quantizer.decode(codes, n)) for n in range(1, 5))]
    assert all(after < before for before, after in pairwise(errors))


@pytest.mark.parametrize("cosine", [False, True])
@pytest.mark.parametrize("width", [None, 3])
def test_scale_changes_no_code(cosine, width):
    x = noise(600, 6)
    options = {"n_levels": 3, "codebook_size": 32, "cosine": cosine, "codebook_dim": width}
    quantizers = []
    for scale in (1.0, 2.0**-12, 2.0**12):  # powers of two scale floats without rounding
        torch.manual_seed(0)
        quantizer = ResidualVectorQuantizer(6, **options)
        with torch.no_grad():
            for _ in range(5):
                codes = quantizer(scale * x).codes
        quantizers.append((codes, quantizer.eval().encode(scale * x)))
    for during, after in quantizers[1:]:
        assert torch.equal(during, quantizers[0][0])
        assert torch.equal(after, quantizers[0][1])


def test_one_training_step_is_the_moving_average_written_in_loops():
    x, decay = noise(50, 3), 0.9
    quantizer = fitted(noise(200, 3, seed=1), n_levels=1, codebook_size=5, decay=decay)
    before = {
        name: b[0].double().clone().numpy()
        for name, b in quantizer.named_buffers(recurse=False)
        if b.ndim > 1
    }
    codes = quantizer.encode(x)[:, 0]
    quantizer.train()(x)
    for k in range(5):
        members = x[codes == k].double().numpy()
        size = decay * before["cluster_sizes"][k] + (1 - decay) * len(members)
        total = decay * before["codebook_sums"][k] + (1 - decay) * members.sum(0)
        np.testing.assert_allclose(quantizer.cluster_sizes[0, k], size, rtol=1e-5)
        np.testing.assert_allclose(quantizer.codebooks[0, k], total / size, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("cosine", [False, True])
def test_averages_and_codebook_agree_from_the_first_batch_on(cosine):
    x = noise(300, 4)
    quantizer = ResidualVectorQuantizer(4, n_levels=2, codebook_size=8, cosine=cosine)
    quantizer._start(x)
    assert quantizer.cluster_sizes.sum(-1).tolist() == [300, 300]
    means = quantizer.codebook_sums / quantizer.cluster_sizes[..., None]
    torch.testing.assert_close(means, quantizer.codebooks)


def test_a_dead_code_comes_back_as_a_vector_of_the_batch_and_stays():
    x = noise(400, 3)
    quantizer = fitted(x, n_levels=1, codebook_size=8)
    quantizer.codebooks[0, 2] = 1e3
    quantizer.cluster_sizes[0, 2] = 1.5
    quantizer.codebook_sums[0, 2] = 1.5e3
    quantizer.train()(x)
    word = quantizer.codebooks[0, 2].clone()
    assert torch.isclose(x, word, atol=1e-5).all(-1).any()
    torch.testing.assert_close(quantizer.codebook_sums[0, 2], 2 * word)
    assert quantizer.cluster_sizes[0, 2] == 2
    quantizer(x)
    assert (quantizer.codebooks[0, 2] - word).norm() < 1.0


def test_small_batches_do_not_kill_the_codebook():
    x = noise(4096, 8)
    quantizer = fitted(x, n_levels=1, codebook_size=256, decay=0.95)
    before = nmse(x, quantizer(x).values)
    quantizer.train()
    for part in x.split(128) * 4:  # half a vector per code: fewer than the threshold
        quantizer(part)
    assert nmse(x, quantizer.eval()(x).values) < 1.2 * before


def test_gains_follow_latents_that_grow():
    x = noise(2000, 8)
    quantizer = fitted(x, n_levels=4, codebook_size=64, cosine=True, decay=0.9)
    before = nmse(x, quantizer(x).values)
    quantizer.train()
    for _ in range(80):
        quantizer(3 * x)
    assert nmse(3 * x, quantizer.eval()(3 * x).values) < 1.1 * before


def test_a_code_unused_for_ages_neither_fades_to_zero_nor_to_nan():
    x = noise(64, 2)
    quantizer = fitted(x, n_levels=1, codebook_size=4, revive_threshold=0.0, decay=0.1)
    quantizer.codebooks[0, 1] = 50.0
    quantizer.codebook_sums[0, 1] = 50.0 * quantizer.cluster_sizes[0, 1]
    quantizer.train()
    for _ in range(100):
        quantizer(x)
    np.testing.assert_allclose(quantizer.codebooks[0, 1], 50.0, rtol=1e-3)


def test_fewer_vectors_than_codes_are_enough_to_start():
    x = noise(3, 4)
    quantizer = fitted(x, n_levels=2, codebook_size=16)
    assert nmse(x, quantizer(x).values) < 1e-10


def test_eval_mode_learns_nothing():
    x = noise(100, 4)
    quantizer = fitted(x, n_levels=2, codebook_size=8)
    before = {k: v.clone() for k, v in quantizer.state_dict().items()}
    quantizer(5 * x)
    assert all(torch.equal(v, before[k]) for k, v in quantizer.state_dict().items())


def test_the_same_seed_gives_the_same_codebooks_and_coding_draws_nothing():
    x = noise(500, 4)
    one, two, other = (
        fitted(x, seed=s, n_levels=3, codebook_size=16, quantizer_dropout=0.5, steps=3)
        for s in (1, 1, 2)
    )
    assert torch.equal(one.codebooks, two.codebooks)
    assert not torch.equal(one.codebooks, other.codebooks)
    state = torch.get_rng_state()
    one.decode(one.encode(x, beam=2))
    one(x)
    assert torch.equal(state, torch.get_rng_state())


@pytest.mark.parametrize("width", [None, 3])
def test_the_state_travels_whole(width):
    x = noise(300, 4)
    options = {"n_levels": 2, "codebook_size": 8, "codebook_dim": width, "cosine": True}
    quantizer = fitted(x, steps=3, **options)
    copy = ResidualVectorQuantizer(4, **options)
    copy.load_state_dict(quantizer.state_dict())
    assert copy.initialised
    torch.manual_seed(5)
    first = quantizer.train()(x)
    torch.manual_seed(5)
    second = copy.train()(x)
    assert torch.equal(first.codes, second.codes)
    assert torch.equal(first.values, second.values)
    assert torch.equal(quantizer.codebooks, copy.codebooks)


# --- gradients and losses ---------------------------------------------------------------------


@pytest.mark.parametrize("cosine", [False, True])
def test_values_are_what_the_codes_decode_to(cosine):
    x = noise(100, 2, 4).requires_grad_()
    for width in (None, 3):
        quantizer = fitted(
            x.detach(), n_levels=3, codebook_size=8, codebook_dim=width, cosine=cosine
        )
        out = quantizer(x)
        torch.testing.assert_close(out.values, quantizer.decode(out.codes))


def test_without_rotation_the_gradient_is_copied_once():
    x = noise(20, 4).requires_grad_()
    quantizer = fitted(x.detach(), n_levels=4, codebook_size=8, rotation_trick=False)
    grad = noise(20, 4, seed=9)
    quantizer(x).values.backward(grad)
    torch.testing.assert_close(x.grad, grad)


def test_rotation_carries_the_vector_onto_its_code():
    # equation 4 of arXiv:2410.06424 with the matrix written out
    x = noise(6, 3).requires_grad_()
    quantizer = fitted(noise(100, 3, seed=3), cls=VectorQuantizer, codebook_size=4)
    grad = noise(6, 3, seed=9)
    out = quantizer(x)
    out.values.backward(grad)
    for n in range(6):
        y, e = x[n].detach().double(), out.values[n].detach().double()
        v, u = y / y.norm(), e / e.norm()
        m = (u + v) / (u + v).norm()
        turn = torch.eye(3).double() - 2 * torch.outer(m, m) + 2 * torch.outer(u, v)
        scaled = e.norm() / y.norm() * turn
        torch.testing.assert_close(scaled @ y, e)
        expected = (scaled.T @ grad[n].double()).float()
        torch.testing.assert_close(x.grad[n], expected)  # to float32's rounding, not float64's


@pytest.mark.parametrize("rotation_trick", [False, True])
def test_silence_has_finite_gradients(rotation_trick):
    x = torch.zeros(8, 4, requires_grad=True)
    quantizer = fitted(noise(64, 4), n_levels=2, codebook_size=8, rotation_trick=rotation_trick)
    out = quantizer(x)
    (out.values.sum() + out.loss).backward()
    assert torch.isfinite(x.grad).all()


def test_the_loss_is_the_commitment_counted_once():
    x = noise(40, 4).requires_grad_()
    quantizer = fitted(x.detach(), n_levels=3, codebook_size=4, commitment=0.5)
    out = quantizer(x)
    errors = [(x - quantizer.decode(out.codes, n)).square().mean() for n in (1, 2, 3)]
    torch.testing.assert_close(out.loss, 0.5 * sum(errors) / 3)
    out.loss.backward()
    # every stage pulls: the gradient of the mean over stages, not of the first alone
    rests = sum(x - quantizer.decode(out.codes, n) for n in (1, 2, 3))
    torch.testing.assert_close(x.grad, 0.5 * 2 * rests.detach() / (3 * x.numel()))


def test_projections_learn_from_values_and_loss():
    x = noise(60, 6)
    quantizer = fitted(x, n_levels=2, codebook_size=8, codebook_dim=2)
    out = quantizer(x)
    (out.values.square().sum() + out.loss).backward()
    for layer in [*quantizer.project_in, *quantizer.project_out]:
        assert layer.weight.grad.abs().sum() > 0


def test_dropout_leaves_out_last_levels_of_some_items():
    x = noise(400, 3, 4)
    quantizer = fitted(x, n_levels=4, codebook_size=8, quantizer_dropout=0.5)
    full = quantizer.encode(x)
    out = quantizer.train()(x)
    kept = out.codes >= 0
    n_kept = kept.sum(-1)
    assert torch.equal(out.codes[kept], full[kept])
    assert bool((kept[..., 1:] <= kept[..., :-1]).all())  # once out, all later ones are out
    assert bool((n_kept == n_kept[:, :1]).all())  # an item drops alike
    assert 0.25 < (n_kept[:, 0] < 4).float().mean() < 0.5  # 0.5 of the items, 3/4 of them
    assert n_kept.min() == 1


def test_dropped_levels_add_nothing():
    x = noise(100, 4)
    quantizer = fitted(x, n_levels=3, codebook_size=8)
    codes = quantizer.encode(x)
    short = codes.clone()
    short[:, 1:] = -1
    assert torch.equal(quantizer.decode(short), quantizer.decode(codes, 1))


# --- the other quantisers ---------------------------------------------------------------------


def test_groups_are_quantised_apart():
    x = noise(300, 6)
    quantizer = fitted(
        x, cls=GroupedResidualVectorQuantizer, n_groups=3, n_levels=2, codebook_size=8
    )
    codes = quantizer.encode(x)
    assert quantizer.codebook_sizes == (8,) * 6
    for g, group in enumerate(quantizer.groups):
        part = x[:, 2 * g : 2 * g + 2]
        assert torch.equal(codes[:, g::3], group.encode(part))
        assert torch.equal(
            quantizer.decode(codes)[:, 2 * g : 2 * g + 2],
            quantizer(x).values[:, 2 * g : 2 * g + 2],
        )
    assert torch.equal(quantizer.encode(x, 1), codes[:, :3])
    assert torch.equal(quantizer.decode(codes, 1), quantizer.decode(codes[:, :3]))
    assert torch.equal(quantizer(x).codes, codes)


@pytest.mark.parametrize("n_values", [(2,), (3, 4), (8, 5, 5, 5)])
def test_the_grid_is_even_and_every_cell_has_one_code(n_values):
    quantizer = FiniteScalarQuantizer(len(n_values), n_values)
    (n_codes,) = quantizer.codebook_sizes
    codes = torch.arange(n_codes)[:, None]
    values = quantizer.decode(codes)
    assert len(values.unique(dim=0)) == n_codes
    for i, n in enumerate(n_values):
        torch.testing.assert_close(values[:, i].unique(), torch.linspace(-1, 1, n))
    inside = torch.atanh(values * (1 - 1e-4))
    assert torch.equal(quantizer.encode(inside), codes)
    assert torch.equal(quantizer(inside).codes, codes)
    torch.testing.assert_close(quantizer(inside).values, values)


def test_the_grid_passes_gradients_as_if_it_did_not_round():
    x = noise(10, 2).requires_grad_()
    FiniteScalarQuantizer(2, (4, 5))(x).values.sum().backward()
    torch.testing.assert_close(x.grad, 1 - torch.tanh(x.detach()) ** 2)


def test_bits_are_signs():
    quantizer = LookupFreeQuantizer(5)
    x = noise(200, 5)
    codes = quantizer.encode(x)
    expected = [sum(2**i for i in range(5) if row[i] > 0) for row in x.tolist()]
    assert codes[:, 0].tolist() == expected
    torch.testing.assert_close(quantizer.decode(codes), torch.where(x > 0, 1.0, -1.0))
    assert torch.equal(quantizer(x).codes, codes)


def test_entropy_rewards_certain_bits_that_are_all_used():
    losses = {}
    quantizer = LookupFreeQuantizer(1, commitment=0.0, entropy=1.0)
    for name, x in {
        "used": [5.0, -5.0],
        "unused": [5.0, 5.0],
        "uncertain": [0.0, 0.0],
    }.items():
        losses[name] = float(quantizer(torch.tensor(x)[:, None]).loss)
    assert losses["used"] == pytest.approx(-np.log(2), abs=1e-4)
    assert losses["unused"] == pytest.approx(0, abs=1e-4)
    assert losses["uncertain"] == pytest.approx(0, abs=1e-4)


@pytest.mark.parametrize(
    "quantizer",
    [
        FiniteScalarQuantizer(7, (4, 4)),
        LookupFreeQuantizer(7, n_bits=3),
        VectorQuantizer(7, codebook_size=4),
        GroupedResidualVectorQuantizer(7, n_groups=7, n_levels=2, codebook_size=4),
    ],
    ids=lambda q: type(q).__name__,
)
def test_every_quantiser_answers_alike(quantizer):
    x = noise(5, 3, 7).requires_grad_()
    out = quantizer.train()(x)
    (out.values.square().sum() + out.loss).backward()
    assert torch.isfinite(x.grad).all()
    assert out.values.shape == x.shape
    assert out.codes.dtype == torch.int64
    assert out.codes.shape == (5, 3, len(quantizer.codebook_sizes))
    assert out.loss.shape == ()
    quantizer.eval()
    codes = quantizer.encode(x)
    assert torch.equal(quantizer(x).codes, codes)
    torch.testing.assert_close(quantizer(x).values, quantizer.decode(codes))
    assert torch.equal(quantizer.encode(x, quantizer.n_levels), codes)


# --- errors -----------------------------------------------------------------------------------


def make(**options):
    return ResidualVectorQuantizer(4, **{"n_levels": 2, "codebook_size": 8, **options})


@pytest.mark.parametrize(
    ("call", "kind", "message"),
    [
        (lambda: make(n_levels=0), ValueError, "n_levels must be a positive integer, got 0"),
        (lambda: make(codebook_size=2.5), ValueError, "codebook_size must be a positive integer"),
        (lambda: make(decay=1.0), ValueError, r"decay must be in \[0, 1\), got 1.0"),
        (lambda: make(quantizer_dropout=2), ValueError, r"quantizer_dropout must be in \[0, 1\]"),
        (lambda: make(revive_threshold=-1), ValueError, "revive_threshold must not be negative"),
        (lambda: make().encode(noise(3, 5)), ValueError, r"shape \(..., 4\), got \(3, 5\)"),
        (
            lambda: make()(torch.ones(3, 4).long()),
            TypeError,
            "floating-point tensor, got torch.in",
        ),
        (lambda: make()(np.ones((3, 4))), TypeError, "floating-point tensor, got ndarray"),
        (lambda: make()(torch.full((3, 4), torch.nan)), ValueError, "vectors must be finite"),
        (lambda: make().encode(torch.full((3, 4), torch.inf)), ValueError, "must be finite"),
        (lambda: make()(torch.empty(0, 4)), ValueError, "cannot learn from an empty batch"),
        (lambda: make().encode(noise(3, 4), 3), ValueError, "n_levels must be from 1 to 2, got 3"),
        (
            lambda: make().encode(noise(3, 4), beam=0),
            ValueError,
            "beam must be a positive integer",
        ),
        (lambda: make().decode(torch.ones(3, 2)), TypeError, "integer tensor, got torch.float32"),
        (lambda: make().decode(torch.full((3, 2), 8)), ValueError, "from -1 to 7, got 8 to 8"),
        (lambda: make().decode(torch.zeros(3, 3).long()), ValueError, "from 1 to 2, got 3"),
        (lambda: make().decode(torch.zeros(3, 1).long(), 2), ValueError, "code columns, got 1"),
        (
            lambda: GroupedResidualVectorQuantizer(5, n_groups=2, n_levels=1, codebook_size=2),
            ValueError,
            "multiple of n_groups, got dim=5 and n_groups=2",
        ),
        (
            lambda: GroupedResidualVectorQuantizer(
                4, n_groups=2, n_levels=1, codebook_size=2
            ).decode(torch.zeros(3, 3).long()),
            ValueError,
            "multiple of 2 columns",
        ),
        (lambda: FiniteScalarQuantizer(2, (1, 3)), ValueError, "all of them 2 or more"),
        (lambda: FiniteScalarQuantizer(70, (2,) * 70), ValueError, "more cells than int64"),
        (
            lambda: FiniteScalarQuantizer(2, (2, 3)).decode(torch.tensor([[-1]])),
            ValueError,
            "from 0 to 5, got -1",
        ),
        (lambda: LookupFreeQuantizer(63), ValueError, "n_bits must be at most 62"),
    ],
)
def test_errors_say_what_was_expected(call, kind, message):
    with pytest.raises(kind, match=message):
        call()
