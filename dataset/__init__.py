"""Builds the question a function without its name asks, and the corpora made of such questions."""
