"""One run: every variant forecast, from a new fit or from an older fit's draws, and gathered for storing."""
