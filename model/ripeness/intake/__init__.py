"""Rows that come in: read with patience, judged one by one, stored as one batch or not at all.

In come files that a keeper types or a publisher's importer makes; out go verdicts and, in data/, appended rows with their record. A new
reason to refuse a row is a rule of its form (`data/rows.py`, `data/events.py`) or a step of `verdicts.py`.
"""
