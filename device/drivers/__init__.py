"""Act. Each module owns one piece of the outside world, and they never import each other.

A driver contains no decision about the conversation: it does what an effect says, and it posts
what happened as an event. A failure of the outside becomes an event too; only a bug raises.
"""
