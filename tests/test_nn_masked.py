"""The masked transformer: against the dense one, in any order, live, at any time."""

import pytest
import torch

from neurokit.nn.masked import MaskedTransformer
from neurokit.nn.positions import PlaceCode, find_turns, time_angles, turn


@pytest.fixture
def model():
    torch.manual_seed(0)
    return MaskedTransformer(6, width=16, depth=2, n_heads=2, n_statistics=3).eval()


def recording(n=2, channels=5, frames=4):
    generator = torch.Generator().manual_seed(1)
    patches = torch.randn(n, channels, frames, 6, generator=generator)
    places = 80 * torch.randn(n, channels, 3, generator=generator)
    places[0, 0] = float("nan")
    return patches, places, 0.5 * torch.arange(frames), generator


def test_products_of_turned_tokens_depend_on_the_time_between_them_alone():
    generator = torch.Generator().manual_seed(0)
    q, k = torch.randn(2, 1, 8, generator=generator, dtype=torch.float64)
    for late in (0.0, 3600.0):
        after, before = (
            find_turns(time_angles(torch.tensor([at], dtype=torch.float64), 8), q.dtype)
            for at in (late + 1.25, late)
        )
        q_late, k_late = turn(q, after), turn(k, before)
        product = (q_late * k_late).sum()
        if late == 0.0:
            first = product
    torch.testing.assert_close(product, first, rtol=1e-6, atol=1e-9)


def test_places_in_other_units_or_none_are_other_codes():
    code = PlaceCode(4)
    place = torch.tensor([[10.0, 20.0, 30.0]])
    assert not torch.allclose(code(place), code(place / 1000))
    torch.testing.assert_close(code(place * float("nan"))[0], code.unknown)
    with pytest.raises(ValueError, match="size must be even, got 3"):
        time_angles(torch.zeros(1), 3)


def test_channels_in_another_order_give_the_same_in_that_order(model):
    patches, places, times, generator = recording()
    seen = torch.rand(2, 5, 4, generator=generator) < 0.6
    order = torch.tensor([3, 1, 4, 0, 2])
    one = model(patches, places, times, seen).samples
    other = model(patches[:, order], places[:, order], times, seen[:, order]).samples
    torch.testing.assert_close(other, one[:, order], atol=1e-5, rtol=1e-5)


def test_dropping_hidden_tokens_equals_never_having_had_them(model):
    patches, places, times, _ = recording()
    seen = torch.ones(2, 5, 4, dtype=torch.bool)
    seen[:, 2:] = False
    shown = model.encode(patches, places, times, seen)
    alone = model.encode(patches[:, :2], places[:, :2], times, seen[:, :2])
    torch.testing.assert_close(shown.latents, alone.latents)
    assert shown.number.equal(alone.number)
    patches[:, 2:] = 1e3  # what is hidden has no say
    torch.testing.assert_close(
        model.encode(patches, places, times, seen).latents, alone.latents, rtol=0, atol=0
    )


def test_examples_with_fewer_tokens_are_not_touched_by_those_with_more(model):
    patches, places, times, _ = recording()
    seen = torch.ones(2, 5, 4, dtype=torch.bool)
    seen[0, :3] = False
    together = model(patches, places, times, seen)
    alone = model(patches[:1], places[:1], times, seen[:1])
    torch.testing.assert_close(together.samples[:1], alone.samples, atol=1e-5, rtol=1e-5)
    kept = together.shown.latents[0][together.shown.valid[0]]
    torch.testing.assert_close(kept, alone.shown.latents[0], atol=1e-5, rtol=1e-5)
    assert together.statistics.shape == (2, 20, 3)


@pytest.mark.parametrize("start", [0.0, 7200.0])
def test_going_on_frame_by_frame_gives_what_the_whole_gives(start):
    torch.manual_seed(0)
    live = MaskedTransformer(6, width=16, depth=3, n_heads=2, context=1.5).eval()
    patches, places, times, _ = recording(frames=9)
    times = times.double() + start
    seen = torch.ones(patches.shape[:3], dtype=torch.bool)
    whole = live.encode(patches, places, times, seen).latents.view(2, 5, 9, 16)
    past = None
    for f in range(9):
        latents, past = live.advance(patches[:, :, f], places, float(times[f]), past, n_kept=2)
        torch.testing.assert_close(latents, whole[:, :, f], atol=1e-5, rtol=1e-5)
    patches[:, :, 5:] = 0.0  # the future has no say
    again = live.encode(patches, places, times, seen).latents.view(2, 5, 9, 16)
    torch.testing.assert_close(again[:, :, :5], whole[:, :, :5])


def test_widths_that_heads_cannot_share_are_refused():
    with pytest.raises(ValueError, match=r"multiple of 2 \* n_heads, got 12 and 4 heads"):
        MaskedTransformer(6, width=12, n_heads=4)
