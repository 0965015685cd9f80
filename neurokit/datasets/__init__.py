"""Recordings with the truth attached: simulators and public sets."""
