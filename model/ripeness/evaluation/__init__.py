"""Evaluation: does the forecast deserve trust?"""
