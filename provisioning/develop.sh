#!/bin/sh
# Installs the Debian packages that `make demo` and `make test` need, and those named besides.
# Silent when all are there.
set -eu

# python3-dev, gcc, pkg-config and the headers build pyalsaaudio and systemd-python, and the
# tests' virtual sound card; the plugins hold ALSA's good resampler; journal-remote makes the journal
# that `pressel stats` is tested with; the rest serves `make check`.
packages="ca-certificates gcc git libasound2-dev libasound2-plugins libc6-dev libsystemd-dev
pkg-config python3-dev python3-venv shellcheck systemd systemd-journal-remote $*"

missing=""
for package in $packages; do
    state=$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null || true)
    [ "$state" = installed ] || missing="$missing $package"
done
[ -n "$missing" ] || exit 0

if [ "$(id -u)" -eq 0 ]; then
    root=""
elif command -v sudo >/dev/null; then
    root="sudo"
else
    echo "these Debian packages are missing:$missing" >&2
    echo "install them as root (apt install$missing), then run make again" >&2
    exit 69
fi
echo "installing$missing"
export DEBIAN_FRONTEND=noninteractive
# The word splitting is meant: a list of names, and no word at all for root.
# shellcheck disable=SC2086
$root apt-get update -q >/dev/null
# shellcheck disable=SC2086
$root apt-get install -q -y --no-install-recommends $missing >/dev/null
