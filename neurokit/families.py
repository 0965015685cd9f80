"""The families of estimators. This is the only list of them: tests, files and docs read it."""

FAMILIES = (
    "tokenizers",
    "features",
    "clustering",
    "connectomes",
    "decoders",
    "encoding",
    "pretraining",
)
