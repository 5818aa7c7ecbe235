"""Priors: what the essay, published findings and other wars say, as quantiles in natural units with their sources.

In come the files of priors/, the claims and the contracts; out go fitted distributions by name, and the weights of effects by reading. A new
quantity is a table of a prior file and a line of `entries.py`; only `elicit.py` reaches PreliZ.
"""
