# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# For scripts in tools/: installs Debian packages that are missing. Source it.
#   install_packages NAME…

install_packages() {
  local name missing=()
  for name in "$@"; do
    if [[ "$(dpkg-query -W -f '${Status}' "$name" 2>/dev/null || true)" != "install ok installed" ]]; then
      missing+=("$name")
    fi
  done
  if (( ${#missing[@]} == 0 )); then return 0; fi

  local as_root=()
  if (( EUID != 0 )); then as_root=(sudo); fi
  echo "Installing with apt: ${missing[*]}"
  "${as_root[@]}" apt-get update -qq
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}"
}
