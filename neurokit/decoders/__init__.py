"""Recordings to labels and movements."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "attribution": ["integrate_gradients", "occlude"],
        "pipelines": ["make_band_power", "make_csp", "make_mdm", "make_tangent_space"],
        "bessel": ["BesselFilter"],
        "cascade": ["WienerCascadeRegressor"],
        "drift": ["DriftDetector"],
        "early_exit": ["EarlyExitClassifier"],
        "fbcca": ["FBCCAClassifier"],
        "fir": ["FIRSmoother"],
        "kalman": ["KalmanRegressor"],
        "motifs": ["MotifDetector"],
        "robustness": ["attack", "measure_robustness"],
        "networks.contrastive": ["ContrastiveDecoder"],
        "networks.eeg": [
            "DBConformerClassifier",
            "EEGNetClassifier",
            "ShallowConvNetClassifier",
        ],
        "networks.recurrent": ["RecurrentRegressor"],
        "networks.spiking": ["SpikingRegressor"],
        "networks.spiking_classifier": ["SpikingClassifier"],
        "networks.ssvep": ["SSVEPNetClassifier"],
        "networks.window_mlp": ["WindowMLPRegressor"],
        "smoothed": ["SmoothedRegressor"],
        "tdca": ["TDCAClassifier"],
        "trca": ["TRCAClassifier"],
        "wiener": ["WienerRegressor"],
    },
)
