"""Recordings to labels and movements."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "alignment": ["EuclideanAlignment"],
        "band_power": ["BandPower"],
        "bessel": ["BesselFilter"],
        "cascade": ["WienerCascadeRegressor"],
        "fir": ["FIRSmoother"],
        "kalman": ["KalmanRegressor"],
        "lags": ["LagWindow"],
        "smoothed": ["SmoothedRegressor"],
        "wiener": ["WienerRegressor"],
    },
)
