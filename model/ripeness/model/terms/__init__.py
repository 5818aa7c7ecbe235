"""The terms of the model, each a part of the statement: its parameters, its equations in PyMC and, where speed asks for it, a kernel.

In come priors, constants of the contracts and the weeks of the panel; out come random variables, log densities with their gradients, and
forward simulations.
A formula stands in one term and nowhere else; who changes one changes its kernel with it, and the tests that hold both to NumPy and to
central differences say whether they agree.
"""
