#!/bin/sh
# Installs Pressel from the source tree around this file, or upgrades it; as root, as often as you
# like:  provisioning/install.sh [--dry-run | --lock]
# README.md beside it says what is made, where, and in which order. --lock prints what would come
# from PyPI, as pip's requirements.
set -eu
export LC_ALL=C.UTF-8 DEBIAN_FRONTEND=noninteractive
umask 022

home=/opt/pressel
cache=/var/cache/pressel/wheels
config=/etc/pressel/pressel.yaml
source=$(cd "$(dirname "$0")/.." && pwd)
lock=$source/provisioning/device.lock
# The service is ready within TimeoutStartSec=, and must then stay so for a while.
start_s=40
stay_s=5

say() { echo "install: $*"; }

fail() { # status, what on which; what next
    status=$1
    shift
    echo "install: $*" >&2
    exit "$status"
}

quietly() { # what, command...: what the command says is seen only if it fails
    what=$1
    shift
    "$@" >"$scratch/said" 2>&1 </dev/null || {
        tail -n 15 "$scratch/said" >&2
        fail 69 "cannot $what; cure what stands above and run this again. $(in_use)"
    }
}

in_use() {
    now=$(readlink "$home/current" || true)
    if [ "$now" ]; then echo "$now is still in use."; else echo "Nothing is in use yet."; fi
}

# What this machine has, and what it needs.

missing() { # packages: those that are not installed
    for package in "$@"; do
        state=$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null || true)
        [ "$state" = installed ] || echo "$package"
    done
}

candidate() { # package: the version that apt has or would install
    apt-cache policy "$1" | sed -n 's/^  Candidate: \([^(]\)/\1/p' | grep .
}

prefer() { # package, its least version, the wheels that do instead
    package=$1 least=$2
    shift 2
    if has=$(candidate "$package") && dpkg --compare-versions "${has#*:}" ge "$least"; then
        packages="$packages $package"
    else
        wheels="$wheels $*"
    fi
}

choose() { # from the lists of packages as they are now
    # The plugins hold ALSA's good resampler; pip-whl is the pip of Debian's virtual environments.
    packages="ca-certificates libasound2-plugins python3 python3-numpy python3-pip-whl
        python3-systemd python3-yaml systemd"
    wheels="pyalsaaudio"
    # Of these PyPI has sources only; what compiles them stays in no version.
    compiled=pyalsaaudio
    tools=setuptools
    # PyPI has no 32-bit ARM wheel of msgspec.
    if [ "$arch" = armhf ]; then
        compiled="pyalsaaudio msgspec"
        tools="setuptools setuptools-scm vcs-versioning packaging"
    fi
    prefer python3-msgspec 0.19 msgspec
    prefer python3-websockets 15 websockets
    prefer python3-gpiozero 2 gpiozero colorzero
    # It left the standard library with 3.13.
    [ "$suite" = bookworm ] || prefer python3-audioop-lts 0 audioop-lts
    # WebRTC's echo canceller; PyPI has no 32-bit ARM wheel of it.
    [ "$arch" = armhf ] || wheels="$wheels livekit protobuf aiofiles"
    # Only Raspberry Pi's archive has it; without it there are no pins, and the daemon says so.
    ! candidate python3-lgpio >/dev/null || packages="$packages python3-lgpio"
}

fingerprint() { # of all that makes a version what it is, the system it is made for included
    {
        echo "$suite $arch"
        cd "$source"
        find device systemd provisioning/install.sh provisioning/sbom.py "$lock" pyproject.toml \
            -type f ! -name '*.pyc' -exec sha256sum {} + | sed "s|$source/||" | sort -k 2
    } | sha256sum | cut -c 1-8
}

live() { [ -d /run/systemd/system ]; }

finished() { [ -f "$1/sbom.cdx.json" ]; } # it is written last

runs() { # a version's directory: does it start, and find all that is compiled?
    "$1/bin/pressel" --version && "$1/bin/python3" -I -B -c 'if True:
        import alsaaudio, gpiozero, msgspec, numpy, systemd.daemon, websockets.asyncio.client, yaml
        import device.daemon'
}

# Making a version. Nothing here touches the one in use.

apt_add() { # record, packages: install them; the record names, before it happens, all that comes
    record=$1
    shift
    quietly "find $*" apt-get install --simulate --no-install-recommends "$@"
    # A third word in brackets is the version that is replaced: not ours to remove later.
    awk '$1 == "Inst" && $3 !~ /^\[/ { print $2 }' "$scratch/said" >>"$record"
    sync "$record"
    quietly "install $*" apt-get install -q -y --no-install-recommends "$@"
}

get_packages() {
    # The word splitting is meant, here and below: lists of names.
    # shellcheck disable=SC2086
    [ -n "$(missing $packages)" ] || return 0
    quietly "read the lists of packages" apt-get update -q
    choose
    # shellcheck disable=SC2046,SC2086
    set -- $(missing $packages)
    say "installing $*"
    apt_add "$home/packages" "$@"
}

pip() { # python, words
    interpreter=$1
    shift
    # Debian's pip is a wheel; Python runs a program inside it.
    for archive in /usr/share/python-wheels/pip-*.whl; do
        "$interpreter" -I -B "$archive/pip" --quiet --no-cache-dir --no-input \
            --disable-pip-version-check "$@"
    done
}

locked() { # names: their entries in the lock
    awk -v names=" $* " '/^[a-z]/ { split($1, part, "=="); wanted = index(names, " " part[1] " ") }
        wanted' "$lock"
}

absent() { # names: those whose locked wheel is not kept yet
    for name in "$@"; do
        file=$(locked "$name" | sed -n '1s/^\([^ ]*\).*/\1/p' | sed 's/-/_/g; s/==/-/')
        [ -n "$file" ] || fail 70 "$name is not in $lock; run make lock"
        ls "$cache/$file"-*.whl >/dev/null 2>&1 || echo "$name"
    done
}

fetch() { # names: as wheels, checked by the lock's hashes
    locked "$@" >"$scratch/wanted.lock"
    quietly "fetch $*" pip python3 download --no-deps --require-hashes --only-binary :all: \
        --dest "$cache" -r "$scratch/wanted.lock"
}

get_wheels() {
    mkdir -p "$cache"
    make="" take=""
    # shellcheck disable=SC2086
    for name in $(absent $tools $wheels); do
        case " $compiled " in *" $name "*) make="$make $name" ;; *) take="$take $name" ;; esac
    done
    # shellcheck disable=SC2086
    [ -z "$take" ] || fetch $take
    quietly "make an environment to build in" python3 -I -B -m venv --without-pip "$scratch/build"
    # shellcheck disable=SC2086
    quietly "install $tools" pip "$scratch/build/bin/python3" install --no-deps --no-index \
        --no-compile --find-links "$cache" $tools
    # shellcheck disable=SC2086
    [ -z "$make" ] || compile $make
}

compile() { # names: from their locked sources, with a compiler that is gone afterwards
    say "compiling $*"
    apt_add "$home/compiler" gcc libasound2-dev libc6-dev python3-dev
    locked "$@" >"$scratch/wanted.lock"
    # No debug information and no build identity: the same source makes the same file.
    export CFLAGS=-g0 LDFLAGS=-Wl,--build-id=none
    quietly "compile $*" pip "$scratch/build/bin/python3" wheel --no-deps --require-hashes \
        --no-build-isolation --no-binary :all: --wheel-dir "$scratch/made" -r "$scratch/wanted.lock"
    mv "$scratch/made"/*.whl "$cache"
    remove_compiler
}

remove_compiler() { # exactly what came with it, now or in an earlier run that was cut off
    [ -f "$home/compiler" ] || return 0
    # shellcheck disable=SC2046
    set -- $(sort -u "$home/compiler")
    # dpkg and not apt: what something else has come to need meanwhile is refused, and stays.
    [ $# -eq 0 ] || dpkg --purge "$@" >/dev/null 2>&1 || say "kept of the compiler what is needed"
    rm -f "$home/compiler"
}

build() { # the directory of the version; it is complete when this returns
    say "making $1"
    rm -rf "$1"
    python=$1/bin/python3
    # A copy: building leaves files beside the source.
    mkdir "$scratch/source"
    (cd "$source" && cp -r device pyproject.toml README.md LICENSE "$scratch/source")
    quietly "build the program" pip "$scratch/build/bin/python3" wheel --no-deps --no-index \
        --no-build-isolation --wheel-dir "$scratch/own" "$scratch/source"
    quietly "make $1" python3 -I -B -m venv --without-pip "$1"
    # shellcheck disable=SC2086
    quietly "install into $1" pip "$python" install --no-deps --no-index --no-compile \
        --find-links "$cache" --find-links "$scratch/own" pressel $wheels
    # What apt has, but not what pip may have put in /usr/local: hence no --system-site-packages.
    for site in "$1"/lib/python3*/site-packages; do
        echo /usr/lib/python3/dist-packages >"$site/debian.pth"
    done
    sed -i '1s/$/ -I/' "$1/bin/pressel"
    rm -f "$1/bin"/[Aa]ctivate*
    mkdir -p "$1/share"
    cp -r "$source/systemd" "$1/share/systemd"
    rm -f "$1/share/systemd/verify.sh"
    install -m 755 "$source/systemd/crash-light" "$1/lib/crash-light"
    quietly "translate $1 to bytecode" "$python" -I -B -m compileall -q "$site"
    quietly "start the new version" runs "$1"
    # shellcheck disable=SC2086
    "$python" -I -B "$source/provisioning/sbom.py" --site "$site" --wheels "$cache" "$scratch/own" \
        --packages $packages >"$scratch/sbom.json"
    mv "$scratch/sbom.json" "$1/.sbom" && sync -f "$1" && mv "$1/.sbom" "$1/sbom.cdx.json"
}

clear_up() { # however this ends: no compiler, nothing unfinished
    rm -rf "$scratch"
    remove_compiler
    finished "$home/$new" || rm -rf "${home:?}/$new"
}

# Putting a version to use.

point() { # link, target: old or new, and nothing between
    [ "$(readlink "$1" || true)" != "$2" ] || return 0
    changed=yes
    rm -f "$1.new"
    ln -s "$2" "$1.new"
    sync -f "${1%/*}"
    mv -T "$1.new" "$1"
}

put() { # file, place, mode
    ! cmp -s "$1" "$2" || return 0
    changed=yes
    install -D -m "${3:-644}" "$1" "$2.new"
    mv "$2.new" "$2"
}

lay() { # the version in use: what systemd reads of it, where systemd/README.md says
    from=$home/current/share/systemd
    units=/etc/systemd/system
    groups=$(cut -d : -f 1 /etc/group)
    put "$from/pressel.sysusers" /usr/lib/sysusers.d/pressel.conf
    put "$from/pressel.tmpfiles" /usr/lib/tmpfiles.d/pressel.conf
    put "$from/pressel.catalog" /usr/lib/systemd/catalog/pressel.catalog
    for unit in "$from"/*.service; do put "$unit" "$units/${unit##*/}"; done
    for unit in "$units"/pressel*.service; do
        [ -f "$from/${unit##*/}" ] ||
            { systemctl --quiet disable "${unit##*/}" && rm "$unit" && changed=yes; }
    done
    if [ "$(systemctl --version | awk 'NR == 1 { print $2 }')" -lt 254 ]; then
        put "$from/pressel-bookworm.conf" "$units/pressel.service.d/bookworm.conf"
    else
        rm -f "$units/pressel.service.d/bookworm.conf"
    fi
    quietly "make the groups of the devices" systemd-sysusers pressel.conf
    # The groups that were not there before are taken back by uninstall.sh.
    cut -d : -f 1 /etc/group | grep -vxF "$groups" >>"$home/groups" && changed=yes
    systemd-tmpfiles --create pressel.conf
    journalctl --update-catalog
    point /usr/local/bin/pressel "$home/current/bin/pressel"
    ! live || systemctl daemon-reload
    # It says what it links, and nothing if all is linked.
    # shellcheck disable=SC2046
    said=$(systemctl enable $(cd "$from" && ls -- *.service) 2>&1) || fail 70 "$said"
    [ -z "$said" ] || changed=yes
}

serves() { # name: is the daemon up, and of this version?
    process=$(systemctl show -P MainPID pressel.service)
    systemctl --quiet is-active pressel.service && grep -q "$home/$1/" "/proc/$process/cmdline"
}

works() { # name of the version in use: after a restart, where there is a system to serve
    runs "$home/current" >/dev/null || return 1
    live && [ -f "$config" ] || return 0
    serves "$1" || { changed=yes && timeout "$start_s" systemctl restart pressel.service; } ||
        return 1
    restarts=$(systemctl show -P NRestarts pressel.service)
    sleep "$stay_s"
    serves "$1" && [ "$(systemctl show -P NRestarts pressel.service)" = "$restarts" ]
}

use() { # name: switch to it; back again if it does not work
    before=$(readlink "$home/current" || true)
    [ -z "$before" ] || [ "$before" = "$1" ] || point "$home/previous" "$before"
    point "$home/current" "$1"
    lay
    if works "$1"; then return 0; fi
    before=$(readlink "$home/previous" || true)
    if [ "$before" = "$1" ] || ! finished "$home/$before"; then
        fail 70 "$1 does not work, and none is here from before; see journalctl -x -u pressel"
    fi
    point "$home/current" "$before"
    rm "$home/previous"
    lay
    works "$before" || fail 70 "neither $1 nor $before works; see journalctl -x -u pressel"
    rm -rf "${home:?}/$1"
    fail 70 "$1 does not work; $before is in use again. See journalctl -x -u pressel, and report it"
}

tidy() { # keep this version and the one before it, and of the wheels those of the lock
    for old in "$home"/*/; do
        case ${old%/} in
            "$home/current" | "$home/previous") continue ;;
            "$home/$new" | "$home/$(readlink "$home/previous" || true)") continue ;;
        esac
        rm -rf "$old"
    done
    for wheel in "$cache"/*.whl; do
        project=$(basename "$wheel" | cut -d - -f 1 | tr _ -)
        grep -q "^$project==$(basename "$wheel" | cut -d - -f 2) " "$lock" || rm -f "$wheel"
    done
}

tell_lock() { # for deb.sh, which fetches from outside
    choose
    # shellcheck disable=SC2086
    printf '%s\n' "--only-binary :all:" "--no-binary $(echo $compiled | tr ' ' ,)"
    # shellcheck disable=SC2086
    locked $tools $wheels
}

tell() { # what would be done
    choose
    say "version $new, for $suite $arch"
    if [ "$ready" ]; then
        say "it is here and complete; would use it, and see that it serves"
        return
    fi
    # shellcheck disable=SC2046,SC2086
    say "would install from apt:" $(missing $packages)
    # shellcheck disable=SC2046,SC2086
    say "would fetch by the hashes of device.lock:" $(absent $tools $wheels)
    say "would make $home/$new, switch $home/current to it, and see that it serves"
}

case "${1:-}" in
    "" | --dry-run | --lock) ;;
    *) fail 64 "what is '$1'? The only words are --dry-run and --lock" ;;
esac
# shellcheck source=/dev/null
suite=$(. /etc/os-release && echo "${VERSION_CODENAME:-}")
case $suite in
    bookworm | trixie) ;;
    *) fail 69 "this system is '$suite'; take Debian or Raspberry Pi OS, bookworm or trixie" ;;
esac
arch=$(dpkg --print-architecture)
cache=$cache/$suite
version=$(sed -n 's/^__version__ = "\(.*\)"/\1/p' "$source/device/__init__.py")
new=$version-$(fingerprint)
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
trap 'exit 130' INT
trap 'exit 143' HUP TERM

ready=""
if finished "$home/$new" && runs "$home/$new" >/dev/null 2>&1; then ready=yes; fi
case "${1:-}" in
    --dry-run) tell; exit ;;
    --lock) tell_lock; exit ;;
esac
[ "$(id -u)" -eq 0 ] || fail 77 "this takes root; run it again with sudo"
[ "$(dpkg-query -W -f '${db:Status-Status}' pressel 2>/dev/null || true)" != installed ] ||
    fail 69 "the package pressel is installed, and apt upgrades it; apt remove it first"
mkdir -p "$home"
: >>"$home/packages"
exec 9<"$home"
flock -n 9 || fail 75 "another installation is under way; wait for it"
trap clear_up EXIT

changed=""
remove_compiler
if [ -z "$ready" ]; then
    changed=yes
    choose
    get_packages
    get_wheels
    build "$home/$new"
fi
use "$new"
tidy
if [ "$changed" ]; then say "$new is in use"; else say "nothing to do: $new is in use"; fi
[ -f "$config" ] || say "next: write $config; every key stands in" \
    "$home/current/lib/python3*/site-packages/device/provision/card/pressel.example.yaml"
