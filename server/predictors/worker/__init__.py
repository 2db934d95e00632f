"""The process that holds a model on the GPU: torch is imported here and nowhere else in server."""
