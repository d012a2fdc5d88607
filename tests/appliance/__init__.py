"""Real systems as tests: systemd 252 and 257 booted as PID 1, the project installed inside.

`vm` has a real kernel, with sound, pins and watchdog; `card` puts an SD card into it and cuts the
power; `image` boots what `make image` builds. Run by `make appliance` (root, and namespaces, are
needed); plain `make test` leaves them out.
"""
