# The agent of a machine that is a host and nothing else: its settings, its enrolment, and what keeps it running.
# shellcheck shell=bash disable=SC2034,SC2154 # used, or set, where it is sourced

default_host_data=/var/lib/berth-host
declare -A agent_env=()

# From $data/agent.env, which systemd reads too: NAME=VALUE, a line each.
read_agent_settings() {
  local line
  [[ -f $data/agent.env ]] || return 0
  while IFS= read -r line; do
    [[ $line == *=* ]] && agent_env[${line%%=*}]=${line#*=}
  done <"$data/agent.env"
}

write_agent_settings() {
  local one
  mkdir -p -- "$data"
  chmod 700 -- "$data"
  (
    umask 077
    for one in "${!agent_env[@]}"; do printf '%s=%s\n' "$one" "${agent_env[$one]}"; done | sort >"$data/agent.env.new"
  )
  mv -- "$data/agent.env.new" "$data/agent.env"
}

# run_agent VERB: the agent with its settings, in the foreground.
run_agent() {
  local one environment=("PATH=$PATH" NODE_ENV=production)
  for one in "${!agent_env[@]}"; do environment+=("$one=${agent_env[$one]}"); done
  [[ -z ${token:-} ]] || environment+=("BERTH_HOST_TOKEN=$token")
  env -i "${environment[@]}" "$root/agent/bin/berth-agent" "$@"
}

# A host stays the one that it is. The token is used up by enrolling; asked again with it, the gateway names the same host.
enrol_host() {
  if [[ -f $data/identity/identity.json ]]; then
    say "  It is a host already: $(host_id). To make it another one, bin/join --leave first."
    return
  fi
  [[ -n $token ]] || fail 'a token is needed to become a host. An operator makes one: berth host token'
  advice='Check the address and the token; "berth host token" makes another one.' step 'Enrolling this machine' run_agent enrol
  say "  It is host $(host_id) now."
}

host_id() { sed -n 's/.*"hostId":"\([0-9a-f-]*\)".*/\1/p' "$data/identity/identity.json"; }

service_name() { [[ ${agent_env[BERTH_AGENT_INSTANCE]} == berth ]] && echo berth-agent || echo "berth-agent-${agent_env[BERTH_AGENT_INSTANCE]}"; }
has_systemd() { [[ -d /run/systemd/system ]]; }
unit_file() { echo "/etc/systemd/system/$(service_name).service"; }

start_agent() {
  local first
  if has_systemd; then
    write_unit
    systemctl daemon-reload
    systemctl enable --quiet "$(service_name)"
    systemctl restart "$(service_name)"
    sleep 2
    systemctl is-active --quiet "$(service_name)" || fail "the agent does not start. See: journalctl -u $(service_name)"
    say "  The agent runs as the service $(service_name): journalctl -u $(service_name)"
    return
  fi
  stop_agent
  setsid "$root/bin/lib/keep-agent" "$data" "$root" >>"$data/agent.log" 2>&1 </dev/null &
  echo $! >"$data/agent.pid"
  sleep 1
  # One that can't run is started again and again.
  first=$(children_of "$(<"$data/agent.pid")")
  sleep 2
  [[ -n $first && $(children_of "$(<"$data/agent.pid")") == "$first" ]] || { stop_agent; fail "the agent does not start. See $data/agent.log"; }
  say "  There is no systemd here: the agent runs in the background until the machine restarts. Log: $data/agent.log"
}

children_of() { cat "/proc/$1/task/$1/children" 2>/dev/null || true; }

# KillMode=process: containers and what keeps them outlive the agent.
write_unit() {
  cat >"$(unit_file)" <<END
[Unit]
Description=Berth host agent
Documentation=file://$root/docs/operations.md
Wants=network-online.target
After=network-online.target

[Service]
EnvironmentFile=$data/agent.env
Environment=NODE_ENV=production
ExecStart=$root/agent/bin/berth-agent run
Restart=always
RestartSec=2
KillMode=process
Delegate=yes
TasksMax=infinity
LimitNOFILE=1048576
OOMScoreAdjust=-900

[Install]
WantedBy=multi-user.target
END
}

# Containers run on.
stop_agent() {
  local pid waited
  if has_systemd && [[ -f $(unit_file) ]]; then systemctl stop "$(service_name)" || true; fi
  [[ -f $data/agent.pid ]] || return 0
  pid=$(<"$data/agent.pid")
  if [[ $(tr '\0' ' ' 2>/dev/null <"/proc/$pid/cmdline") == *keep-agent* ]]; then
    kill "$pid" 2>/dev/null || true
    for ((waited = 0; waited < 300; waited++)); do kill -0 "$pid" 2>/dev/null || break; sleep 0.1; done
  fi
  rm -f -- "$data/agent.pid"
}

leave_fleet() {
  local id
  use_bundled_node
  id=$([[ ! -f $data/identity/identity.json ]] || host_id)
  stop_agent
  if has_systemd && [[ -f $(unit_file) ]]; then
    systemctl disable --quiet "$(service_name)" || true
    rm -f -- "$(unit_file)"
    systemctl daemon-reload
  fi
  advice="See what is left with: ls /run/${agent_env[BERTH_AGENT_INSTANCE]}" step 'Stopping its tasks and undoing what they needed' run_agent teardown
  rm -rf --one-file-system -- "$data"
  say "  This machine is no host any more. An operator forgets it by: berth host rm ${id:-NAME}"
}

# What "berth host token" sends to new machines is built, and brings its own Node where that runs anywhere.
is_packed() { [[ ! -f $root/package.json && -f $root/agent/dist/main.js ]]; }
use_bundled_node() { [[ ! -x $root/bin/node ]] || PATH=$root/bin:$PATH; }
