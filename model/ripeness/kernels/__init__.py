"""Kernels: how inner loops are compiled and kept, and the arithmetic they share.

In come functions of numbers and arrays, written in modules or generated as text; out go compiled ones, as dispatchers, C callbacks or
PyTensor Ops. Compiled code is kept in one folder that nobody else can write to, under a digest of what it means. The arithmetic of
`exponential`, `reductions` and `simd` may be changed here alone, and moves every number; where and how code is kept moves none.
"""
