"""The errors that training shows a person as one line."""


class TrainingError(Exception):
    """A cause and its remedy in one line."""
