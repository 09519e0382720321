#!/usr/bin/env bash
# Makes the disk, kernel and initramfs of a small Debian 12 machine with cgroup v2, and the root file system of a container
# image with systemd in it, once, and keeps them in a cache under a name that follows from the recipe: this file and guest/.
#
#   test/vm/image.sh       makes it if it is missing, and prints the directory it is in
#
# BERTH_VM_CACHE is the cache (default: $XDG_CACHE_HOME/berth/vm, or /var/cache/berth/vm), BERTH_VM_MIRROR the Debian
# mirror (default: this machine's own if it is a Debian, else deb.debian.org).
set -euo pipefail

here=$(cd -- "$(dirname -- "$(readlink -f -- "${BASH_SOURCE[0]}")")" && pwd -P)
# shellcheck source=bin/lib/output.sh
source "$here/../../bin/lib/output.sh"

suite=bookworm
keyring=/usr/share/keyrings/debian-archive-keyring.gpg
cache=${BERTH_VM_CACHE:-${XDG_CACHE_HOME:-/var/cache}/berth/vm}
unused_for_days=30

# A system as fleets have it: systemd owns the control groups, udev sees every interface that the agent makes.
packages=(
  systemd-sysv udev dbus openssh-server
  crun skopeo containers-storage catatonit nftables iproute2 busybox-static
  kmod util-linux procps ca-certificates
  # For an NFS server in a network namespace; the agent itself needs nothing of it.
  nfs-kernel-server
)
# What makes a Debian container look like a server: systemd as its first process.
systemd_packages=(systemd-sysv dbus)
# In the order in which they need each other; ext4 is built in.
disk_modules=(virtio_ring virtio virtio_pci_legacy_dev virtio_pci_modern_dev virtio_pci virtio_blk)
# They would only cost emulated seconds.
masked_units=(
  apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer e2scrub_all.timer e2scrub_reap.service fstrim.timer
  getty.target systemd-pstore.service
  nfs-server.service nfs-client.target nfs-blkmap.service rpcbind.service rpcbind.socket rpc-statd.service rpc-statd-notify.service
)

key() {
  (cd "$here" && find image.sh guest -type f -print0 | sort -z | xargs -0 sha256sum | sha256sum | cut -c 1-16)
}

mirror() {
  local site
  if [[ -n ${BERTH_VM_MIRROR:-} ]]; then echo "$BERTH_VM_MIRROR"; return; fi
  # shellcheck disable=SC2016 # apt's own variables
  site=$(apt-get indextargets --format '$(SITE) $(CODENAME) $(ORIGIN)' 'Created-By: Packages' 2>/dev/null | awk -v suite="$suite" '$2 == suite && $3 == "Debian" { print $1; exit }')
  echo "${site:-http://deb.debian.org/debian}"
}

make_system() {
  debootstrap --variant=minbase --keyring="$keyring" "$suite" "$build/root" "$(mirror)"
  # Nothing may start in here, and a disk that is thrown away on failure needs no fsync.
  printf '#!/bin/sh\nexit 101\n' >"$build/root/usr/sbin/policy-rc.d"
  chmod +x "$build/root/usr/sbin/policy-rc.d"
  echo force-unsafe-io >"$build/root/etc/dpkg/dpkg.cfg.d/unsafe-io"
}

# A container image's root file system, of the same Debian.
make_systemd_root() {
  local root=$build/systemd
  cp -a "$build/root" "$root"
  chroot "$root" apt-get -q update
  DEBIAN_FRONTEND=noninteractive chroot "$root" apt-get -q -y install --no-install-recommends "${systemd_packages[@]}"
  rm -f "$root/usr/sbin/policy-rc.d" "$root/var/lib/dbus/machine-id"
  # Each container makes its own, and asks nobody about its first boot.
  : >"$root/etc/machine-id"
  slim "$root"
  tar -C "$root" -cf "$build/out/systemd.tar" .
}

# By apt and not by debootstrap's --include, which can't choose between alternatives.
add_packages() {
  local root=$build/root
  chroot "$root" apt-get -q update
  DEBIAN_FRONTEND=noninteractive chroot "$root" apt-get -q -y install --no-install-recommends "${packages[@]}"
}

# The kernel's package is only unpacked: installing it would make an initramfs for hardware that isn't there.
add_kernel() {
  local root=$build/root package version
  package=$(chroot "$root" apt-cache show linux-image-cloud-amd64 | sed -n 's/^Depends: \(linux-image-[^ ,]*\).*/\1/p' | head -n 1)
  # shellcheck disable=SC2016 # for the shell within
  chroot "$root" sh -c 'cd /tmp && exec apt-get -q -o APT::Sandbox::User=root download "$1"' sh "$package"
  dpkg -x "$root"/tmp/"$package"_*.deb "$build/kernel"
  version=${package#linux-image-}
  mkdir -p "$root/lib/modules"
  mv "$build/kernel/lib/modules/$version" "$root/lib/modules/"
  mv "$build/kernel/boot/vmlinuz-$version" "$build/out/vmlinuz"
  chroot "$root" depmod "$version"
  echo "$version" >"$build/version"
}

add_initramfs() {
  local version tree=$build/initramfs module file
  version=$(<"$build/version")
  mkdir -p "$tree"/{bin,dev,proc,sys,target,modules}
  cp "$build/root/bin/busybox" "$tree/bin/busybox"
  install -m 755 "$here/guest/initramfs-init" "$tree/init"
  for module in "${disk_modules[@]}"; do
    file=$(find "$build/root/lib/modules/$version" -name "$module.ko*" | head -n 1)
    [[ -n $file ]] || { echo "the kernel has no module $module"; return 1; }
    cp "$file" "$tree/modules/$module.ko"
    echo "/modules/$module.ko" >>"$tree/modules/order"
  done
  (cd "$tree" && find . | "$build/root/bin/busybox" cpio -o -H newc | gzip -1) >"$build/out/initramfs"
}

configure() {
  local root=$build/root unit
  echo berth-vm >"$root/etc/hostname"
  printf '127.0.0.1\tlocalhost berth-vm\n' >"$root/etc/hosts"
  cp "$here/guest/sshd.conf" "$root/etc/ssh/sshd_config.d/berth.conf"
  cp "$here/guest/network.service" "$root/etc/systemd/system/berth-network.service"
  cp "$here/guest/berth-agent.service" "$root/etc/systemd/system/berth-agent.service"
  ln -sf ../berth-network.service "$root/etc/systemd/system/multi-user.target.wants/"
  for unit in "${masked_units[@]}"; do ln -sf /dev/null "$root/etc/systemd/system/$unit"; done
  # What the second disk brings along.
  mkdir -p "$root/berth"
  ln -s /berth/bin/node "$root/usr/local/bin/node"
  rm -f "$root/etc/resolv.conf" "$root/usr/sbin/policy-rc.d" "$root/etc/dpkg/dpkg.cfg.d/unsafe-io"
  # Where qemu's user network answers for names.
  echo 'nameserver 10.0.2.3' >"$root/etc/resolv.conf"
  slim "$root"
  mkdir -p "$root/var/log/journal"
}

slim() {
  rm -rf "$1"/tmp/* "$1"/var/cache/apt/* "$1"/var/lib/apt/lists/* "$1"/var/log/* "$1"/usr/share/{doc,man,locale,info}
}

make_disk() {
  truncate -s 4G "$build/out/root.ext4"
  mkfs.ext4 -q -L berth-vm -d "$build/root" "$build/out/root.ext4"
}

build_all() {
  say "Making the virtual machine's disk in $image (once for each version of its recipe)"
  build=$(mktemp -d "$cache/building.XXXXXX")
  trap 'rm -rf --one-file-system "$build"' EXIT
  mkdir "$build/out"
  advice='Check that this machine reaches its Debian mirror, or name another by BERTH_VM_MIRROR.'
  step 'Debian, by debootstrap' make_system
  step 'A container image with systemd' make_systemd_root
  step 'Its packages' add_packages
  step 'Its kernel' add_kernel
  advice=''
  step 'Its initramfs' add_initramfs
  step 'Its settings' configure
  step 'Its disk' make_disk
  mv "$build/out" "$image"
}

# Progress is for whoever watches; standard output carries the one line.
exec 3>&1 >&2
[[ $EUID -eq 0 ]] || fail 'debootstrap needs root. Run it as root.'
[[ $(uname -m) == x86_64 ]] || fail "the virtual machine is an x86-64 one, and this machine is $(uname -m)."
for program in qemu-system-x86_64 debootstrap mkfs.ext4 dpkg ssh-keygen; do
  command -v "$program" >/dev/null || fail "$program is missing. Install it: apt-get install --no-install-recommends qemu-system-x86 debootstrap e2fsprogs openssh-client"
done

mkdir -p "$cache"
image=$cache/$(key)
exec 9>"$cache/lock"
flock 9
[[ -d $image ]] || build_all
touch "$image"
find "$cache" -mindepth 1 -maxdepth 1 -type d -mtime "+$unused_for_days" -exec rm -rf {} +
printf '%s\n' "$image" >&3
