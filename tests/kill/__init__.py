"""The kill test: the real processes under load, killed at random and at failpoints, held against a reference.

`python -m tests.kill` runs it. Every request a client saw answered is *ok*, one whose connection died is *in doubt*.
It passes when every ok click is exactly one row, an in-doubt click at most one, nothing else is there, and orders,
credits and roll-ups equal what memory says they must be.
"""
