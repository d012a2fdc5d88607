"""The image that `make image` builds: looked into from outside, and booted as a whole machine."""
