"""Figures of merit, each by its published definition."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "coupling": [
            "band_coherence",
            "envelope_correlation",
            "erp_latency_error",
            "phase_error",
            "phase_locking",
            "phase_locking_error",
        ],
        "detection": ["BURSTS", "Burst", "DetectionF1", "detect_bursts", "detection_f1"],
        "fidelity": [
            "BANDS",
            "BandFidelity",
            "band_fidelity",
            "boundary_nmse_ratio",
            "nmse",
            "pearson",
            "prd",
            "prdn",
            "snr_db",
        ],
        "neurobench": [
            "OperationCounter",
            "Operations",
            "bit_budget",
            "connection_sparsity",
            "count_operations",
            "memory_energy",
            "memory_footprint",
            "operation_energy",
            "parameter_count",
        ],
        "footprint": ["footprint"],
        "probes": [
            "code_histogram",
            "concatenation_pool",
            "layer_outputs",
            "log_band_power",
            "probe",
        ],
        "rate": [
            "OpenECSGrade",
            "TokenEntropy",
            "codebook_report",
            "compression_ratio",
            "measured_rate",
            "nominal_rate",
            "openecs_grade",
            "rate_distortion",
            "token_entropy",
        ],
        "speed": ["coding_speed"],
        "regression": ["DecodingR2", "decoding_r2"],
    },
)
