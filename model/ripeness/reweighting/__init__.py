"""Renewal: the draws of a stored fit carried to a later vintage by weights, without a new fit."""
