#!/usr/bin/env bash
# Make everything ready for `make demo` (./setup.sh demo) or `make test` (./setup.sh test). A second start takes a second.
# A virtual environment in .venv with the locked packages, and what pip cannot bring by the system's package manager: it asks
# before using sudo, and never starts a system service that it installed.
set -euo pipefail
cd "$(dirname "$0")"
role=${1:-demo}
case "$role" in
  demo) lock=requirements.lock ;;
  test) lock=requirements-dev.lock ;;
  *) echo "setup.sh: '$role' is neither demo nor test" >&2; exit 2 ;;
esac

say() { echo "setup: $*" >&2; }
fail() { say "$*"; exit 1; }

find_python() {
  for python in python3.11 python3.12 python3.13 python3.14 python3; do
    if command -v "$python" >/dev/null && "$python" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
      echo "$python"; return
    fi
  done
  fail "Python 3.11 or newer with its venv module is needed (on Debian: apt install python3 python3-venv)."
}

python_packages() {
  local stamp=".venv/.ready-$role" wanted
  wanted=$(cat "$lock" pyproject.toml | sha256sum | cut -d' ' -f1)
  [ "$(cat "$stamp" 2>/dev/null)" = "$wanted" ] && return
  # A test environment serves the demo too.
  [ "$role" = demo ] && [ "$(cat .venv/.ready-test 2>/dev/null)" = "$(cat requirements-dev.lock pyproject.toml | sha256sum | cut -d' ' -f1)" ] && return
  local python
  python=$(find_python)
  say "installing the locked Python packages into .venv (once; a minute or two)"
  # --clear: one that was left half made, or whose Python is gone, is made anew.
  .venv/bin/python -m pip --version >/dev/null 2>&1 || "$python" -m venv --clear .venv \
    || fail "no virtual environment could be made in .venv: the reason stands above."
  .venv/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r "$lock" \
    || fail "the packages of $lock could not be installed: the reason stands above (no network, or a mirror without them?)."
  .venv/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable . \
    || fail "Sightpost itself could not be installed into .venv: the reason stands above."
  echo "$wanted" > "$stamp"
}

missing_programs() {  # prints the names of what is missing, as this project calls them
  [ -x /usr/sbin/mosquitto ] || command -v mosquitto >/dev/null || echo mosquitto
  ldconfig -p 2>/dev/null | grep -q 'libzbar\.so' || ls /usr/lib*/libzbar.so* /usr/lib/*/libzbar.so* >/dev/null 2>&1 || echo zbar
  if [ "$role" = test ]; then
    command -v chromium >/dev/null || command -v chromium-browser >/dev/null || echo chromium
    command -v systemd-analyze >/dev/null || echo systemd
    [ -n "$(find /usr/share/fonts /usr/local/share/fonts -name DejaVuSans.ttf -print -quit 2>/dev/null)" ] || echo fonts-dejavu-core
    command -v initdb >/dev/null || ls /usr/lib/postgresql/*/bin/initdb /usr/pgsql-*/bin/initdb >/dev/null 2>&1 || echo postgresql
  fi
}

system_packages() {
  local missing manager
  missing=$(missing_programs | tr '\n' ' ')
  [ -z "${missing// /}" ] && return
  if command -v apt-get >/dev/null; then
    manager="apt-get install -y -q --no-install-recommends"; missing=${missing/zbar/libzbar0}
  elif command -v dnf >/dev/null; then
    manager="dnf install -y -q"; missing=${missing/postgresql/postgresql-server postgresql-contrib}
    missing=${missing/fonts-dejavu-core/dejavu-sans-fonts}
  elif command -v pacman >/dev/null; then
    manager="pacman -S --noconfirm --needed"; missing=${missing/fonts-dejavu-core/ttf-dejavu}
  else
    fail "please install with your package manager, then start again: $missing"
  fi
  local as_root=()
  if [ "$(id -u)" != 0 ]; then
    command -v sudo >/dev/null || fail "please have an administrator run: $manager $missing"
    [ -t 0 ] || fail "please run this first, then start again: sudo $manager $missing"
    read -r -p "setup: $missing missing. Run 'sudo $manager $missing'? [y/N] " answer
    [ "$answer" = y ] || fail "nothing was installed. Missing: $missing"
    as_root=(sudo)
  fi
  say "installing $missing"
  if command -v apt-get >/dev/null; then
    # Debian starts services it installs, and makes a database cluster; these two files are how it is told not to.
    local policy=/usr/sbin/policy-rc.d cluster=/etc/postgresql-common/createcluster.d/sightpost.conf ours
    ours=$cluster
    [ -e "$policy" ] || ours="$policy $cluster"
    # shellcheck disable=SC2064
    trap "${as_root[*]} rm -f $ours" EXIT
    if [ ! -e "$policy" ]; then
      printf '#!/bin/sh\nexit 101\n' | "${as_root[@]}" tee "$policy" >/dev/null
      "${as_root[@]}" chmod +x "$policy"
    fi
    "${as_root[@]}" mkdir -p "${cluster%/*}"
    echo "create_main_cluster = off" | "${as_root[@]}" tee "$cluster" >/dev/null
    "${as_root[@]}" apt-get update -q >/dev/null || say "the package lists could not be refreshed; trying with the old ones"
  fi
  # shellcheck disable=SC2086
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive $manager $missing >/dev/null \
    || fail "$missing could not be installed: the reason stands above."
}

system_packages
python_packages
