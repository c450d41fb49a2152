"""Tests are sentences: real SQL on both databases, a real Redis, real HTTP."""
