"""The model: what it is laid out from, and its statement in PyMC as the sum of its terms.

In come the panel, the priors and the workspace of one origin (`spec`); out comes a `pm.Model` with the dims and coords of `ripeness.names`
(`build`).
Terms are added and removed in `terms/`, and joined here; a change of this room that moves a number is a model change for CHANGELOG.md, and
must agree with the density written by hand in the tests.
"""
