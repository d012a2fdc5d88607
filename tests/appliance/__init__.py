"""Real systems as tests: systemd 252 and 257 booted as PID 1, the project installed inside.

Run by `make appliance` (root, and namespaces, are needed); plain `make test` leaves them out.
"""
