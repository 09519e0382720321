# Debian packages: which ones, why, and installing those that are missing.
# shellcheck shell=bash disable=SC2034,SC2154 # used, or set, where it is sourced

# package, what must be there for it to count as installed (a program, or an absolute path), and what it is for.
up_packages='
crun              crun                                runs containers
skopeo            skopeo                              pulls and pushes images
containers-storage containers-storage                 keeps unpacked images
docker-registry   docker-registry                     the bundled image registry
nftables          nft                                 keeps tenants apart on the network
iproute2          ip                                  makes bridges and network namespaces
kmod              modprobe                            loads the overlay and bridge modules
busybox-static    /bin/busybox                        the busybox starter image
catatonit         catatonit                           init process inside containers
util-linux        unshare                             makes namespaces
ca-certificates   /etc/ssl/certs/ca-certificates.crt  checks registries over TLS
'
# The same without what only the control plane's machine needs.
host_packages=$(grep -v '^docker-registry' <<<"$up_packages")
# gVisor, for the isolation tier `sandbox`. Not every distribution has it: without it a host offers the other tier only.
sandbox_packages='
runsc             runsc                               runs sandboxes
'
host_test_packages='
buildah           buildah                             makes the images of the host tests
'
test_packages='
redis-server      redis-server                        tests of background jobs on Redis
postgresql        pg_lsclusters                       tests of the database on a real server
'
vm_test_packages='
qemu-system-x86   qemu-system-x86_64                  runs the virtual machine with cgroup v2
debootstrap       debootstrap                         makes its system
debian-archive-keyring /usr/share/keyrings/debian-archive-keyring.gpg  checks its signatures
e2fsprogs         mkfs.ext4                           makes its disks
openssh-client    ssh                                 runs commands in it
'
image_packages='
debootstrap       debootstrap                         makes the debian image
debian-archive-keyring /usr/share/keyrings/debian-archive-keyring.gpg  checks its signatures
'

# install_packages LIST: installs the missing ones of a list like the above.
install_packages() {
  local package probe reason missing=()
  while read -r package probe reason; do
    [[ -n $package ]] || continue
    if [[ $probe == /* ]]; then [[ ! -e $probe ]] || continue; else command -v "$probe" >/dev/null && continue; fi
    ((${#missing[@]})) || say '  Debian packages to install:'
    printf '    %-18s  %s\n' "$package" "$reason"
    missing+=("$package")
  done <<<"$1"
  ((${#missing[@]})) || return 0
  require_root
  advice='Check that this machine reaches its Debian mirror (/etc/apt/sources.list), then run the same command again.' \
    step "Installing ${missing[*]}" apt_install "${missing[@]}"
  stop_services "${missing[@]}"
}

# Installs what a distribution may lack, if this one has it.
install_offered() {
  local package probe reason offered=''
  while read -r package probe reason; do
    [[ -z $package ]] || ! apt-cache show "$package" >/dev/null 2>&1 || offered+="$package $probe $reason"$'\n'
  done <<<"$1"
  install_packages "$offered"
}

# The package lists are refreshed only if they can't serve: they are missing, or too old for the mirror.
apt_install() {
  local get=(env DEBIAN_FRONTEND=noninteractive apt-get -q -y -o DPkg::Lock::Timeout=300 -o Acquire::Retries=2)
  "${get[@]}" install --no-install-recommends "$@" && return
  apt_update && "${get[@]}" install --no-install-recommends "$@"
}

# DPkg::Lock::Timeout does not hold for the lists' lock.
apt_update() {
  local attempt output
  for attempt in {1..60}; do
    if output=$(LC_ALL=C apt-get -q -o Acquire::Retries=2 -o APT::Update::Error-Mode=any update 2>&1); then return 0; fi
    printf '%s\n' "$output"
    [[ $output == *'Could not get lock'* ]] || return 1
    echo "waiting for another apt-get ($attempt)"
    sleep 5
  done
  return 1
}

# Some packages start a server of their own, which Berth neither uses nor wants on a port. Only those just installed.
stop_services() {
  local package
  [[ -d /run/systemd/system ]] || return 0
  for package in "$@"; do
    case $package in docker-registry | redis-server | postgresql) ;; *) continue ;; esac
    systemctl is-active --quiet "$package" || systemctl is-enabled --quiet "$package" 2>/dev/null || continue
    systemctl disable --quiet --now "$package" 2>/dev/null || true
    say "    (the $package package’s own service was switched off; Berth runs its own)"
  done
}
