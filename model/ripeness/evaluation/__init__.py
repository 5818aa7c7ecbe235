"""Evaluation: does the forecast deserve trust?

What comes in: the store of all vintages for the backtest, the stored draws of a run for most other studies, and counts or a panel of other wars. What
goes out: tables under reports/backtest and reports/studies, with the inputs that each row was made from. What may be changed: scores, populations and
studies; a change of what forecasts are made from (`study.MAKERS`) makes the backtest's origins anew.
"""
