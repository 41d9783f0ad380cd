"""Mode connectivity: networks trained apart, brought together by the symmetry of their parameters."""
