"""
Which picture was seen
======================

A contrastive decoder learns an embedding of EEG that fits that of the picture that was seen
better than those of others. It is asked for pictures that it never learnt from, and held
against the best decoder there can be, which is known because the EEG is simulated.
"""

# %%
# Three people see 300 pictures; each mixes the same sources differently. Some electrodes jump.
import numpy as np

from neurokit.datasets import make_stimulus_responses
from neurokit.decoders import ContrastiveDecoder
from neurokit.metrics import retrieval_scores
from neurokit.training import Trainer

made = make_stimulus_responses(
    300, n_channels=16, duration=0.4, sampling_rate=50, snr=0.3, outliers=0.01, random_state=0
)
print(made.trials.dims, made.trials.shape, "->", made.embeddings.dims)

# %%
# The last 50 pictures are kept for the test, for all three people.
test = np.isin(made.trials["stimulus"], made.gallery["stimulus"][-50:])
decoder = ContrastiveDecoder(
    16,
    n_filters=24,
    trainer=Trainer(12, batch_size=128, learning_rate=5e-3, device="cpu"),
    random_state=0,
).fit(made.trials[~test], made.embeddings[~test])

# %%
# Ask for the three most likely of the 50 pictures.
gallery = made.gallery[-50:]
print(decoder.retrieve(made.trials[test][:4], gallery, k=3)["candidate"].values)

# %%
# How often the right one is first, or among the first ten; chance is 0.02 and 0.2.
found = decoder.evaluate(made.trials[test], made.embeddings[test], gallery, k=(1, 10))
best = retrieval_scores(
    made.ideal(made.clean[test], gallery),
    made.trials["stimulus"][test],
    gallery=gallery["stimulus"],
    k=(1, 10),
)
print("decoder", found["top_k"].values.round(2), "optimum", best["top_k"].values.round(2))
print("by person", found["top_k_by_group"].values.round(2).tolist())
