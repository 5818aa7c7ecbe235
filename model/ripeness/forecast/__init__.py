"""Forecasts: from posterior draws to probabilities of a round."""
