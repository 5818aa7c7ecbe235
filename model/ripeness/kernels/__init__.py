"""Kernels: how inner loops are compiled, and what they share."""
