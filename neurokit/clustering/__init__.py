"""Who fires together, when the state changes, and how sure one may be."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "biclustering": ["BayesianBiclustering"],
        "dwell": ["DwellTimes"],
        "partitions": [
            "CredibleBall",
            "credible_ball",
            "posterior_similarity",
            "summarize_partitions",
        ],
        "switching": ["SwitchingGLM"],
    },
)
