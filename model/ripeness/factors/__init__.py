"""Factors: latent weekly paths, and how indicators measure them."""
