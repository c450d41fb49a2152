"""The ledger: facts that are only added, and conclusions that can be thrown away and rebuilt from them."""
