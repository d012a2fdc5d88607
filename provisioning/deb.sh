#!/bin/sh
# Builds the Debian package for trixie, as root:
#     provisioning/deb.sh [amd64|arm64 [DIRECTORY]]
# install.sh runs in a fresh system that is thrown away; the package is what it made there. The same
# source and the same packages of Debian make the same file. Another architecture than this
# machine's takes qemu-user-static.
set -eu
umask 022
cd "$(dirname "$0")/.."

suite=trixie python=3.13 next=3.14
arch=${1:-$(dpkg --print-architecture)}
out=${2:-dist}
pip=${PIP:-$PWD/.venv/bin/pip}
case $arch in
    amd64) machine=x86_64 ;;
    arm64) machine=aarch64 ;;
    *) echo "deb: what is '$arch'? There are packages for amd64 and arm64" >&2; exit 64 ;;
esac
version=$(sed -n 's/^__version__ = "\(.*\)"/\1/p' device/__init__.py)
SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct)}
export SOURCE_DATE_EPOCH
[ "$(id -u)" -eq 0 ] || {
    echo "deb: making a system to build in takes root; run it again with sudo" >&2
    exit 77
}
work=$(mktemp -d -p /var/tmp)
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT
trap 'exit 143' HUP TERM
stage=$work/stage

build() { # into $work/opt
    mkdir -p "$work/source" "$work/opt"
    cp -r device systemd provisioning pyproject.toml README.md LICENSE "$work/source"
    find "$work/source" -name __pycache__ -prune -exec rm -rf {} +
    export work pip python machine
    # The hook's $1 is the new system. What install.sh asks for in there is checked by its hashes out
    # here, where the network is, and once more in there, where pip has none.
    # shellcheck disable=SC2016
    mmdebstrap --mode=root --variant=minbase --quiet --architectures="$arch" --include=systemd \
        --aptopt='APT::Install-Recommends false' --format=null \
        --customize-hook='cp -r "$work/source" "$1/src"' \
        --customize-hook='chroot "$1" /src/provisioning/install.sh --lock >"$work/wanted.lock"' \
        --customize-hook='"$pip" download --quiet --no-deps --require-hashes --no-build-isolation \
            --platform "manylinux_2_28_$machine" --platform "manylinux2014_$machine" \
            --python-version "$python" --dest "$1/src/wheels" -r "$work/wanted.lock"' \
        --customize-hook='chroot "$1" env PIP_NO_INDEX=1 PIP_FIND_LINKS=/src/wheels \
            SOURCE_DATE_EPOCH="$SOURCE_DATE_EPOCH" /src/provisioning/install.sh' \
        --customize-hook='cp -a "$1/opt/pressel" "$work/opt"' \
        "$suite" /dev/null
}

lay() { # where dpkg owns it, from where install.sh has put it
    name=$(readlink "$work/opt/pressel/current")
    units=$work/opt/pressel/$name/share/systemd
    mkdir -p "$stage/opt/pressel" "$stage/usr/bin" "$stage/usr/share/doc/pressel"
    cp -a "$work/opt/pressel/$name" "$stage/opt/pressel"
    find "$stage" -depth -name __pycache__ -exec rm -rf {} +
    ln -s "$name" "$stage/opt/pressel/current"
    ln -s /opt/pressel/current/bin/pressel "$stage/usr/bin/pressel"
    lib=$stage/usr/lib
    for unit in "$units"/*.service; do
        install -D -m 644 "$unit" "$lib/systemd/system/${unit##*/}"
    done
    install -D -m 644 "$units/pressel.catalog" "$lib/systemd/catalog/pressel.catalog"
    install -D -m 644 "$units/pressel.sysusers" "$lib/sysusers.d/pressel.conf"
    install -D -m 644 "$units/pressel.tmpfiles" "$lib/tmpfiles.d/pressel.conf"
    install -m 644 LICENSE "$stage/usr/share/doc/pressel/copyright"
}

pack() {
    mkdir "$stage/DEBIAN"
    units=$(cd "$stage/usr/lib/systemd/system" && echo *.service)
    size=$(du -sk --apparent-size "$stage" | cut -f 1)
    for part in control preinst postinst prerm postrm; do
        sed "s/@version@/$version/; s/@arch@/$arch/; s/@size@/$size/; s/@python@/$python/
            s/@next@/$next/; s/@name@/$name/; s/@units@/$units/" "provisioning/debian/$part" \
            >"$stage/DEBIAN/$part"
        [ "$part" = control ] || chmod 755 "$stage/DEBIAN/$part"
    done
    (cd "$stage" && find opt usr -type f -exec md5sum {} + | LC_ALL=C sort -k 2 >DEBIAN/md5sums)
    mkdir -p "$out"
    dpkg-deb --root-owner-group --build "$stage" "$out/pressel_${version}_$arch.deb" >/dev/null
    cp "$stage/opt/pressel/$name/sbom.cdx.json" "$out/pressel_${version}_$arch.cdx.json"
}

build
lay
pack
(cd "$out" && sha256sum "pressel_${version}_$arch".*)
