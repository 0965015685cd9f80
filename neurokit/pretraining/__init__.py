"""Models that learn from recordings without labels, and what is built on top of them."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "hub": ["HubEncoder"],
        "masked": ["MaskedModel"],
        "masks": [
            "block_mask",
            "channel_mask",
            "flatten_mask",
            "future_mask",
            "mixed_mask",
            "region_mask",
            "time_mask",
            "token_mask",
        ],
        "presets": ["masked_options"],
        "pretrained": ["PretrainedClassifier", "PretrainedRegressor"],
        "spikes": ["SpikeTransformer"],
    },
)
