#!/bin/sh
# Builds an SD card image with Pressel on it, for arm64 and on any machine; as root:
#     provisioning/image/build.sh [DIRECTORY]
# README.md beside it says what is in it. Nothing is mounted but /proc and what the network needs, in
# a namespace of its own, and there is no loop device: a container may build it.
set -eu
export LC_ALL=C.UTF-8 DEBIAN_FRONTEND=noninteractive
umask 022

here=$(cd "$(dirname "$0")" && pwd)
source=$(cd "$here/../.." && pwd)
cache=${XDG_CACHE_HOME:-$HOME/.cache}/pressel/image
suite=trixie
boot_mb=256
spare_mb=512
packages="ca-certificates dbus dosfstools initramfs-tools libasound2-plugins linux-image-arm64
python3 python3-venv systemd systemd-resolved systemd-sysv systemd-timesyncd udev zstd"
# What a login on the console, or the first start, would ask a person who is not there.
masked="console-getty.service getty@.service serial-getty@.service container-getty@.service
getty.target systemd-firstboot.service apt-daily.timer apt-daily-upgrade.timer"

say() { echo "image: $*"; }

fail() {
    status=$1
    shift
    echo "image: $*" >&2
    exit "$status"
}

foreign() { # lets this machine run arm64 programs, if it cannot yet
    [ "$(dpkg --print-architecture)" != arm64 ] || return 0
    misc=/proc/sys/fs/binfmt_misc
    [ -e $misc/register ] || mount -t binfmt_misc binfmt_misc $misc
    [ -e $misc/qemu-aarch64 ] || cat /usr/lib/binfmt.d/qemu-aarch64.conf >$misc/register
}

bare() { # Debian alone, as a tar; kept for the calendar week, for it ages
    recipe=$(printf '%s %s %s' "$suite" "$packages" "$(date +%G-%V)" | sha256sum | cut -c 1-12)
    tar=$cache/$suite-arm64-$recipe.tar
    [ ! -f "$tar" ] || return 0
    say "making Debian $suite (some minutes, once a week)"
    mkdir -p "$cache"
    # The list of names becomes one word; translations and manuals have no reader here.
    mmdebstrap --mode=root --architectures=arm64 --variant=minbase --quiet \
        '--aptopt=APT::Install-Recommends "false"' '--aptopt=Acquire::Languages "none"' \
        '--dpkgopt=path-exclude=/usr/share/doc/*' '--dpkgopt=path-include=/usr/share/doc/*/copyright' \
        '--dpkgopt=path-exclude=/usr/share/info/*' '--dpkgopt=path-exclude=/usr/share/locale/*' \
        '--dpkgopt=path-exclude=/usr/share/man/*' \
        "--include=$(echo "$packages" | tr -s ' \n' ,)" "$suite" "$tar.new.tar"
    rm -f "$cache/$suite"-arm64-*[0-9a-f].tar
    mv "$tar.new.tar" "$tar"
}

inside() { # words: a command in the root, in namespaces of its own
    # The names, and the certificates, that the builder's network takes: seen while it is built, and
    # never in the image. A builder behind a proxy of its own has both.
    # shellcheck disable=SC2016 # expanded in there
    unshare --mount --pid --fork --kill-child --mount-proc="$root/proc" sh -euc 'root=$1; shift
        mount --bind /etc/resolv.conf "$root/etc/resolv.conf"
        mount --bind -o ro /etc/ssl/certs "$root/etc/ssl/certs"
        export PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root TMPDIR=/tmp
        exec chroot "$root" "$@"' - "$root" "$@"
}

install_pressel() { # as on any device
    mkdir -p "$root/usr/src/pressel"
    (cd "$source" && cp -r LICENSE README.md device provisioning pyproject.toml systemd \
        "$root/usr/src/pressel")
    rm -f "$root/etc/resolv.conf"
    : >"$root/etc/resolv.conf"
    inside /usr/src/pressel/provisioning/install.sh
    inside /opt/pressel/current/bin/pressel provision --write-example /usr/src/card
    mv "$root/usr/src/card" "$scratch/card"
    # Those two are for the cloud-init of Raspberry Pi OS, and would mislead here.
    rm -f "$scratch/card/user-data.example" "$scratch/card/network-config.example"
    # By content and not by time, for all times become one: or Python would translate at each start.
    inside /opt/pressel/current/bin/python3 -I -m compileall -q -f \
        --invalidation-mode unchecked-hash /opt/pressel/current/lib
}

settle() { # what makes an appliance of it
    cp -r "$here/root/." "$root"
    # The word splitting is meant: names of units.
    # shellcheck disable=SC2086
    inside systemctl --quiet mask $masked
    inside systemctl --quiet enable systemd-networkd systemd-resolved systemd-timesyncd
    mkdir -p "$root/boot/firmware"
    if cut -d : -f 2 "$root/etc/shadow" | grep -qv '^[!*]'; then
        fail 70 "an account in it has a password"
    fi
}

clean() { # traces of the building; each device makes its own identity
    rm -rf "$root/usr/src/pressel" "$root/root/.cache" "$root/tmp/"* "$root/var/tmp/"* \
        "$root/var/cache/apt/"* "$root/var/cache/debconf/"*-old "$root/var/lib/apt/lists/"* \
        "$root/var/lib/dpkg/"*-old "$root/var/lib/systemd/random-seed" "$root/etc/ssh/"ssh_host_* \
        "$root/etc/"*.bak "$root/etc/".*.bak
    find "$root/var/log" -type f -delete
    # Empty and not "uninitialized": then systemd would enable whatever units there are.
    : >"$root/etc/machine-id"
    ln -sfn ../run/systemd/resolve/stub-resolv.conf "$root/etc/resolv.conf"
    find "$root" "$scratch/card" -newermt "@$SOURCE_DATE_EPOCH" \
        -exec touch -h -d "@$SOURCE_DATE_EPOCH" {} +
}

identity() { # name, length: hexadecimal digits, the same for the same version and commit
    printf '%s %s %s' "$1" "$version" "$SOURCE_DATE_EPOCH" | sha256sum | cut -c "1-$2"
}

assemble() { # the card: a table of partitions, FAT, ext4
    root_mb=$(($(du -sm "$root" | cut -f 1) * 11 / 10 + spare_mb))
    image=$out/pressel-$version-arm64.img
    card=$image.new
    mkdir -p "$out"
    rm -f "$card"
    truncate -s $((1 + boot_mb + root_mb))M "$card"
    sfdisk --quiet "$card" <<EOF
label: dos
label-id: 0x$(identity disk 8)
start=1MiB, size=${boot_mb}MiB, type=c, bootable
start=$((1 + boot_mb))MiB, size=${root_mb}MiB, type=83
EOF
    # Small clusters and a label in small letters as on Raspberry Pi OS; mkfs.vfat has an opinion on it.
    mkfs.vfat --offset 2048 -F 32 -s 1 -n bootfs -i "$(identity boot 8)" \
        "$card" $((boot_mb * 1024)) >/dev/null 2>&1
    mcopy -i "$card@@1M" -s -m "$scratch/card"/* ::/
    uuid=$(identity root 32 | sed -E 's/(.{8})(.{4}).(.{3}).(.{3})(.{12})/\1-\2-8\3-8\4-\5/')
    E2FSPROGS_FAKE_TIME=$SOURCE_DATE_EPOCH mke2fs -q -t ext4 -L rootfs -U "$uuid" \
        -E "offset=$(((1 + boot_mb) * 1048576)),hash_seed=$uuid" -d "$root" "$card" "${root_mb}M"
    mv "$card" "$image"
}

[ "$(id -u)" -eq 0 ] || fail 77 "this takes root: files of root's are made; run it with sudo"
out=${1:-$source/dist}
version=$(sed -n 's/^__version__ = "\(.*\)"/\1/p' "$source/device/__init__.py")
: "${SOURCE_DATE_EPOCH:=$(git -C "$source" log -1 --format=%ct)}"
export SOURCE_DATE_EPOCH
mkdir -p "$cache"
scratch=$(mktemp -d "$cache/building.XXXXXX")
root=$scratch/root
trap 'rm -rf "$scratch"' EXIT
trap 'exit 130' INT
trap 'exit 143' HUP TERM

foreign
bare
mkdir "$root"
tar -C "$root" --numeric-owner --xattrs --xattrs-include='*' -xpf "$tar"
say "installing Pressel $version"
install_pressel
settle
clean
say "writing the card"
assemble
say "$image is ready: $(du -m "$image" | cut -f 1) MB on this disk"
