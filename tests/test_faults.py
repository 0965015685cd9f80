"""Faults that were found once, by the names of their scripts, and the tests that hold them off."""

import ast
from pathlib import Path

import pytest

EDF, LABELS, MNE = "io_faults_edf", "io_faults_labels", "io_faults_mne"
FAULTS = {
    "annotation_hides_triggers": (EDF, "one_note_does_not_hide_the_triggers"),
    "annotations_lost_on_export": (LABELS, "annotations_go_along_with_edf"),
    "anonymised_date": (LABELS, "any_date_comes_back_from_edf"),
    "bad_segments": (
        "recording_epochs",
        "windows_over_bad_stretches_and_cuts_are_left_out_and_counted",
    ),
    "bessel_identity": ("decoders_bessel", "a_filter_that_cannot_filter_names_what_would"),
    "bids_events_columns": (LABELS, "every_column_is_kept_and_no_text_becomes_a_number"),
    "edf_plus_d": (EDF, "a_discontinuous_file_keeps_its_hole"),
    "edf_tal_exponent": (EDF, "annotations_that_cannot_be_are_refused"),
    "edf_values_unchecked": (EDF, "numbers_beyond_any_recording_are_refused"),
    "epoch_edges": ("recording_epochs", "a_spike_whole_bins_after_an_event_is_in_that_bin"),
    "falling_trigger": (EDF, "a_fall_is_no_event_while_another_bit_is_held"),
    "fif_hang": (MNE, "tags_that_lead_back_are_refused"),
    "fifo_tsv": (MNE, "a_pipe_is_not_waited_for"),
    "fit_in_threads": (
        "training",
        "fits_of_one_seed_in_threads_give_the_weights_of_one_alone",
    ),
    "float32_stop": (
        "recording_epochs",
        "times_in_float32_fit_their_span_and_are_told_where_they_are_coarse",
    ),
    "grid_30khz": (
        "recording_epochs",
        "spikes_on_a_grid_of_30_khz_fall_where_integers_put_them",
    ),
    "irregular_chunks": (LABELS, "blocks_of_any_size_are_saved"),
    "linked_annotation": (EDF, "an_annotation_linked_to_a_channel_keeps_its_label"),
    "mat_segfault": (MNE, "no_changed_byte_of_a_mat_file_ends_the_interpreter"),
    "metadata_and_drops": (LABELS, "metadata_of_epochs_follow_their_trials"),
    "micro_sign_codepages": (EDF, "a_microvolt_is_one_in_any_code_page"),
    "missing_electrode": (
        LABELS,
        "one_unit_without_an_electrode_takes_nothing_from_the_others",
    ),
    "muted_reader_warnings": (MNE, "warnings_of_the_readers_beneath_arrive"),
    "nc_disk_full_segfault": ("io_faults_disk", "a_full_disk_is_told_and_nothing_is_left"),
    "ntok_header_bombs": ("io_crafted", "what_a_token_file_says_is_held_against_its_bytes"),
    "ntok_heap_overflow": ("io_crafted", "a_stream_of_escapes_is_refused"),
    "nwb_column_clash": (LABELS, "columns_called_like_variables_of_ours_are_renamed"),
    "obs_intervals": (LABELS, "silence_that_nobody_watched_is_not_counted"),
    "other_bin_width": ("contract", "another_rate_than_in_fit_is_refused"),
    "other_rate_accepted": ("contract", "another_rate_than_in_fit_is_refused"),
    "pip_install_get": (MNE, "only_packages_of_our_table_are_named"),
    "pipeline_stream": ("streaming_labels", "a_pipeline_runs_live"),
    "push_labelled": ("streaming_labels", "labelled_chunks_are_read_by_name"),
    "pynapple_support": (
        "io_convert",
        "silence_between_the_intervals_of_a_time_support_is_not_counted",
    ),
    "record_duration": (EDF, "the_rate_is_exact_whatever_a_record_lasts"),
    "recover_cut_indexerror": (
        "io_crafted",
        "a_file_cut_in_its_first_block_is_refused_even_to_recover",
    ),
    "samples_as_seconds": ("recording_epochs", "samples_and_milliseconds_are_asked_about"),
    "select_units": (
        "recording_spikes",
        "chains_of_operations_give_what_plain_lists_give",
    ),
    "several_trigger_channels": (EDF, "a_line_that_sums_the_others_tells_each_event_once"),
    "silent_units": (LABELS, "silent_units_stay"),
    "stale_record_count": (EDF, "records_beyond_the_count_are_read_and_told"),
    "trigger_channel_is_a_feature": ("inputs", "a_trigger_channel_does_not_tell_a_pipeline"),
    "wiener_run_start": ("decoders_wiener", "the_start_of_a_run_is_not_learned_from"),
    "zarr_json_unicode": ("io_faults_disk", "a_block_that_rots_is_told_with_the_path"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_every_fault_has_its_test(fault):
    file, name = FAULTS[fault]
    written = ast.parse(Path(__file__).with_name(f"test_{file}.py").read_text(encoding="utf-8"))
    names = [node.name for node in written.body if isinstance(node, ast.FunctionDef)]
    assert any(found.startswith(f"test_{name}") for found in names)
