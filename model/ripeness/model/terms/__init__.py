"""The terms of the model."""
