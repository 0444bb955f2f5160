#!/bin/sh
# Puts a release of Sluice into /opt/sluice-VERSION and makes /opt/sluice point to it. Starts nothing.
# Run by cloud-init on the first boot, and by hand for an upgrade.
#
#   sluice-install VERSION URL SHA256
set -eu
[ $# = 3 ] || { echo "usage: sluice-install VERSION URL SHA256" >&2 && exit 2; }
version=$1 url=$2 sha256=$3
target=/opt/sluice-$version

if [ ! -d "$target" ]; then
  # Beside the target, so that it appears whole or not at all.
  work=$(mktemp --directory --tmpdir=/opt --suffix=.sluice)
  trap 'rm -rf "$work"' EXIT
  if command -v curl > /dev/null; then
    curl --fail --silent --show-error --location --retry 5 --retry-connrefused --output "$work/release" "$url"
  else
    wget --no-verbose --tries=5 --output-document="$work/release" "$url"
  fi
  echo "$sha256  $work/release" | sha256sum --check --strict --quiet
  mkdir "$work/tree"
  tar --extract --gzip --no-same-owner --strip-components=1 --directory="$work/tree" --file="$work/release"
  chmod 755 "$work/tree"
  mv "$work/tree" "$target"
fi
ln --symbolic --force --no-dereference "$target" /opt/sluice
echo "/opt/sluice is now version $version"
