import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from neurokit.nn import EmbeddedScalarQuantizer


def vectors(n=2000, sizes=(4.0, 1.0, 0.6, 0.3), seed=0):
    x = np.random.default_rng(seed).normal(size=(n, len(sizes))) * sizes
    return torch.from_numpy(x.astype(np.float32))


def started(n_levels=3, seed=0, **options):
    x = vectors(seed=seed)
    quantizer = EmbeddedScalarQuantizer(x.shape[1], n_levels=n_levels, **options)
    quantizer.start(x)
    return quantizer.eval(), x


def test_codes_are_the_digits_of_the_nearest_value_written_out():
    quantizer, x = started(dead_zone=0.0)
    codes = quantizer.encode(x)
    layout = quantizer.layout.tolist()
    flat = [i for level in layout for i in level]
    for row in range(50):
        expected = [0] * len(layout)
        number, left = {}, {}
        for i in set(flat) - {-1}:
            values = quantizer.cells[i][torch.isfinite(quantizer.cells[i])].tolist()
            number[i] = int(np.argmin([abs(float(x[row, i]) - v) for v in values]))
            left[i] = flat.count(i)
            assert len(values) == 3 ** left[i]
        for level, entries in enumerate(layout):
            for i in entries:
                left[i] -= 1
                expected[level] = 3 * expected[level] + number[i] // 3 ** left[i] % 3
        assert codes[row].tolist() == expected


def test_what_is_decoded_is_the_mean_of_what_has_these_codes():
    quantizer, x = started()
    codes = quantizer.encode(x)
    for n in (1, 2, 3):
        decoded = quantizer.decode(codes, n)
        layout = quantizer.layout[:n].flatten().tolist()
        for i in range(x.shape[1]):
            if i not in layout:
                torch.testing.assert_close(decoded[:, i], decoded[:1, i].expand(len(x)))
            for value in decoded[:, i].unique():
                own = x[decoded[:, i] == value, i]
                if len(own) > 100:
                    assert abs(float(own.mean() - value)) < 0.03 * float(x[:, i].std())


@pytest.mark.parametrize("seed", range(3))
def test_even_steps_cost_what_theory_says(seed):
    """Below the reach, the error is a twelfth of the squared step, and dead zones save bits."""
    rng = torch.Generator().manual_seed(seed)
    x = torch.randn(20_000, 2, generator=rng)
    bits, errors = [], []
    for dead_zone in (0.0, 0.15):
        quantizer = EmbeddedScalarQuantizer(2, n_levels=2, step=0.2, dead_zone=dead_zone)
        quantizer.start(x)
        codes = quantizer.encode(x)
        errors.append(float((quantizer.decode(codes) - x).square().mean()))
        share = torch.bincount(codes[:, 0] * 243 + codes[:, 1]).double() / len(x)
        bits.append(-float(torch.special.xlogy(share, share).sum()) / np.log(2))
    assert errors[0] == pytest.approx(0.2**2 / 12, rel=0.05)
    assert bits[1] < bits[0]
    assert errors[1] < 1.15 * errors[0]


def test_every_level_lowers_the_error_and_large_entries_get_more_digits():
    quantizer, x = started(n_levels=4)
    codes = quantizer.encode(x)
    errors = [float((quantizer.decode(codes, n) - x).square().mean()) for n in range(1, 5)]
    assert errors == sorted(errors, reverse=True)
    flat = quantizer.layout.flatten().tolist()
    counts = [flat.count(i) for i in range(4)]
    assert counts == sorted(counts, reverse=True)
    assert flat[0] == 0
    torch.testing.assert_close(quantizer.encode(x, 2), codes[:, :2])


@given(
    n_levels=st.integers(1, 5),
    size=st.integers(3, 300),
    dim=st.integers(1, 6),
    gain=st.floats(0.01, 100),
)
@settings(deadline=None, max_examples=30)
def test_any_shape_codes_and_decodes_within_its_codes(n_levels, size, dim, gain):
    x = gain * torch.randn(40, dim, generator=torch.Generator().manual_seed(dim))
    quantizer = EmbeddedScalarQuantizer(dim, n_levels=n_levels, codebook_size=size)
    quantizer.start(x)
    codes = quantizer.encode(x)
    assert all(n <= size for n in quantizer.codebook_sizes)
    assert (codes < torch.tensor(quantizer.codebook_sizes)).all()
    assert (codes >= 0).all()
    # a value's own codes decode to it where all of its digits are sent
    again = quantizer.encode(quantizer.decode(codes))
    assert torch.isfinite(quantizer.decode(again)).all()
    assert (quantizer.decode(codes) - x).square().mean() <= 1.5 * x.square().mean()


def test_vectors_do_not_depend_on_their_batch():
    quantizer, x = started()
    torch.testing.assert_close(quantizer.encode(x[7:8]), quantizer.encode(x)[7:8])
    cube = x[:24].reshape(2, 3, 4, 4)
    torch.testing.assert_close(quantizer.encode(cube).reshape(24, 3), quantizer.encode(x[:24]))
    torch.testing.assert_close(
        quantizer.decode(quantizer.encode(cube)).reshape(24, 4),
        quantizer.decode(quantizer.encode(x[:24])),
    )


def test_gradients_pass_inside_and_stop_outside():
    quantizer, _ = started()
    x = torch.tensor([[0.3, 0.2, 0.1, 50.0]], requires_grad=True)
    quantizer(x).values.sum().backward()
    assert x.grad.tolist() == [[1.0, 1.0, 1.0, 0.0]]


def test_the_loss_is_the_rate_of_a_laplace_source():
    quantizer, x = started()
    louder = quantizer(100 * x).loss - quantizer(50 * x).loss
    assert float(louder) == pytest.approx(1.0, abs=0.01)


def test_dropped_levels_say_nothing_and_training_deals_the_digits():
    torch.manual_seed(0)
    quantizer = EmbeddedScalarQuantizer(4, n_levels=3, quantizer_dropout=1.0).train()
    assert not quantizer.initialised
    x = vectors().reshape(100, 20, 4)
    values, codes, _ = quantizer(x)
    assert quantizer.initialised
    kept = (codes >= 0).sum(-1)
    assert set(kept.flatten().tolist()) == {1, 2, 3}
    assert (kept == kept[:, :1]).all()
    torch.testing.assert_close(values, quantizer.decode(codes))
    item = int(kept[:, 0].argmin())
    torch.testing.assert_close(values[item], quantizer.decode(codes[item], 1))


def test_a_saved_state_is_all_it_takes():
    quantizer, x = started()
    other = EmbeddedScalarQuantizer(4, n_levels=3)
    other.load_state_dict(quantizer.state_dict())
    torch.testing.assert_close(other.encode(x), quantizer.encode(x))
    torch.testing.assert_close(
        other.decode(other.encode(x)), quantizer.decode(quantizer.encode(x))
    )


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"dim": 0}, "dim must be a positive integer, got 0"),
        ({"codebook_size": 2}, "codebook_size must be at least 3, got 2"),
        ({"step": 0.0}, "step must be positive, got 0.0"),
        ({"dead_zone": 0.5}, r"dead_zone must be in \[0, 0.5\), got 0.5"),
        ({"quantizer_dropout": 2}, r"quantizer_dropout must be in \[0, 1\], got 2"),
    ],
)
def test_parameters_out_of_range_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        EmbeddedScalarQuantizer(**{"dim": 4, "n_levels": 2} | options)


def test_other_vectors_and_codes_are_refused():
    quantizer, x = started()
    with pytest.raises(ValueError, match=r"vectors must have shape \(..., 4\)"):
        quantizer.encode(x[:, :3])
    with pytest.raises(ValueError, match="vectors must be finite"):
        quantizer.encode(x * torch.nan)
    with pytest.raises(ValueError, match="codes must be from -1 to 242, got 0 to 243"):
        quantizer.decode(torch.tensor([[0, 243, 0]]))
