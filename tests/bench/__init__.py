"""The bench: the whole device against a plain client, on virtual cards and a local server.

`make bench` runs it. Every figure comes from records that neither client has a hand in: the
card's timelines of what was in the air, and the server's log of what arrived and when. Ratios to
the reference of the same run travel between machines; absolute figures do not.
"""
