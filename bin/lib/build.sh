# npm packages and the build, each only when something changed since the last time.
# shellcheck shell=bash disable=SC2154 # $root is set in lib.sh

# Two scripts at a time must not install into one folder. The lock is on the checkout's own folder, so it leaves no file.
prepare_checkout() {
  exec 9<"$root"
  if ! flock -n 9; then
    say '  Another bin/ script is preparing this checkout; waiting for it.'
    flock -w 900 9 || fail "another bin/ script has held the checkout for 15 minutes. See what it does: ps aux | grep bin/"
  fi
  install_npm_packages
  build
  exec 9<&-
}

install_npm_packages() {
  node "$root/bin/lib/lock-matches.mjs" "$root" && return
  require_space "$root" 1500 'node_modules'
  advice='Check that this machine reaches the npm registry (npm ping), then run the same command again.' \
    step 'Installing npm packages' npm ci --prefix "$root" --no-audit --no-fund --loglevel=error
}

# Paths, times and sizes of everything that the build reads: a file that was deleted counts too.
sources_fingerprint() (
  cd "$root" || exit
  find src migrations contract agent cli package-lock.json tsconfig*.json \
    \( -name node_modules -o -name dist \) -prune -o -type f ! -name '*.spec.ts' -printf '%p %T@ %s\n' | sort | sha256sum
)

is_built() {
  local file
  for file in dist/src/main.js dist/src/standalone/main.js agent/dist/main.js cli/dist/berth.js; do
    [[ -f $root/$file ]] || return 1
  done
}

build() {
  local stamp=$root/node_modules/.berth-build fingerprint
  fingerprint=$(sources_fingerprint)
  [[ -f $stamp && $(<"$stamp") == "$fingerprint" ]] && is_built && return
  rm -f "$stamp"
  advice='If you have not changed the code, please report it.' step 'Building' npm run --silent --prefix "$root" build
  printf '%s\n' "$fingerprint" >"$stamp"
}
