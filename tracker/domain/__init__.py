"""Values and rules. Pure: no clock, no network, no database; whatever varies comes in as an argument."""
