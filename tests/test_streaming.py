import tracemalloc

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from neurokit.streaming import FrameBuffer, RingBuffer, Stream

cuts = st.lists(st.integers(0, 9), max_size=12)


def chunks_of(lengths, n_channels=2):
    x = np.arange(n_channels * sum(lengths), dtype=float).reshape(n_channels, -1) + 1
    return x, np.split(x, np.cumsum(lengths)[:-1], axis=1) if lengths else []


@given(cuts, st.integers(1, 7))
@settings(deadline=None, max_examples=60)
def test_ring_holds_the_newest_samples(lengths, length):
    _, chunks = chunks_of(lengths)
    ring, seen = RingBuffer(2, length, float), np.zeros((2, length))
    for chunk in chunks:
        ring.push(chunk)
        seen = np.concatenate([seen, chunk], 1)
        for n in range(1, length + 1):
            np.testing.assert_array_equal(ring.last(n), seen[:, -n:])


@given(cuts, st.integers(1, 7), st.integers(1, 7), st.integers(0, 6))
@settings(deadline=None, max_examples=60)
def test_frames_are_those_of_the_whole_recording(lengths, frame, hop, history):
    hop, history = min(hop, frame), min(history, frame - 1)
    x, chunks = chunks_of(lengths)
    padded = np.concatenate([np.zeros((2, history)), x], 1)
    expected = [padded[:, s : s + frame] for s in range(0, padded.shape[1] - frame + 1, hop)]
    buffer = FrameBuffer(2, frame, hop, history=history, dtype=float)
    frames = [f.copy() for chunk in chunks for f in buffer.push(chunk)]
    assert len(frames) == len(expected)
    for got, wanted in zip(frames, expected, strict=True):
        np.testing.assert_array_equal(got, wanted)
    n_pending = x.shape[1] - (len(frames) * hop + frame - hop - history if frames else 0)
    assert buffer.n_pending == n_pending
    np.testing.assert_array_equal(buffer.pending()[:, :n_pending], x[:, x.shape[1] - n_pending :])


def test_pushing_and_reading_allocate_no_arrays():
    ring, chunk = RingBuffer(64, 500), np.ones((64, 7), np.float32)
    ring.push(chunk)
    tracemalloc.start()
    for _ in range(1000):
        ring.push(chunk)
        ring.last(100)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 4096  # views and integers; one chunk alone is 1792 bytes, the ring 256000


def test_the_protocol_names_push_and_flush():
    class Echo:
        def push(self, chunk):
            return chunk

        def flush(self):
            return None

    assert isinstance(Echo(), Stream)
    assert not isinstance(object(), Stream)
