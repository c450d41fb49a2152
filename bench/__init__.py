"""Measurements: ratios within one run, medians of several windows. Nothing here is asserted by the test suite."""
