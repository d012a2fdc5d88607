"""The echo lab: what the cancellers leave over of our own voice, and what comes of it."""
