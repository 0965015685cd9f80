"""Contacts of one region fused into one stream of tokens, and told apart again."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from fractions import Fraction
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from sklearn.utils.validation import check_is_fitted

from neurokit.recording.clock import exact
from neurokit.tokenizers._signal import Signal, read_signal, spans
from neurokit.tokenizers.codec import BANDS, CodecTokenizer
from neurokit.tokenizers.framing.decode import Decode, decode_span
from neurokit.tokenizers.framing.encode import Encode, TokenStream
from neurokit.tokenizers.framing.frames import Frames
from neurokit.tokenizers.framing.labels import label_signal
from neurokit.tokenizers.framing.networks import NetworkDecoder, NetworkEncoder
from neurokit.tokenizers.montages.regions import Montage, from_note
from neurokit.tokenizers.montages.spatial import (
    Contacts,
    Kernel,
    add_recording,
    assign_regions,
    find_centers,
    fit_kernel,
    read_contacts,
)

if TYPE_CHECKING:
    from neurokit.nn.codec import Codec
    from neurokit.training import Trainer

_ROWS = 64  # channels that are decoded at once, about


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

    preset = None
    spatial_: dict[str, Any]
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

    def fit(self, X: Any, y: object = None, *, groups: Any = None) -> Self:
        """Learn spatial maps, networks and codebooks; see `CodecTokenizer.fit`."""
        self._check()
        signal = self._read(X)
        contacts = self._named(read_contacts(signal.source, signal.values.shape[1]))
        regions = assign_regions(
            contacts, find_centers(contacts, self.contacts_per_region, {}), {}
        )
        self._n_signals = min(self.n_components, max(Counter(regions).values()))
        try:
            return super().fit(X, groups=groups)
        finally:
            del self._n_signals

    def partial_fit(self, X: Any, y: object = None, *, groups: Any = None) -> Self:
        """Learn the contacts of new subjects, and more of known ones.

        Networks and codebooks stay; ``groups`` is for the first fit alone. Tokens that were made
        before must be decoded by the tokenizer as it was then.
        """
        if not hasattr(self, "module_"):
            return self.fit(X, groups=groups)
        signal = self._read(X)
        there = self._montage(signal)
        levelled = self._levelled(signal)
        self.spatial_ = self._learn_contacts(
            there.contacts, there.subjects, levelled, self.spatial_
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
        check_is_fitted(self)
        if like is None:
            n_channels = self.n_channels_ if n_channels is None else n_channels
            montage = self._plain_montage(n_channels, 1)
        else:
            signal = read_signal(self, like)
            sampling_rate = sampling_rate or float(signal.rate)
            montage = self._montage(signal).of_trials(0, 1)
        rate = exact(sampling_rate or self.sampling_rate or self.sampling_rate_)
        encode = self._encoder(montage)
        return TokenStream(self._name, self._frames(rate), encode, montage.n_channels)

    # ------------------------------------------------------------ learning

    def _check(self) -> None:
        super()._check()
        self._check_at_least(n_components=1, contacts_per_region=1)
        if self.latent_dim > self._hop:
            raise ValueError(
                f"RegionTokenizer: latent_dim must be at most the {self._hop} samples of a frame,"
                f" got {self.latent_dim!r}."
            )

    def _build_module(self, name: str) -> Codec:
        """Untrained networks of this estimator's parameters."""
        from neurokit.nn.codec import Codec, begin_as_cosines
        from neurokit.nn.quantizers.embedded import EmbeddedScalarQuantizer
        from neurokit.nn.quantizers.residual import ResidualVectorQuantizer
        from neurokit.nn.region import RegionDecoder, RegionEncoder

        one = super()._build_module(name)
        n_signals = self._n_signals if hasattr(self, "_n_signals") else self.spatial_["n_signals"]
        begin_as_cosines(one.encoder, one.decoder)
        embedded = self.quantizer == "embedded"
        quantizer = (EmbeddedScalarQuantizer if embedded else ResidualVectorQuantizer)(
            n_signals * self.latent_dim,
            n_levels=self.n_levels,
            codebook_size=self.codebook_size,
            quantizer_dropout=self.quantizer_dropout,
        )
        encoder = RegionEncoder(one.encoder, n_signals)
        return Codec(encoder, quantizer, RegionDecoder(one.decoder, n_signals, self._hop))

    def _loss(self, rate: float, module: Any, x: Any) -> Any:
        from torch.nn import functional as F

        from neurokit.nn.codec import band_error, relative_error, spectrogram_error
        from neurokit.nn.region import split_signals

        y, _, loss = module(x)
        x, y = (split_signals(s, module.encoder.n_signals, self._hop) for s in (x, y.float()))
        n_times = x.shape[-1]
        windows = [min(max(round(s * rate), 4), n_times) for s in (0.128, 0.256, 0.512, 1.024)]
        error, spectrum, band = self.loss_weights
        bands = [(low, min(high, 0.45 * rate)) for low, high in BANDS if low < 0.4 * rate]
        if self.quantizer == "embedded":  # over all signals: the power of a contact is about 1
            whole = [s.flatten(1) * x.shape[1] ** 0.5 for s in (x, y)]
            loss = loss + error * relative_error(*whole)
        else:
            loss = loss + error * F.huber_loss(y, x)
        if spectrum:
            loss = loss + spectrum * spectrogram_error(x.flatten(0, 1), y.flatten(0, 1), windows)
        return loss + band * band_error(x, y, rate, bands) if band and bands else loss

    def _examples(self, signal: Signal, groups: Any) -> tuple[Any, NDArray[Any], dict[str, Any]]:
        n_trials, n_channels, _ = signal.values.shape
        levelled = self._levelled(signal)
        contacts = self._named(read_contacts(signal.source, n_channels))
        subjects = _subjects(signal.source, n_trials)
        spatial = self._learn_contacts(contacts, subjects, levelled, None)
        fused = self._place(contacts, subjects, spatial).gather(levelled)
        found = {"spatial_": spatial, "contacts_": contacts._asdict() | {"subject": subjects[0]}}
        return *self._windows(signal, fused, groups), found

    def _learn_contacts(
        self,
        contacts: Contacts,
        subjects: list[str],
        levelled: NDArray[Any],
        known: dict[str, Any] | None,
    ) -> dict[str, Any]:
        """Join what a recording tells of its contacts to what is known."""
        empty: dict[str, Any] = {"subjects": {}, "regions": {}, "centers": {}}
        known = known or empty | {"n_signals": self._n_signals}
        centers = find_centers(contacts, self.contacts_per_region, known["centers"])
        regions = assign_regions(contacts, centers, known["regions"])
        x = levelled.reshape(len(subjects), len(regions), -1)
        x = x - x.mean(-1, keepdims=True)
        records = dict(known["subjects"])
        for subject in dict.fromkeys(subjects):
            own = np.concatenate(x[np.array(subjects) == subject], -1)
            records[subject] = add_recording(
                records.get(subject), contacts, regions, own @ own.T / own.shape[1], own.shape[1]
            )
        return {
            "subjects": records,
            "regions": known["regions"] | dict(zip(contacts.names, regions, strict=True)),
            "centers": centers,
            "kernel": fit_kernel(records)._asdict(),
            "n_signals": known["n_signals"],
        }

    def _remember(self, signal: Signal) -> None:
        super()._remember(signal)
        montage = self._plain_montage(self.n_channels_, 1)
        report = self.rate_report_
        report["codes"] *= montage.n_rows / montage.n_channels
        report["total"] = report["codes"] + report["level"]

    # ------------------------------------------------------------ contacts

    def _named(self, contacts: Contacts) -> Contacts:
        """Contacts with the regions that the user has given them."""
        given = {str(name): str(region) for name, region in (self.regions or {}).items()}
        pairs = zip(contacts.names, contacts.labels, strict=True)
        return contacts._replace(labels=[given.get(name, label) for name, label in pairs])

    def _place(self, contacts: Contacts, subjects: list[str], spatial: dict[str, Any]) -> Montage:
        """Put contacts into regions and find the maps of these."""
        regions = assign_regions(contacts, spatial["centers"], spatial["regions"])
        order = [*dict.fromkeys(spatial["regions"].values())]
        montage = Montage(contacts, regions, subjects, order)
        return self._mapped(montage, spatial)

    def _mapped(self, montage: Montage, spatial: dict[str, Any]) -> Montage:
        kernel = Kernel(**spatial["kernel"])
        return montage.find_maps(spatial["subjects"], kernel, spatial["n_signals"])

    def _montage(self, signal: Signal) -> Montage:
        n_trials, n_channels, _ = signal.values.shape
        if signal.source is None:
            return self._plain_montage(n_channels, n_trials)
        contacts = self._named(read_contacts(signal.source, n_channels))
        return self._place(contacts, _subjects(signal.source, n_trials), self.spatial_)

    def _plain_montage(self, n_channels: int, n_trials: int) -> Montage:
        """Montage of a recording without labels: of as many contacts as ``fit`` saw, theirs."""
        contacts, subject = self._named(read_contacts(None, n_channels)), ""
        if n_channels == self.n_channels_:
            contacts = Contacts(*(self.contacts_[key] for key in Contacts._fields))
            subject = self.contacts_["subject"]
        return self._place(contacts, [subject] * n_trials, self.spatial_)

    def _token_montage(self, tokens: Any) -> Montage:
        if isinstance(tokens, xr.DataArray):
            if "contacts" not in tokens.attrs or "channel" not in tokens.coords:
                raise ValueError(
                    f"{self._name}.inverse_transform needs attrs['contacts'], which says what"
                    " contacts the regions have; pass tokens labelled as transform gives them, or"
                    " plain ones of the contacts that fit has seen."
                )
            subjects = _subjects(tokens, tokens.sizes.get("trial", 1))
            return self._mapped(from_note(tokens, subjects)[0], self.spatial_)
        shape = (1, 1, 1, *np.shape(tokens))
        n_rows, n_trials = shape[-3], shape[-4]
        montage = self._plain_montage(self.n_channels_, n_trials)
        if n_rows != montage.n_rows:
            montage = self._plain_montage(n_rows, n_trials)
        if n_rows != montage.n_rows:
            seen = self._plain_montage(self.n_channels_, 1).n_rows
            raise ValueError(
                f"{self._name}.inverse_transform takes plain tokens of the {seen} regions that"
                f" fit has seen, got {n_rows}; pass labelled tokens, which know their contacts."
            )
        return montage

    # ------------------------------------------------------------ tokens

    def _columns_of(self, montage: Montage) -> dict[str, int]:
        codes = [*self._columns().items()][2:]
        return montage.side_columns() | dict(codes)

    def _gather(self, montage: Montage, frames: NDArray[Any]) -> NDArray[Any]:
        return montage.gather(frames)

    def _encoder(self, montage: Montage) -> Encode:
        networks = NetworkEncoder(self.module_, self.device, self.beam)
        return lambda frames, side: networks(montage.gather(frames), montage.pack_side(side))

    def _signal(
        self,
        tokens: NDArray[Any],
        n_levels: int,
        frames: Frames,
        start: int,
        stop: int,
        montage: Montage,
        *,
        first: int = 0,
        ends: bool = True,
    ) -> NDArray[Any]:
        trials = tokens.reshape(-1, *tokens.shape[-3:])
        out = np.empty((len(trials), montage.n_channels, stop - start), np.float32)
        for a, b in spans(len(trials), max(_ROWS // montage.n_channels, 1)):
            decode = self._region_decoder(montage.of_trials(a, b), n_levels)
            rows = trials[a:b].reshape(-1, *trials.shape[2:])
            found = decode_span(frames, decode, rows, start, stop, first=first, ends=ends)
            out[a:b] = found.reshape(out[a:b].shape)
        return out.reshape(*tokens.shape[:-3], *out.shape[1:])

    def _region_decoder(self, montage: Montage, n_levels: int) -> Decode:
        networks = NetworkDecoder(self.module_, self.device, n_levels)
        n_side = len(montage.side_columns())

        def decode(tokens: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
            fused, _ = networks(tokens[..., n_side - 2 :])
            return montage.spread(fused), montage.unpack_side(tokens[..., :n_side])

        return decode

    # ------------------------------------------------------------ labels

    def _label_frames(
        self, signal: Signal, montage: Montage, values: Any, dim: str, names: list[str] | None
    ) -> Any:
        if (source := signal.source) is not None:
            signal = signal._replace(source=montage.label_regions(source))
        out = super()._label_frames(signal, montage, values, dim, names)
        if source is not None:
            out.attrs["contacts"] = montage.note(source)
        return out

    def _label_signal(
        self, source: xr.DataArray, montage: Montage, values: Any, rate: Fraction
    ) -> xr.DataArray:
        return label_signal(from_note(source, montage.subjects)[1], values, rate)


def _subjects(x: xr.DataArray | None, n_trials: int) -> list[str]:
    """Subject of each trial; "" where none is told."""
    if x is None or "subject" not in x.coords or x["subject"].dims not in ((), ("trial",)):
        return [""] * n_trials
    return [str(k) for k in np.broadcast_to(x["subject"].values, n_trials)]
