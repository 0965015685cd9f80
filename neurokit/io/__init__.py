"""Read and write recordings."""

import lazy_loader

# Loaded on first use: a door opens its readers (and MNE, h5py, ...) only when somebody knocks.
__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "packed.ntok": ["read_tokens", "token_info", "write_tokens"],
        "packed.lossless": ["compress", "decompress", "pack_samples", "unpack_samples"],
        "doors": ["read_events", "read_session", "read_signal", "read_spikes"],
        "store": ["load", "save"],
        "bridges.neo": ["from_neo"],
        "nwb_export": ["write_nwb"],
        "bridges.pynapple": ["from_pynapple", "to_pynapple"],
        "bridges.spikeinterface": ["from_spikeinterface", "to_spikeinterface"],
        "digest": ["fingerprint"],
        "lsl": ["stream_lsl"],
        "traces": ["read_traces"],
        "bridges.mne": ["from_mne", "to_mne"],
        "edf_export": ["write_edf"],
    },
)
