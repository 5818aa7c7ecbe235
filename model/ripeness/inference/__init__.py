"""Inference: draws from the posterior, the gate that they must pass, and the inference data that ArviZ reads.

In come a model's layout (`ripeness.model.spec`) and a seed; out come draws in natural units with dims and coords, log likelihoods, replicated
data, and a verdict with every criterion.
How the posterior is sampled may be changed here (coordinates, rotation, sampler) as long as the posterior stays the same and the same seed
gives the same draws; what it says is the model's.
"""
