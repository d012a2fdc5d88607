"""Decides. Nothing in here does I/O, reads a clock, starts a thread or logs.

Time enters as an argument (`at`, monotonic seconds); what is to be done leaves as effects.
May import numpy and msgspec; `tests/contract` enforces it.
"""
