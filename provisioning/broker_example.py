#!/usr/bin/env python3
"""A key broker in sixty lines: devices show a token of their own, and get a key for one minute.

    OPENAI_API_KEY=sk-... DEVICES=devices.json python3 broker_example.py 8443 cert.pem key.pem

`devices.json` is {"token of a device": "its name"}, read at each question; delete a line, and that
device is locked out. A person who finds a card finds one token in it, and never the key.
"""

import json
import os
import ssl
import sys
import time
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

MINT = os.environ.get("MINT", "https://api.openai.com/v1/realtime/client_secrets")
LASTS_S = 60
PER_HOUR = 60
asked: dict[str, list[float]] = {}


class Counter(BaseHTTPRequestHandler):
    """Answers POST as `server.key_url` expects: {"value": "ek_...", "expires_at": SECONDS}."""

    timeout = 10

    def do_POST(self) -> None:
        """One question of a device."""
        with open(os.environ["DEVICES"], encoding="utf-8") as file:  # noqa: PTH123
            name = json.load(file).get(
                self.headers.get("Authorization", "").removeprefix("Bearer ")
            )
        now = time.monotonic()
        lately = [at for at in asked.get(name or "", []) if at > now - 3600]
        if name is None or len(lately) >= PER_HOUR:
            return self.answer(401 if name is None else 429, {"error": "no"})
        asked[name] = [*lately, now]
        length = min(int(self.headers.get("Content-Length", 0)), 10_000)
        model = json.loads(self.rfile.read(length))["session"]["model"]
        wish = {
            "expires_after": {"anchor": "created_at", "seconds": LASTS_S},
            "session": {"type": "realtime", "model": model},
        }
        head = {"Authorization": f"Bearer {os.environ['OPENAI_API_KEY']}"}
        head["Content-Type"] = "application/json"
        order = urllib.request.Request(MINT, json.dumps(wish).encode(), head)
        with urllib.request.urlopen(order, timeout=8) as minted:
            found = json.load(minted)
        print(f"{name}: minted, {len(asked[name])} in this hour", flush=True)
        return self.answer(200, {name: found[name] for name in ("value", "expires_at")})

    def answer(self, status: int, body: object) -> None:
        """Status and JSON."""
        self.send_response(status)
        self.end_headers()
        self.wfile.write(json.dumps(body).encode())


if __name__ == "__main__":
    server = ThreadingHTTPServer(("", int(sys.argv[1])), Counter)
    if len(sys.argv) > 2:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*sys.argv[2:4])
        server.socket = context.wrap_socket(server.socket, server_side=True)
    server.serve_forever()
