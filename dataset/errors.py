"""The errors that building a corpus shows a person as one line."""


class DatasetError(Exception):
    """A cause and its remedy in one line."""
