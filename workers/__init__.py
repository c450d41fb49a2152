"""Processes: loops, transactions, retries. Built once per process, after the fork."""
