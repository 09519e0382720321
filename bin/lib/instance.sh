# One Berth on this machine: its data directory and what is known of it before any of our programs runs.
# shellcheck shell=bash disable=SC2034,SC2154 # used, or set, where it is sourced

default_data=/var/lib/berth
default_port=7070

# setting NAME: a value of the data directory's berth.conf, which also marks the directory as Berth's.
setting() { sed -n "s/^$1=//p" "$data/berth.conf" 2>/dev/null || true; }

require_data_directory() {
  [[ -f $data/berth.conf || ! -e $data ]] && return
  [[ -d $data ]] || fail "$data is not a directory. Choose another with --data."
  [[ -z $(ls -A -- "$data") ]] || fail "$data has other things in it and is not Berth's. Choose an empty or new directory with --data."
}

# Whether a supervisor runs on $data: it holds this lock for as long as it lives, however it dies. If none runs, the
# lock is now ours, and passes on to the supervisor when it is started.
take_instance_lock() {
  mkdir -p -- "$data/run"
  chmod 711 -- "$data"
  [[ -f $data/berth.conf ]] || echo '# Marks this directory as one of Berth, and remembers what was chosen for it.' >"$data/berth.conf"
  exec 8>"$data/run/lock"
  flock -n 8
}

# Whether one of Berth's own processes on $data listens there: left by a supervisor that was killed, and stopped soon.
is_ours() {
  local file pid
  for file in "$data"/run/*.pid; do
    [[ -f $file ]] && read -r pid _ <"$file" && [[ $pid == "$1" ]] && return
  done
  return 1
}

require_ports() {
  local port holder
  for port in $(seq "$1" $(($1 + 3))); do
    holder=$(port_holder "$port")
    [[ -z $holder ]] || is_ours "${holder%% *}" ||
      fail "port $port is taken by ${holder#* } (pid ${holder%% *}). Berth needs four ports in a row: choose others with --port, or stop it."
  done
}
