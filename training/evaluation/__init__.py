"""Measures predictors on functions whose names are known, and explains what they got wrong."""
