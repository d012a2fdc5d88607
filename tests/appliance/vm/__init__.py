"""The whole appliance on a real kernel: its sound card, its pins, its watchdog (`guest.py`)."""
