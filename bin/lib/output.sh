# What the scripts print: steps with their seconds, and one sentence for an error.
# shellcheck shell=bash

say() { printf '%s\n' "$*"; }

# fail SENTENCE: the sentence says what is wrong and what to do about it.
fail() {
  printf '\n%s: %s\n' "${0##*/}" "$*" >&2
  exit 1
}

# seconds_since T, where T is $EPOCHREALTIME of earlier. EPOCHREALTIME's last six digits are microseconds, whatever
# the locale puts before them.
seconds_since() {
  local elapsed=$((${EPOCHREALTIME//[!0-9]/} - ${1//[!0-9]/}))
  printf '%d.%d' $((elapsed / 1000000)) $((elapsed / 100000 % 10))
}

# step WHAT COMMAND…: runs the command quietly and prints how long it took. Its output goes to a file, whose last
# lines are shown if it fails. $advice, if set, is added to the error.
step() {
  local what=$1 began=$EPOCHREALTIME log
  shift
  log=$(mktemp "${TMPDIR:-/tmp}/berth-${1//[!a-z_]/}.XXXXXX.log")
  printf '  %-58s' "$what"
  if "$@" >"$log" 2>&1 </dev/null; then
    printf '%6s s\n' "$(seconds_since "$began")"
    rm -f "$log"
    return
  fi
  printf ' failed\n\n' >&2
  tail -n 15 "$log" | sed 's/^/    /' >&2
  fail "${what%…} failed.${advice:+ $advice} All of its output: $log"
}
