"""Trains, evaluates and exports the models that answer the questions of `dataset`."""
