"""What the server does for an editor, one thing per file; the only place that knows LSP types."""
