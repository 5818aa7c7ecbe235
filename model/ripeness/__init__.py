"""Ripeness."""
