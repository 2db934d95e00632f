"""Predictors of names, the thread they run on, and the cache of what they answered."""
