from neurokit.streaming import Stream


def test_the_protocol_names_push_and_flush():
    class Echo:
        def push(self, chunk):
            return chunk

        def flush(self):
            return None

    assert isinstance(Echo(), Stream)
    assert not isinstance(object(), Stream)
