"""Asking an OpenAI-compatible engine: its address, the transport, requests, answers, names."""
