"""Finds functions of whole trees whose present names mislead, and reports them in four forms."""
