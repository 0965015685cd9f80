"""Axial and windowed attention against loops; what else a masked model tells; a slow copy."""

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from neurokit.nn.attention import AttentionBlock, AxialAttention, SelfAttention, WindowAttention
from neurokit.nn.gelu import QuickGelu
from neurokit.nn.masked import MaskedTransformer
from neurokit.nn.positions import find_turns, time_angles
from neurokit.nn.targets import code_error, find_spectra, latent_error, spectrum_error

CHANNELS, FRAMES = 3, 7


def in_loops(attention, x, allowed):
    """Mix tokens one by one; ``allowed(head, i, j)`` with i and j = (channel, frame)."""
    heads = attention.project(x).view(CHANNELS, FRAMES, 3, attention.n_heads, -1).detach()
    heads = heads.numpy()
    angles = time_angles(torch.arange(FRAMES) * 0.5, heads.shape[-1]).numpy()
    half = heads.shape[-1] // 2
    places = [(c, f) for c in range(CHANNELS) for f in range(FRAMES)]
    mixed = np.zeros((CHANNELS, FRAMES, *heads.shape[3:]))
    for h in range(attention.n_heads):
        for i in places:
            scores, values = [], []
            for j in places:
                if not allowed(h, i, j):
                    continue
                q, k = heads[i][0, h], heads[j][1, h]
                a, b = q[:half] + 1j * q[half:], k[:half] + 1j * k[half:]
                lag = angles[i[1]] - angles[j[1]]
                scores.append((a * np.conj(b) * np.exp(1j * lag)).real.sum() / (2 * half) ** 0.5)
                values.append(heads[j][2, h])
            weight = np.exp(scores) / np.exp(scores).sum()
            mixed[i][h] = weight @ np.array(values)
    return attention.out(torch.from_numpy(mixed).flatten(2))


def tokens():
    torch.manual_seed(0)
    x = torch.randn(1, CHANNELS, FRAMES, 16, dtype=torch.float64)
    turns = find_turns(time_angles(torch.arange(FRAMES) * 0.5, 4), x.dtype)
    return x, turns


def test_axial_attention_is_the_one_written_in_loops():
    x, turns = tokens()
    attention = AxialAttention(16, 4).double()

    def allowed(h, i, j):
        return i[1] == j[1] if h < 2 else i[0] == j[0]  # in one frame, or in one channel

    expected = in_loops(attention, x, allowed)
    torch.testing.assert_close(attention(x, turns)[0], expected)
    with pytest.raises(ValueError, match="n_heads must be even, got 3"):
        AxialAttention(12, 3)


@pytest.mark.parametrize("reach", [1, 2, 3, 9])
def test_windowed_attention_is_the_one_written_in_loops(reach):
    x, turns = tokens()
    attention = WindowAttention(16, 4, reach=reach).double()
    expected = in_loops(attention, x, lambda h, i, j: abs(i[1] - j[1]) <= reach)
    torch.testing.assert_close(attention(x, turns)[0], expected)
    with pytest.raises(ValueError, match="reach must be at least 1 frame, got 0"):
        WindowAttention(16, 4, reach=0)


def test_rows_that_are_wanted_are_those_of_the_whole():
    torch.manual_seed(0)
    block, x = AttentionBlock(16, 4), torch.randn(2, 9, 16)
    turns = find_turns(time_angles(torch.rand(2, 9), 4), x.dtype)
    rows = torch.tensor([[3, 0, 8], [1, 1, 4]])
    whole = block(x, turns)
    torch.testing.assert_close(
        block(x, turns, rows=rows), torch.stack([whole[0, rows[0]], whole[1, rows[1]]])
    )
    assert isinstance(block.attention, SelfAttention)


@pytest.mark.parametrize("attention", ["full", "axial", "window"])
def test_models_that_replace_do_not_see_what_is_hidden(attention):
    torch.manual_seed(0)
    sizes = {"width": 16, "depth": 2, "n_heads": 2}
    model = MaskedTransformer(
        6, **sizes, attention=attention, hidden="replace", reach=2, more={"codes": 5}
    ).eval()
    patches, places = torch.randn(2, 5, 4, 6), 80 * torch.randn(2, 5, 3)
    seen, times = torch.rand(2, 5, 4) < 0.5, 0.5 * torch.arange(4)
    told = model(patches, places, times, seen)
    assert told.samples.shape == (2, 5, 4, 6)
    other = model(torch.where(seen[..., None], patches, 1e3), places, times, seen)
    torch.testing.assert_close(other.samples, told.samples, rtol=0, atol=0)
    order = torch.tensor([3, 1, 4, 0, 2])
    turned = model(patches[:, order], places[:, order], times, seen[:, order]).samples
    torch.testing.assert_close(turned, told.samples[:, order], atol=1e-5, rtol=1e-5)
    some = model(patches, places, times, seen, ~seen)
    every = told.more["codes"].unflatten(1, (5, 4))
    for example in range(2):
        valid = some.wanted.valid[example]
        torch.testing.assert_close(
            some.samples[example][valid], told.samples[example][~seen[example]]
        )
        torch.testing.assert_close(
            some.more["codes"][example][valid], every[example][~seen[example]]
        )


def test_kinds_of_attention_that_do_not_go_together_are_refused():
    for wrong, words in (
        ({"attention": "axial"}, "attention='axial' needs hidden='replace'"),
        ({"attention": "local"}, "attention must be one of"),
        ({"attention": "window", "hidden": "replace", "context": 1.0}, "and no context"),
    ):
        with pytest.raises(ValueError, match=words):
            MaskedTransformer(6, width=16, n_heads=2, **wrong)


def test_spectra_are_those_of_the_transform_and_their_error_is_zero_for_the_truth():
    x = torch.randn(3, 10, generator=torch.Generator().manual_seed(0))
    found = find_spectra(x).numpy()
    for row, told in zip(x.numpy().astype(float), found, strict=True):
        for k in range(6):
            wave = sum(v * np.exp(-2j * np.pi * k * n / 10) for n, v in enumerate(row)) / 10**0.5
            np.testing.assert_allclose(told[k], np.log(abs(wave) + 0.01), atol=1e-4)
            phase = np.angle(told[6 + k] + 1j * told[12 + k])
            assert abs(np.exp(1j * phase) - wave / abs(wave)) < 1e-3
    truth = find_spectra(x)
    assert float(spectrum_error(truth, truth).abs().max()) == 0
    assert float(spectrum_error(-truth, truth).min()) > 0


def test_errors_of_codes_and_latents_are_those_written_out():
    generator = torch.Generator().manual_seed(0)
    logits, codes = torch.randn(4, 2, 6, generator=generator), torch.tensor([[[0, 2], [1, 1]]] * 4)
    found = code_error(logits, codes)
    for i in range(4):
        for j in range(2):
            parts = logits[i, j].view(2, 3).log_softmax(-1)
            expected = -(parts[0, codes[i, j, 0]] + parts[1, codes[i, j, 1]]) / 2
            torch.testing.assert_close(found[i, j], expected)
    truth = torch.randn(3, 8, generator=generator)
    normal = (truth - truth.mean(-1, keepdim=True)) / truth.std(-1, keepdim=True, correction=0)
    torch.testing.assert_close(latent_error(normal, truth), torch.zeros(3), atol=1e-6, rtol=0)


def test_a_slow_copy_follows_and_is_not_trained():
    torch.manual_seed(0)
    model = MaskedTransformer(6, width=16, depth=1, n_heads=2, follower=True, more={"latent": 16})
    patches, places, times = torch.randn(2, 5, 4, 6), torch.zeros(2, 5, 3), torch.arange(4.0)
    seen = torch.ones(2, 5, 4, dtype=torch.bool)
    shown = model.encode(patches, places, times, seen)
    before = model.encode_slowly(patches, places, times, seen)
    torch.testing.assert_close(before, shown.latents.detach())
    assert not any(p.requires_grad for p in model.follower.parameters())
    with torch.no_grad():
        model.embed.weight.add_(1.0)
    model.schedule(0.0)
    slow = model.follower.copy[0].weight
    torch.testing.assert_close(slow, model.embed.weight - 0.996, atol=1e-5, rtol=1e-5)
    now = slow.clone()
    model.schedule(1.0)  # at the end it stands still
    torch.testing.assert_close(slow, now, rtol=0, atol=0)
    half = seen & (torch.arange(4) < 2)
    latents = model.encode_slowly(patches, places, times, half)
    assert F.mse_loss(latents.view(2, 5, 4, 16)[:, :, 2:], torch.zeros(2, 5, 2, 16)) == 0
    plain = MaskedTransformer(6, width=16, depth=1, n_heads=2)
    with pytest.raises(ValueError, match="there is no slow copy"):
        plain.encode_slowly(patches, places, times, seen)


def test_the_quick_gelu_and_its_gradient_are_those_of_torch():
    x = torch.linspace(-9, 9, 4001, requires_grad=True)
    exact = torch.linspace(-9, 9, 4001, dtype=torch.float64, requires_grad=True)
    found, truth = QuickGelu.apply(x), F.gelu(exact)
    assert (found - truth).abs().max() < 1e-6
    found.sum().backward()
    truth.sum().backward()
    assert (x.grad - exact.grad).abs().max() < 1e-6
    half = QuickGelu.apply(x.detach().bfloat16())
    assert half.dtype == torch.bfloat16
    torch.testing.assert_close(half, F.gelu(x.detach().bfloat16()))


@pytest.mark.parametrize("kind", [AxialAttention, lambda *a: WindowAttention(*a, reach=2)])
def test_grids_refuse_what_they_have_no_use_for(kind):
    x = torch.zeros(1, 2, 3, 8)
    with pytest.raises(ValueError, match="all tokens of a grid see and are told"):
        kind(8, 2)(x, rows=torch.zeros(1, 1, dtype=torch.int64))
