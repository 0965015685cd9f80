"""Blackrock and Neuralynx: signals through MNE, spikes and sessions through neo."""

from neurokit.io.readers import mne_files, neo

READER = neo.READER._replace(signal=mne_files.READER.signal, events=mne_files.READER.events)
