"""How decoders are judged: who is trained on, who is tested, and a card that says so."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "card": ["ProtocolCard"],
        "evaluation": ["evaluate"],
        "probe_features": ["probe"],
        "result": ["Evaluation"],
        "splits": ["blocks_of_time", "make_folds"],
    },
)
