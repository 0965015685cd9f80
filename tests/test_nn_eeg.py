"""Networks for trials of EEG against plain torch and published counts."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional as F

from neurokit.nn.attention import AttentionBlock, SelfAttention
from neurokit.nn.convolutions import convolve_each, convolve_rows
from neurokit.nn.dbconformer import DBConformer
from neurokit.nn.eegnet import EEGNet, ShallowConvNet
from neurokit.nn.ssvep import SSVEPNet


def drawn(seed, *shape):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(0, 99),
    n=st.integers(1, 6),
    channels=st.integers(1, 4),
    times=st.integers(1, 150),
    taps=st.integers(1, 20),
)
def test_products_are_the_convolution_and_its_gradient(seed, n, channels, times, taps):
    x, w = drawn(seed, n, channels, times), drawn(seed + 1, channels, taps)
    x.requires_grad_(), w.requires_grad_()
    padded = F.pad(x, ((taps - 1) // 2, taps // 2))
    expected = F.conv1d(padded, w[:, None], groups=channels)
    found = convolve_each(x, w)
    torch.testing.assert_close(found, expected)
    weight = drawn(seed + 2, *found.shape)
    grads = torch.autograd.grad((found * weight).sum(), (x, w))
    torch.testing.assert_close(grads, torch.autograd.grad((expected * weight).sum(), (x, w)))


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 99), times=st.integers(3, 60), stride=st.integers(1, 6))
def test_rows_are_filtered_as_torch_filters_them(seed, times, stride):
    x, w, b = drawn(seed, 4, times), drawn(seed + 1, 3, 5), drawn(seed + 2, 3)
    expected = F.conv1d(x[:, None], w[:, None], b, stride=stride, padding=2).transpose(1, 2)
    torch.testing.assert_close(convolve_rows(x, w, b, stride), expected)


def test_attention_is_that_of_torch():
    ours = SelfAttention(12, 3).double()
    theirs = torch.nn.MultiheadAttention(12, 3, batch_first=True).double()
    theirs.load_state_dict(
        {
            "in_proj_weight": ours.project.weight,
            "in_proj_bias": ours.project.bias,
            "out_proj.weight": ours.out.weight,
            "out_proj.bias": ours.out.bias,
        }
    )
    x = drawn(0, 2, 7, 12)
    expected, weights = theirs(x, x, x, average_attn_weights=False)
    torch.testing.assert_close(ours(x), expected)
    torch.testing.assert_close(ours.weigh(x), weights)


def test_a_scale_by_the_model_makes_attention_more_even():
    x = drawn(0, 1, 9, 16)
    head, model = SelfAttention(16, 4).double(), SelfAttention(16, 4, scale="model").double()
    model.load_state_dict(head.state_dict())
    q, k, _ = head._split(x)
    expected = (q @ k.transpose(-1, -2) / 4).softmax(-1)  # the root of 16, not of 4
    torch.testing.assert_close(model.weigh(x), expected)
    assert model.weigh(x).max() < head.weigh(x).max()


def conform_plainly(net, x):
    """DBConformer as its paper writes it, with torch's own convolutions."""
    y = F.conv1d(x, net.spatial[0].weight)
    y = net.spatial[1](y)
    y = F.gelu(net.norm(F.conv1d(y, net.temporal.weight, padding=31, groups=y.shape[1])))
    y = y[..., : net.patch * net.n_patches].unflatten(-1, (net.n_patches, net.patch)).mean(-1)
    by_time = net.over_time(y.transpose(1, 2) + net.times).mean(1)
    tokens = []
    for channel in range(x.shape[1]):
        z = F.elu(net.channel_filters(x[:, channel : channel + 1]))
        tokens.append(net.channel_project(F.adaptive_avg_pool1d(z, 1)[..., 0]))
    z = net.over_channels(torch.stack(tokens, 1) + net.channels)
    weights = net.weigh_channels(z)[..., 0].softmax(1)
    by_channel = (weights[..., None] * z).sum(1)
    return net.final_layer(torch.cat([by_time, by_channel], 1)), weights


@pytest.mark.parametrize("n_times", [125, 130, 438])
def test_dbconformer_is_its_layers_one_after_the_other(n_times):
    net = DBConformer(3, 6, n_times, sfreq=125).double().eval()
    x = drawn(1, 2, 6, n_times)
    expected, weights = conform_plainly(net, x)
    torch.testing.assert_close(net(x), expected)
    torch.testing.assert_close(net.channel_weights(x), weights)


def test_dbconformer_has_the_published_number_of_weights():
    def count(net):
        return sum(p.numel() for p in net.parameters())

    assert count(DBConformer(2, 22, 1001, sfreq=250)) == 93_747
    assert count(DBConformer(2, 22, 1001, sfreq=250, channel_attention=False)) == 92_066
    assert count(DBConformer(2, 22, 1001, sfreq=250, depth=6)) == 251_507
    assert count(SSVEPNet(40, 9, 100, filters=torch.eye(100).expand(3, 100, 100))) == 414_283


def test_attention_maps_sum_to_one_over_what_is_looked_at():
    net = DBConformer(2, 5, 500, sfreq=125).eval()
    times, channels = net.attend(torch.randn(3, 5, 500))
    assert times.shape == (3, 8, 8)
    assert channels.shape == (3, 5, 5)
    for weights in (times, channels, net.channel_weights(torch.randn(3, 5, 500))):
        torch.testing.assert_close(weights.sum(-1), torch.ones(weights.shape[:-1]))
    even = DBConformer(2, 5, 500, sfreq=125, channel_attention=False).eval()
    assert (even.channel_weights(torch.randn(3, 5, 500)) == 0.2).all()


def test_the_shallow_network_is_two_convolutions():
    net = ShallowConvNet(2, 7, 300, sfreq=100).double().eval()
    x = drawn(0, 3, 7, 300)
    y = net.spatial(net.temporal(x[:, None]))[:, :, 0]
    y = F.avg_pool1d(net.norm(y).square(), net.window, net.stride)
    expected = net.final_layer(y.clamp(min=1e-6).log().flatten(1))
    torch.testing.assert_close(net(x), expected)


@pytest.mark.parametrize("n_times", [1, 2, 11, 30])
def test_the_ssvep_network_is_its_layers_one_after_the_other(n_times):
    filters = drawn(3, 3, n_times, n_times)
    net = SSVEPNet(4, 5, n_times, filters=filters, n_filters=6).double().eval()
    net.filters = filters
    with torch.no_grad():
        net.bands.copy_(torch.tensor([1.0, -0.5, 2.0]))
    x = drawn(0, 3, 5, n_times)
    y = sum(w * (x @ band) for w, band in zip(net.bands, filters, strict=True))
    y = net.spatial(y)
    pairs = [net.halve(F.pad(y, (0, 1))[..., t : t + 2]) for t in range(0, n_times, 2)]
    y = F.relu(torch.cat(pairs, -1))
    y = F.conv1d(F.pad(y, (4, 5)), net.temporal.weight, net.temporal.bias)
    torch.testing.assert_close(net(x), net.final_layer(y.flatten(1)))


@pytest.mark.parametrize("network", [EEGNet, ShallowConvNet, DBConformer])
@pytest.mark.parametrize("rate", [100, 160])
def test_networks_take_any_rate_and_learn(network, rate):
    torch.manual_seed(0)
    net = network(2, 4, 2 * rate, sfreq=rate)
    t = torch.arange(2 * rate) / rate
    y = torch.arange(32) % 2
    x = torch.randn(32, 4, 2 * rate) + 2 * y[:, None, None] * torch.sin(2 * torch.pi * 10 * t)
    optimiser = torch.optim.Adam(net.parameters(), 2e-3)
    first = F.cross_entropy(net(x), y)
    for _ in range(20):
        optimiser.zero_grad()
        loss = F.cross_entropy(net(x), y)
        loss.backward()
        optimiser.step()
    assert loss < 0.8 * first


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: DBConformer(2, 3, 10, sfreq=100), r"0.1 s is shorter than a patch of 0.5 s"),
        (lambda: EEGNet(2, 3, 20, sfreq=128), "EEGNet: a trial of 20 samples is shorter"),
        (lambda: ShallowConvNet(2, 3, 20, sfreq=250), "ShallowConvNet: a trial of 20 samples"),
        (lambda: SSVEPNet(2, 3, 5, filters=torch.eye(4)), r"shape .n_bands, 5, 5., got .4, 4."),
        (lambda: SelfAttention(10, 3), "dim must be a multiple of n_heads, got 10 and 3"),
        (lambda: SelfAttention(9, 3, scale="token"), "scale must be 'head' or 'model'"),
    ],
)
def test_networks_refuse(make, words):
    with pytest.raises(ValueError, match=words):
        make()


def test_blocks_keep_the_shape():
    assert AttentionBlock(8, 2, dropout=0.1)(torch.zeros(2, 3, 8)).shape == (2, 3, 8)
