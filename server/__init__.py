"""The Namewright language server and command line: from a position in a file to better names."""

__version__ = "0.1.0"
