"""Contacts of one region fused into one stream of tokens, and told apart again."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike
from sklearn.utils.validation import check_is_fitted

from neurokit.inputs.ranges import check_at_least
from neurokit.inputs.signal import Signal
from neurokit.tokenizers._codec import CodecDesign, Learnt
from neurokit.tokenizers.codec import CodecTokenizer
from neurokit.tokenizers.framing.encode import TokenStream
from neurokit.tokenizers.framing.frames import level_whole
from neurokit.tokenizers.montages.regions import RegionMontages, read_subjects
from neurokit.tokenizers.montages.spatial import (
    Spatial,
    assign_regions,
    find_centers,
    learn_contacts,
    read_contacts,
)
from neurokit.types import Floats, Recording

if TYPE_CHECKING:
    from torch import Tensor

    from neurokit.nn.codec import Codec
    from neurokit.training import Trainer


@dataclass(frozen=True, kw_only=True)
class RegionDesign(CodecDesign):
    """The parameters of `RegionTokenizer` that say what is coded, and how."""

    n_components: int
    contacts_per_region: int
    regions: Mapping[str, str] | None

    @property
    def named_regions(self) -> dict[str, str]:
        """Regions of contacts, by name, as the user has given them."""
        return {str(name): str(region) for name, region in (self.regions or {}).items()}

    def check(self, name: str, beam: int) -> None:
        """Refuse parameters out of range."""
        super().check(name, beam)
        check_at_least(
            name,
            n_components=(self.n_components, 1),
            contacts_per_region=(self.contacts_per_region, 1),
        )
        if self.latent_dim > self.hop:
            raise ValueError(
                f"{name}: latent_dim must be at most the {self.hop} samples of a frame,"
                f" got {self.latent_dim!r}."
            )

    def learn_channels(self, name: str, signal: Signal, levelled: Floats) -> Learnt:
        """Learn contacts, from which regions and maps follow."""
        size, given = self.contacts_per_region, self.named_regions
        contacts = read_contacts(signal.source, signal.n_channels, given)
        subjects = read_subjects(signal.source, signal.n_trials)
        regions = assign_regions(contacts, find_centers(contacts, size, {}), {})
        n_signals = min(self.n_components, max(Counter(regions).values()))
        nothing: Spatial = {
            "subjects": {},
            "regions": {},
            "centers": {},
            "kernel": {},
            "n_signals": n_signals,
        }
        spatial = learn_contacts(nothing, size, contacts, subjects, levelled)
        montage = RegionMontages(name, spatial, given).of_signal(signal)
        seen = contacts._asdict() | {"subject": subjects[0]}
        return Learnt(montage, n_signals, {"spatial_": spatial, "contacts_": seen})

    def build(self, n_signals: int = 1) -> Codec:
        """Build untrained networks for regions of ``n_signals`` signals."""
        from neurokit.nn.codec import Codec, begin_as_cosines
        from neurokit.nn.quantizers.embedded import EmbeddedScalarQuantizer
        from neurokit.nn.quantizers.residual import ResidualVectorQuantizer
        from neurokit.nn.region import RegionDecoder, RegionEncoder

        one = super().build()
        begin_as_cosines(one.encoder, one.decoder)
        kind = EmbeddedScalarQuantizer if self.quantizer == "embedded" else ResidualVectorQuantizer
        quantizer = kind(n_signals * self.latent_dim, **self.shape_quantizer())
        encoder = RegionEncoder(one.encoder, n_signals)
        return Codec(encoder, quantizer, RegionDecoder(one.decoder, n_signals, self.hop))

    def loss(self, rate: float, module: Codec, x: Tensor) -> Tensor:
        """Compute the loss of `CodecDesign`, with the signals of a region taken together."""
        from torch.nn import functional as F

        from neurokit.nn.distortion import band_error, relative_error, spectrogram_error
        from neurokit.nn.region import RegionEncoder, split_signals

        y, _, loss = module(x)
        n_signals = module.encoder.n_signals if isinstance(module.encoder, RegionEncoder) else 1
        x, y = (split_signals(s, n_signals, self.hop) for s in (x, y.float()))
        windows = self.spectrogram_windows(rate, x.shape[-1])
        error, spectrum, band = self.loss_weights
        bands = self.bands_below(rate)
        if self.quantizer == "embedded":  # over all signals: the power of a contact is about 1
            whole = [s.flatten(1) * x.shape[1] ** 0.5 for s in (x, y)]
            loss = loss + error * relative_error(*whole)
        else:
            loss = loss + error * F.huber_loss(y, x)
        if spectrum:
            loss = loss + spectrum * spectrogram_error(x.flatten(0, 1), y.flatten(0, 1), windows)
        return loss + band * band_error(x, y, rate, bands) if band and bands else loss


class RegionTokenizer(CodecTokenizer):
    """Neural codec of regions: contacts that see the same activity share their tokens.

    The contacts of a region are fused into a few signals by a spatial map of the subject,
    those signals are coded together, as one vector per frame, and the map takes what is decoded
    back to every contact (the Du-IN family [1]_). The networks and codebooks are those of
    `CodecTokenizer`, and all subjects share them. The spatial map is the best linear one: the
    principal components of the region's contacts, each contact divided by its level. It is
    computed, not trained by gradients, so that ``partial_fit`` takes in a new subject in no
    time and leaves networks and codebooks as they are.

    Where a contact is: its region is the coordinate ``region`` along ``channel``; without that,
    the nearest of the regions that ``fit`` has found by the places ``x y z`` of its contacts;
    without places, the region that ``fit`` has seen its name in; else it is a region of its own.
    Nothing need be known of a contact, or of a subject: two contacts that were never recorded
    together take what the same two have in common in other subjects, else what contacts at their
    distance have in common, else what two of a region have (the learned embedding), and the map
    follows from that. So any montage will do, in any order.

    Tokens have dims ([trial,] channel, frame, level) like all others; each of their channels is a
    region, named by it. What one contact needs for itself, its level, travels in columns of
    its own, each held for a second; the last columns are the codes:

    ================== ================================= =============================
    level              values                            meaning
    ================== ================================= =============================
    ``scale.1`` ...    0 to 255, held for a second       RMS of the region's contacts,
                                                         by their names
    ``offset.1`` ...   0 to 65535, held for a second     their means
    ``1`` ...          0 to ``codebook_size - 1``        codes of the quantiser's stages
    ================== ================================= =============================

    ``attrs["contacts"]`` says, as JSON, which contacts stand behind the regions, so that they can
    be decoded to one recording again, also those of some regions alone. Columns of contacts that
    a region does not have are 0. At the default, eight contacts cost 8 x 24 + 960 bits per
    second, 144 for each; ``rate_report_`` tells.

    Parameters
    ----------
    n_levels : int, default=6
        Stages of the quantiser.
    n_components : int, default=8
        Signals that a region is fused into; no more than the largest region in ``fit`` has
        contacts. With fewer than contacts, what they miss is lost at any rate; more cost
        computing time but hardly bits.
    contacts_per_region : int, default=8
        How many contacts a region that ``fit`` finds by their places has, about.
    regions : mapping of str to str, optional
        Region of contacts by their name; it goes before what the recording says. Channels of
        plain arrays are named "0", "1", ...
    codebook_size, frame_rate, model_rate, stretch : optional
        As in `CodecTokenizer`.
    latent_dim : int, default=8
        Length of the part of each signal in the vector that is quantised; at most the samples
        of a frame.
    n_filters : int, default=16
    n_residual, n_context, causal, loss_weights, quantizer_dropout, window, beam : optional
        As in `CodecTokenizer`.
    quantizer : {"residual", "embedded"}, default="residual"
        As in `CodecTokenizer`; entries that are rounded one by one get digits where the region
        has power.
    sampling_rate, trainer, device, random_state : optional
        As in `CodecTokenizer`.

    Attributes
    ----------
    spatial_ : dict
        What is known of contacts. ``subjects``: second moments of the levelled contacts of each
        subject; ``regions``: that of each contact; ``centers``: places of the regions in mm;
        ``kernel``: what contacts have in common by distance; ``n_signals``: of a region.
    contacts_ : dict
        The contacts that ``fit`` has seen. Plain arrays of as many channels, and their tokens,
        are taken to be of these.
    module_ : neurokit.nn.codec.Codec
        On the CPU, in eval mode.
    rate_report_ : dict
        As in `CodecTokenizer`, per contact of the recording seen by ``fit``; the spatial map is
        part of the estimator and not of the tokens.
    history_, codebook_report_, n_times_, n_channels_, sampling_rate_
        As in `CodecTokenizer`.

    References
    ----------
    .. [1] Zheng et al. (2024), Du-IN, NeurIPS, arXiv:2405.11459.

    Examples
    --------
    >>> import neurokit as nk
    >>> from neurokit.training import Trainer
    >>> rng = np.random.default_rng(0)
    >>> x = np.repeat(rng.normal(size=(2, 1000)), 3, axis=0) + rng.normal(size=(6, 1000)) / 9
    >>> X = nk.signal(x, sampling_rate=250, regions=["left"] * 3 + ["right"] * 3)
    >>> tokenizer = RegionTokenizer(
    ...     2, codebook_size=16, n_filters=2, trainer=Trainer(1, device="cpu"), random_state=0
    ... )
    >>> tokens = tokenizer.fit_transform(X)
    >>> tokens.dims, tokens.shape, tokens["channel"].values.tolist()
    (('channel', 'frame', 'level'), (2, 63, 8), ['left', 'right'])
    >>> tokenizer.inverse_transform(tokens)["channel"].equals(X["channel"])
    True
    """

    _Design = RegionDesign
    spatial_: Spatial
    contacts_: dict[str, Any]

    def __init__(
        self,
        n_levels: int = 6,
        *,
        n_components: int = 8,
        contacts_per_region: int = 8,
        regions: Mapping[str, str] | None = None,
        codebook_size: int = 256,
        frame_rate: float = 20.0,
        model_rate: float = 320.0,
        stretch: bool = True,
        latent_dim: int = 8,
        n_filters: int = 16,
        n_residual: int = 1,
        n_context: int = 2,
        causal: bool = True,
        loss_weights: tuple[float, ...] = (1.0, 0.02, 0.1),
        quantizer_dropout: float = 0.25,
        window: float = 4.0,
        beam: int = 4,
        quantizer: str = "residual",
        sampling_rate: float | None = None,
        trainer: Trainer | None = None,
        device: str = "auto",
        random_state: int | np.random.RandomState | None = None,
    ) -> None:
        self.n_levels = n_levels
        self.n_components = n_components
        self.contacts_per_region = contacts_per_region
        self.regions = regions
        self.codebook_size = codebook_size
        self.frame_rate = frame_rate
        self.model_rate = model_rate
        self.stretch = stretch
        self.latent_dim = latent_dim
        self.n_filters = n_filters
        self.n_residual = n_residual
        self.n_context = n_context
        self.causal = causal
        self.loss_weights = loss_weights
        self.quantizer_dropout = quantizer_dropout
        self.window = window
        self.beam = beam
        self.quantizer = quantizer
        self.sampling_rate = sampling_rate
        self.trainer = trainer
        self.device = device
        self.random_state = random_state

    def partial_fit(
        self, X: Recording, y: object = None, *, groups: ArrayLike | None = None
    ) -> Self:
        """Learn the contacts of new subjects, and more of known ones.

        Networks and codebooks stay; ``groups`` is for the first fit alone. Tokens that were made
        before must be decoded by the tokenizer as it was then.
        """
        if not hasattr(self, "module_"):
            return self.fit(X, groups=groups)
        signal = self._read(X, self.plain_rate_)
        there = self._montages.of_signal(signal)
        levelled = level_whole(self._frames(signal.rate), signal, f"{self._name}.fit")
        size = self._design.contacts_per_region
        self.spatial_ = learn_contacts(
            self.spatial_, size, there.contacts, there.subjects, levelled
        )
        return self

    def stream(
        self,
        n_channels: int | None = None,
        sampling_rate: float | None = None,
        *,
        like: xr.DataArray | None = None,
    ) -> TokenStream:
        """Begin a live recording.

        Parameters
        ----------
        n_channels : int, optional
            Default: as many as ``fit`` has seen.
        sampling_rate : float, optional
            In Hz. Default: the parameter ``sampling_rate``, else the rate seen in ``fit``.
        like : xarray.DataArray with dims ([trial,] channel, time), optional
            A recording of the subject and contacts that are to come, in their order. Default:
            those that ``fit`` has seen.

        Returns
        -------
        TokenStream
            It takes chunks of contacts and gives tokens of regions.
        """
        if like is None:
            return super().stream(n_channels, sampling_rate)
        check_is_fitted(self)
        signal = self._read(like, self.plain_rate_)
        montage = self._montages.of_signal(signal).of_trials(0, 1)
        return self._stream(montage, sampling_rate or float(signal.rate))

    # ------------------------------------------------------------ inside

    @property
    def _design(self) -> RegionDesign:
        return RegionDesign(**self.design_)

    @property
    def _montages(self) -> RegionMontages:
        given = self._design.named_regions
        return RegionMontages(self._name, self.spatial_, given, self.contacts_)

    def _n_signals(self) -> int:
        return self.spatial_["n_signals"]
