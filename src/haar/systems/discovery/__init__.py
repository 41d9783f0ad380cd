"""Discovery: planted symmetries, trained networks, laws and controls, over seeds."""
