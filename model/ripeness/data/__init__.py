"""What was known, and when: contracts of the indicators, their rows, events, coverage, and the vintage of a day.

In come the files of data/; out go a `Store`, a `Vintage` of a day, and the `Panel` that the model conditions on. A new table is a `Form` with
its rules; a new check of a series is a flag in `quality.py`. Files are changed through `transaction.py` only, and rows are never edited.
"""
