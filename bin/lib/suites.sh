# Running test suites: the servers they need, and their results.
# shellcheck shell=bash disable=SC2034,SC2154 # set, or used, where it is sourced

# Files of results, and the data of throw-away servers.
workspace=''
servers=()

open_workspace() {
  workspace=$(mktemp -d "${TMPDIR:-/tmp}/berth-test.XXXXXX")
  trap close_workspace EXIT
}

close_workspace() {
  ((${#servers[@]} == 0)) || kill -INT "${servers[@]}" 2>/dev/null || true
  wait
  rm -rf "$workspace"
}

free_port() {
  node -e 'const s = require("net").createServer().listen(0, "127.0.0.1", () => { console.log(s.address().port); s.close(); })'
}

# wait_for WHAT COMMAND…: until the command succeeds, at most 20 s.
wait_for() {
  local what=$1 attempt
  shift
  for ((attempt = 0; attempt < 200; attempt++)); do
    ! "$@" >/dev/null 2>&1 || return 0
    sleep 0.1
  done
  fail "$what did not start; see $workspace."
}

# Debian's PostgreSQL on a free port; sets $database_url. Like the embedded one it refuses to be root, so it gets a user
# namespace in which root is called 1000.
start_postgres() {
  local programs port data=$workspace/postgres
  programs=$(find /usr/lib/postgresql -mindepth 2 -maxdepth 2 -name bin | sort -V | tail -n 1)
  [[ -x $programs/initdb ]] || fail "PostgreSQL's programs are not in /usr/lib/postgresql. Install them: apt-get install postgresql"
  port=$(free_port)
  unshare --user --map-user=1000 -- "$programs/initdb" -D "$data" -U berth --auth=trust --encoding=UTF8 --locale=C --no-sync >"$workspace/initdb.log" 2>&1 ||
    fail "initdb failed: $(tail -n 1 "$workspace/initdb.log")"
  unshare --user --map-user=1000 -- "$programs/postgres" -D "$data" -c "port=$port" -c listen_addresses=127.0.0.1 -c unix_socket_directories= \
    -c max_connections=200 -c fsync=off </dev/null >"$workspace/postgres.log" 2>&1 &
  servers+=($!)
  wait_for PostgreSQL "$programs/pg_isready" -q -h 127.0.0.1 -p "$port"
  database_url=postgres://berth@127.0.0.1:$port/postgres
}

# run_vitest TITLE PROJECT: its results go to the workspace, under a number of their own.
run_vitest() {
  local results=$workspace/results-$SECONDS-$RANDOM started=$SECONDS
  printf '\n— %s\n' "$1"
  (cd "$root" && BERTH_TEST_RESULTS=$results node node_modules/vitest/vitest.mjs run --project "$2" --maxWorkers=100% \
    --reporter=default --reporter=./test/support/suite-reporter.ts </dev/null) || note_failure "$results" "$1"
  [[ -f $results ]] || note_failure "$results" "$1"
  printf 'took %s: %d s\n' "$1" $((SECONDS - started)) >>"$results"
}

run_checks() {
  local results=$workspace/results-checks
  printf '\n— Static checks\n'
  if (cd "$root" && npm run --silent check </dev/null); then echo 'passed 1' >"$results"; else printf 'failed 1\nbroke Static checks: see above\n' >"$results"; fi
}

# A suite that ended badly counts as a failure, even if it never came to report one.
note_failure() {
  grep -q '^failed [1-9]' "$1" 2>/dev/null || printf 'failed 1\n' >>"$1"
}

# Prints what was skipped and why, how long each suite took, what failed, and the sum. Fails if anything failed.
sum_up() {
  printf '\n'
  cat "$workspace"/results-* | sed -n 's/^skipped /Skipped: /p'
  printf '\n'
  cat "$workspace"/results-* | sed -n 's/^took /Took: /p; s/^broke /Failed: /p' | sort -r
  cat "$workspace"/results-* | awk '
    { sum[$1] += $1 == "skipped" ? 1 : $2 }
    END { printf "\n%d passed, %d failed, %d skipped\n", sum["passed"], sum["failed"], sum["skipped"]; exit sum["failed"] > 0 }'
}
