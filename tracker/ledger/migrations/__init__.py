"""The history of the ledger's tables; applied by `tracker db upgrade`, without an ini file."""
