"""Reweighting: the draws of a stored fit under a later vintage, by importance weights, without a new fit.

What comes in: a stored fit and the laid-out data of the day it was made and of a later one. What goes out: the same draws with their last weeks drawn
anew, weights with Pareto's k-hat, and where weights will not do, the reasons. What may be changed: how long the window is, what is stored of a fit, and
when weights are trusted; the integral is unbiased as it is, and tests hold it to that.
"""
