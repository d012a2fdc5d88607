#!/bin/sh
# Takes away all that install.sh made; as root:
#     provisioning/uninstall.sh [--purge]
# The settings, the key and the state stay, and so do the packages that came from apt. With --purge
# they go too, but for the packages that something else needs. A --purge later finds no list of the
# packages any more: their names are said.
set -eu
export LC_ALL=C.UTF-8 DEBIAN_FRONTEND=noninteractive

home=/opt/pressel
units=/etc/systemd/system

say() { echo "uninstall: $*"; }

fail() { # status, what; what next
    status=$1
    shift
    echo "uninstall: $*" >&2
    exit "$status"
}

stop() { # the units, at once and for the next start of the system
    command -v systemctl >/dev/null || return 0
    for unit in "$units"/pressel*.service; do
        [ -f "$unit" ] || continue
        systemctl --quiet disable "${unit##*/}"
        if [ -d /run/systemd/system ]; then systemctl stop "${unit##*/}"; fi
    done
}

darken() { # the LED, if it blinks for a crash: what it did before is known only until its note goes
    [ ! -x "$home/current/lib/crash-light" ] || "$home/current/lib/crash-light" off || true
}

remove_files() { # a directory goes only if it is empty, and not one that Debian owns
    rm -f "$units"/pressel*.service "$units/pressel.service.d/bookworm.conf" \
        /usr/lib/sysusers.d/pressel.conf /usr/lib/tmpfiles.d/pressel.conf \
        /usr/lib/systemd/catalog/pressel.catalog
    rmdir "$units/pressel.service.d" 2>/dev/null || true
    [ "$(readlink /usr/local/bin/pressel || true)" != "$home/current/bin/pressel" ] ||
        rm -f /usr/local/bin/pressel
    rm -f /usr/local/bin/pressel.new /run/pressel-led
    rm -rf /var/cache/pressel /run/pressel-provision
    if command -v journalctl >/dev/null; then journalctl --update-catalog; fi
    if [ -d /run/systemd/system ]; then systemctl daemon-reload; fi
}

remove_groups() { # those that were not there before
    [ -f "$home/groups" ] || return 0
    sort -u "$home/groups" | while read -r group; do
        groupdel "$group" || say "kept the group $group"
    done
}

remove_packages() { # what something else needs is refused by dpkg, and stays
    # shellcheck disable=SC2046
    set -- $(sort -u "$home/packages" 2>/dev/null || true)
    [ $# -gt 0 ] || return 0
    if [ -z "$purge" ]; then
        say "these packages came with it and stay; this removes them: sudo apt purge" "$@"
        return
    fi
    dpkg --purge "$@" >/dev/null 2>&1 || say "kept what something else needs of:" "$@"
}

case "${1:-}" in
    "") purge="" ;;
    --purge) purge=yes ;;
    *) fail 64 "what is '$1'? The only word is --purge" ;;
esac
[ "$(id -u)" -eq 0 ] || fail 77 "this takes root; run it again with sudo"
[ "$(dpkg-query -W -f '${db:Status-Status}' pressel 2>/dev/null || true)" != installed ] ||
    fail 69 "the package pressel is installed, and apt removes it: apt remove pressel"
[ -d "$home" ] || [ "$purge" ] || fail 69 "there is no $home: nothing that install.sh made"

stop
darken
remove_files
remove_groups
remove_packages
if [ "$purge" ]; then
    rm -rf /etc/pressel /var/lib/pressel /var/lib/private/pressel /var/lib/pressel-provision
else
    say "kept /etc/pressel and /var/lib/pressel*; --purge removes them"
fi
# Last: it holds what the next run needs to know if this one is cut off.
rm -rf "$home"
