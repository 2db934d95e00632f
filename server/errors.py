"""The one hierarchy of errors a user may see; turned into text once, at the edge (CLI, LSP)."""


class NamewrightError(Exception):
    """A one-line message for the user: the cause and the remedy."""
