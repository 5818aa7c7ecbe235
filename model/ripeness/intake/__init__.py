"""Rows that come in: read, judged, stored."""
