"""A module here is a model: a pure rule that weighs the touches of a journey."""
