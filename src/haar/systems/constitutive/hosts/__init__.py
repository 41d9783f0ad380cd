"""Laws in finite-element codes."""
