"""Neural codecs: recordings to integer tokens and back."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "codec": ["CodecTokenizer"],
        "embedding": ["EventEmbedding"],
        "histogram": ["CodeHistogram"],
        "linear_rvq": ["LinearRVQTokenizer"],
        "multiscale": ["MultiScaleTokenizer"],
        "region": ["RegionTokenizer"],
        "scalar": ["ScalarTokenizer"],
        "spikes": ["SpikeTokenizer"],
    },
)
