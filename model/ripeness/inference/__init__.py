"""Fitting: nutpie's NUTS on the whitened model, and the gate that a fit must pass before it may speak."""
