#!/usr/bin/env bash
# Build and run every test. Arguments go to meson test: --suite NAME, --list, TEST...
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

"$root/scripts/build.sh"
exec meson test -C "$root/build" --no-rebuild --print-errorlogs "$@"
