"""Renaming a function across a workspace: an index of the project, the references, the doubts."""
