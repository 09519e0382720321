# Whether this machine can run Berth: each check either passes silently or fails with one sentence.
# shellcheck shell=bash

require_root() {
  [[ $EUID -eq 0 ]] || fail "containers, networks and cgroups need root. Run it as root: sudo bin/${0##*/}"
}

require_system() {
  [[ $(uname -s) == Linux ]] || fail "Berth's hosts are Linux machines; this is $(uname -s)."
  case $(uname -m) in
    x86_64 | aarch64) ;;
    *) fail "Berth runs on x86-64 and arm64 machines; this one is $(uname -m)." ;;
  esac
  local ID='' ID_LIKE='' PRETTY_NAME='an unknown system'
  # shellcheck source=/dev/null
  [[ ! -r /etc/os-release ]] || source /etc/os-release
  if [[ " $ID $ID_LIKE " != *' debian '* ]] || ! command -v apt-get >/dev/null; then
    fail "this is $PRETTY_NAME; Berth installs what it needs with apt, on Debian 12 or Ubuntu 22.04 and later."
  fi
}

require_node() {
  command -v node >/dev/null || fail "Node.js is missing. Install Node 20.19 or later (https://nodejs.org/en/download)."
  local version major minor
  version=$(node --version)
  IFS=. read -r major minor _ <<<"${version#v}"
  ((major > 20 || (major == 20 && minor >= 19))) ||
    fail "Node.js is $version; Berth needs 20.19 or later (https://nodejs.org/en/download)."
  [[ ! -f $root/package.json ]] || command -v npm >/dev/null || fail "npm is missing. Install it (it comes with Node.js; on Ubuntu's own Node: apt install npm)."
}

# What containers need of the kernel. What is missing is usually missing because this is itself a container.
require_kernel() {
  local where="This looks like a container without the right to make others: use a virtual machine, or a privileged container."
  [[ -d /run && -w /run ]] || fail "/run is missing or read-only. $where"
  grep -q ' cgroup2\? ' /proc/mounts || fail "no cgroup file system is mounted, so nothing could be limited. $where"
  unshare --mount true 2>/dev/null || fail "mount namespaces can't be made. $where"
  unshare --user --map-root-user true 2>/dev/null ||
    fail "user namespaces are off. Allow them: sysctl -w user.max_user_namespaces=65536"
  grep -qw overlay /proc/filesystems || modprobe overlay 2>/dev/null || fail "the kernel has no overlayfs. $where"
}

# require_space DIRECTORY MEBIBYTES WHAT
require_space() {
  local directory=$1 free
  while [[ ! -d $directory ]]; do directory=$(dirname -- "$directory"); done
  free=$(df -Pm -- "$directory" | awk 'NR == 2 { print $4 }')
  ((free >= $2)) || fail "$3 needs $2 MiB in $directory, and $free MiB are free. Make room, or choose another place."
}

# port_holder PORT: prints "PID NAME" of the process that listens there; nothing if the port is free. Needs only /proc,
# because on a new machine there may be no ss yet.
port_holder() {
  local hex inode descriptor pid
  printf -v hex '%04X' "$1"
  inode=$(awk -v port="$hex" '$4 == "0A" && $2 ~ ":" port "$" { print $10; exit }' /proc/net/tcp /proc/net/tcp6 2>/dev/null)
  [[ -n $inode ]] || return 0
  descriptor=$(find /proc/[0-9]*/fd -maxdepth 1 -lname "socket:\[$inode\]" -print -quit 2>/dev/null || true)
  [[ -n $descriptor ]] || { echo '? a process of another container'; return; }
  pid=${descriptor#/proc/}
  pid=${pid%%/*}
  echo "$pid $(<"/proc/$pid/comm")"
}
