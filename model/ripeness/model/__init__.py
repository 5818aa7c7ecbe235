"""The model: its terms, joined in PyMC."""
