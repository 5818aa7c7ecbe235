"""The parts of the model: factor paths, rows of the indicators, conditions, outside curve, announcements, the record of rounds.

In come priors, constants of the contracts and the weeks of the panel; out come plain formulas, for PyMC and NumPy, and kernels with their adjoints.
Who changes a formula changes its kernel with it, and the tests that hold both to NumPy and to central differences say whether they agree.
"""
