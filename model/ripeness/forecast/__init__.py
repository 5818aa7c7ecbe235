"""Forecast: from draws to the probability of a round.

What comes in: laid-out data and draws of the prior or the posterior, by the names of the posterior. What goes out: the weeks ahead of each draw, the
probability of a round within each horizon, and simulated factors, rounds and data. What may be changed: how many paths are simulated and what is asked
of them; what chance does in a week stands in the model's terms and is joined in `simulate.py` alone.
"""
