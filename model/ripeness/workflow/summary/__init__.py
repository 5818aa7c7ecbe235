"""The summary: every number and word that the page shows, computed once and stored as forecast.json."""
