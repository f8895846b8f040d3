"""Measuring pictures: metrics, classical peers, envelopes, BD-rate and the report of `dlf eval`."""
