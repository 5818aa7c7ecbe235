"""The report: one self-contained page made from a stored run; nothing here computes a probability or imports PyMC."""

from ripeness.report.page import render_failure, render_page

__all__ = ["render_failure", "render_page"]
