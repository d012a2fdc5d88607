"""The daemon as a black box: a real process, real alsa-lib PCMs, a real WebSocket."""
