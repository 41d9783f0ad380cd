"""Group averaging of surrogate models on physical fields (Foit, Hogg, Villar, arXiv 2511.09573)."""
