"""Kernels: how inner loops are compiled, kept on disk and given to PyTensor, and the arithmetic that they share.

In come plain functions on arrays, with their adjoints; out come compiled functions and Ops that give the same bits for the same input.
A loop may be made faster here as long as its tests against NumPy hold: fast mathematics stays off, code on disk is never older than its
source, and no kernel knows what its numbers mean.
"""
