"""The small model that is shipped in the package: its network, data path, training and export."""
