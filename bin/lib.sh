# What bin/up, bin/down, bin/test and bin/image share. Source it after `set -euo pipefail`; it sets $root.
# shellcheck shell=bash

root=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd -P)

# shellcheck source=bin/lib/output.sh
source "$root/bin/lib/output.sh"
# shellcheck source=bin/lib/machine.sh
source "$root/bin/lib/machine.sh"
# shellcheck source=bin/lib/packages.sh
source "$root/bin/lib/packages.sh"
# shellcheck source=bin/lib/build.sh
source "$root/bin/lib/build.sh"
# shellcheck source=bin/lib/instance.sh
source "$root/bin/lib/instance.sh"
