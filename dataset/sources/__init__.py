"""Where functions come from; every source gives the same rows."""
