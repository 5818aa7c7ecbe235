"""The report: a stored run as a page, a brief, a hub's files and charts.

In come forecast.json, posterior.nc, and what is stored beside them or in reports/studies/, as plain values; out go text and figures, the same
bytes for the same input.
Words are changed in `templates/`, numbers in words in `sentences`, charts in `charts` and in the module of their section; no probability is
computed here, no model built, no PyMC imported, and only `exports` and `write_chart` write files.
"""

from ripeness.report.page import render_failure, render_page

__all__ = ["render_failure", "render_page"]
