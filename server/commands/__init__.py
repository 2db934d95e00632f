"""One module per subcommand of `namewright`; heavy imports stay inside the commands."""
