# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# For scripts in tools/: installs Debian packages that are missing. Source it.
#   install_packages NAME…
#   install_packages "${build_packages[@]}"

# What the presets need to be configured and built with GCC, tests and all.
# shellcheck disable=SC2034
build_packages=(g++ cmake ninja-build libboost-dev libxxhash-dev libcli11-dev libfmt-dev nlohmann-json3-dev zlib1g-dev
  libsqlite3-dev libgtest-dev libgmock-dev librapidcheck-dev)

# What the benchmarks need besides, the other stores that they compare with included.
# shellcheck disable=SC2034
bench_packages=(libbenchmark-dev librocksdb-dev liblmdb-dev libleveldb-dev)

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
