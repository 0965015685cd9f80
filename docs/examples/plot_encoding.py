"""
From stimuli to responses: which feature space explains what
============================================================

An encoding model predicts what the brain does from what was shown. With two feature spaces
side by side, banded ridge regression lets every voxel weigh them for itself, and tells how
much of what is explained belongs to which. The voxels are simulated: half of them answer to
motion, half to words, so that the answer is known.
"""

# %%
# Sixty pictures, each shown five times: ten features of motion, sixty of words.
import matplotlib.pyplot as plt
import numpy as np
import xarray as xr

from neurokit.encoding import BandedRidge, RidgeEncoder, join_bands

rng = np.random.default_rng(0)
stimulus = np.repeat(np.arange(60), 5)
rng.shuffle(stimulus)
motion, words = rng.normal(size=(60, 10)), rng.normal(size=(60, 60))
x = join_bands(
    {
        "motion": xr.DataArray(motion[stimulus], dims=("trial", "feature")),
        "words": xr.DataArray(words[stimulus], dims=("trial", "feature")),
    }
).assign_coords(stimulus=("trial", stimulus))
print(x.dims, x.shape)

# %%
# Twelve voxels of two regions, with noise that is twice as strong as the response.
drive = np.concatenate(
    [motion @ rng.normal(size=(10, 6)) / 10**0.5, words[:, :8] @ rng.normal(size=(8, 6)) / 8**0.5],
    axis=1,
)
bold = drive[stimulus] + 1.4 * rng.normal(size=(300, 12))
y = xr.DataArray(bold, dims=("trial", "voxel")).assign_coords(
    region=("voxel", ["MT"] * 6 + ["language"] * 6)
)

# %%
# Pictures that are tested are never among those that were learnt from. The coordinate
# ``stimulus`` keeps repetitions together in the folds that choose the penalties, too.
test = stimulus >= 45
ridge = RidgeEncoder(cv=4).fit(x[~test], y[~test])
banded = BandedRidge(n_iter=30, cv=4, random_state=0).fit(x[~test], y[~test])
for name, model in {"ridge": ridge, "banded ridge": banded}.items():
    for method in ("r2", "pearson", "pearson_over_targets", "two_versus_two"):
        print(f"{name:13s} {method:21s} {model.score(x[test], y[test], method=method):.2f}")

# %%
# Labels of the voxels come out again. What every space adds sums to R2.
split = banded.split_r2(x[test], y[test])
print(split.groupby("region").mean().to_pandas().round(2))

fig, ax = plt.subplots(figsize=(6, 3))
for band in split["band"].values:
    ax.plot(split["voxel"], split.sel(band=band), "o-", label=band)
ax.axvline(5.5, color="0.7")
ax.set(xlabel="voxel (left: MT, right: language)", ylabel="part of R2")
ax.legend()
plt.show()
