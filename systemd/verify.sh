#!/bin/sh
# Lints the unit with systemd's own tools. Its program is not installed here: a stub stands for it.
set -eu
stage=$(mktemp -d)
trap 'rm -rf "$stage"' EXIT
sed 's|^ExecStart=.*|ExecStart=/bin/true|' systemd/pressel.service >"$stage/pressel.service"
said=$(SYSTEMD_LOG_LEVEL=warning systemd-analyze verify "$stage/pressel.service" 2>&1) || {
    echo "$said" >&2
    exit 1
}
[ -z "$said" ] || {
    echo "$said" >&2
    exit 1
}
