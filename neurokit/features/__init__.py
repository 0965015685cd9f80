"""Recordings to features, or to cleaner recordings."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "alignment": ["EuclideanAlignment"],
        "band_power": ["BandPower"],
        "delta": ["DeltaEncoder"],
        "lags": ["LagWindow"],
        "legendre": ["LegendreHistory"],
        "lempel_ziv": ["LempelZiv"],
        "liquid": ["LiquidState"],
    },
)
