#!/usr/bin/env bash
# Install Sightpost from this checkout under /opt/sightpost and hand it to systemd. Run as root; running it again upgrades.
#   systemd/install.sh [--gateway] [--registry] [--prefix DIR] [--root DIR]
# --root writes the files below DIR and starts nothing: for images, packages and tests.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
source_tree=$(dirname "$here")
prefix=/opt/sightpost root="" gateway=no registry=no

fail() { echo "install: $*" >&2; exit 1; }
say() { echo "install: $*"; }

while [ $# -gt 0 ]; do
  case "$1" in
    --gateway) gateway=yes ;;
    --registry) registry=yes ;;
    --prefix) prefix=${2:?--prefix needs a folder}; shift ;;
    --root) root=${2:?--root needs a folder}; shift ;;
    -h|--help) sed -n '2,4s/^# \{0,1\}//p' "$0"; exit 0 ;;
    *) fail "unknown option $1 (see --help)" ;;
  esac
  shift
done
[ "$gateway$registry" = nono ] && { gateway=yes; registry=yes; }
[ -n "$root" ] || [ "$(id -u)" = 0 ] || fail "this writes to /etc and /opt: run it as root"

unit_dir=$root/etc/systemd/system
settings=$root/etc/sightpost

install_software() {
  [ -n "$root" ] && return
  command -v mosquitto >/dev/null || [ -x /usr/sbin/mosquitto ] || [ "$registry" = no ] \
    || fail "the registry needs mosquitto (on Debian: apt install mosquitto, then systemctl disable --now mosquitto)"
  python3 -c 'import sys; sys.exit(sys.version_info < (3, 11))' || fail "Python 3.11 or newer is needed"
  [ -x "$prefix/bin/python" ] || python3 -m venv "$prefix"
  say "installing the locked packages into $prefix"
  "$prefix/bin/python" -m pip install --quiet --require-hashes -r "$source_tree/requirements.lock"
  "$prefix/bin/python" -m pip install --quiet --no-deps --no-build-isolation --force-reinstall "$source_tree"
  mkdir -p "$prefix/docs" && cp -r "$source_tree/docs/." "$prefix/docs/"
}

install_settings() {  # an existing file is never touched
  install -d -m 0755 "$settings"
  for file in "$@"; do
    [ -e "$settings/$file" ] || install -m 0644 "$source_tree/config/$file" "$settings/$file"
  done
}

install_unit() {
  install -d "$unit_dir"
  sed "s#/opt/sightpost/#$prefix/#g" "$here/$1" > "$unit_dir/$1"
  chmod 0644 "$unit_dir/$1"
}

# The kernel's name of the device class behind a path: what DeviceAllow= takes.
device_classes() {
  case "$(readlink -f "$1" 2>/dev/null || echo "$1")" in
    /dev/ttyUSB*) echo char-ttyUSB ;;
    /dev/ttyACM*) echo char-ttyACM ;;
    /dev/ttyAMA*) echo char-ttyAMA ;;
    /dev/ttyS*) echo char-ttyS ;;
    /dev/video*|/dev/v4l/*) echo char-video4linux ;;
    /dev/hidraw*) echo char-hidraw ;;
    /dev/input/*) echo char-input ;;
    /dev/serial/*) printf 'char-ttyUSB\nchar-ttyACM\n' ;;  # not plugged in now, so either
  esac
}

write_devices() {
  local drop_in=$unit_dir/sightpost.service.d/devices.conf classes=""
  for path in $(sed -n 's/^[[:space:]]*url[[:space:]]*=[[:space:]]*"\(serial:\/\/\)\{0,1\}\(\/dev\/[^"?]*\).*/\2/p' "$settings/gateway.toml"); do
    classes+=$(device_classes "$path")$'\n'
  done
  classes=$(printf '%s' "$classes" | sort -u | sed '/^$/d')
  install -d "$(dirname "$drop_in")"
  {
    echo "# Written by install.sh from the readers in gateway.toml: run it again after adding a device of another kind."
    echo "[Service]"
    if [ -n "$classes" ]; then
      printf '%s\n' "$classes" | sed 's/.*/DeviceAllow=& rw/'
      echo "SupplementaryGroups=dialout video"
      echo "# Group rights on a device are those of the host."
      echo "PrivateUsers=no"
    else
      echo "PrivateDevices=yes"
    fi
  } > "$drop_in"
}

write_credentials() {  # systemd hands the file to the service alone; it may be owned by root
  local drop_in=$unit_dir/sightpost.service.d/credentials.conf
  if [ -e "$settings/credentials.json" ]; then
    printf '[Service]\nLoadCredential=gateway.json:/etc/sightpost/credentials.json\n' > "$drop_in"
  else
    rm -f "$drop_in"
  fi
}

install_software
if [ "$registry" = yes ]; then
  install_settings registry.toml
  install_unit sightpost-registry.service
fi
if [ "$gateway" = yes ]; then
  install_settings gateway.toml
  install_unit sightpost.service
  write_devices
  write_credentials
  install -d "$root/etc/udev/rules.d" && install -m 0644 "$here/60-sightpost.rules" "$root/etc/udev/rules.d/60-sightpost.rules"
fi
install -d "$root/etc/tmpfiles.d" && install -m 0644 "$here/sightpost.tmpfiles.conf" "$root/etc/tmpfiles.d/sightpost.conf"

[ -n "$root" ] && { say "files written below $root"; exit 0; }
systemctl daemon-reload
systemd-tmpfiles --create sightpost.conf
if [ "$registry" = yes ]; then systemctl enable --now sightpost-registry.service; say "the registry answers on http://127.0.0.1:8480"; fi
if [ "$gateway" = yes ]; then
  udevadm control --reload && udevadm trigger --subsystem-match=tty --subsystem-match=video4linux
  if "$prefix/bin/sightpost" check -c "$settings/gateway.toml"; then
    systemctl enable --now sightpost.service; say "the status page is on http://127.0.0.1:8470"
  else
    say "mend $settings/gateway.toml as said above, then: systemctl enable --now sightpost.service"
  fi
  [ -e "$settings/credentials.json" ] || [ -e /var/lib/sightpost/credentials.json ] || say "the gateway stores until it may speak to a registry: get a code there and run $prefix/bin/sightpost enrol CODE (docs/enrol.md)"
fi
