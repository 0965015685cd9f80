"""Recordings to labels and movements."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "alignment": ["EuclideanAlignment"],
        "band_power": ["BandPower"],
        "bessel": ["BesselFilter"],
        "cascade": ["WienerCascadeRegressor"],
        "delta": ["DeltaEncoder"],
        "early_exit": ["EarlyExitClassifier"],
        "fir": ["FIRSmoother"],
        "kalman": ["KalmanRegressor"],
        "lags": ["LagWindow"],
        "legendre": ["LegendreHistory"],
        "lempel_ziv": ["LempelZiv"],
        "liquid": ["LiquidState"],
        "motifs": ["MotifDetector"],
        "recurrent": ["RecurrentRegressor"],
        "smoothed": ["SmoothedRegressor"],
        "spiking": ["SpikingClassifier", "SpikingRegressor"],
        "wiener": ["WienerRegressor"],
        "window_mlp": ["WindowMLPRegressor"],
    },
)
