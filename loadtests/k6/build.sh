#!/bin/sh
# Builds k6 with the module in build/, once per content of its sources, and prints the program's path.
# Go and its module proxy are all it needs; GO names another go than that of PATH.
set -eu
cd "$(dirname "$0")/build"
root=$(cd ../../.. && pwd)
cache=$root/.cache/k6
sources=$(cat go.mod go.sum main.go sluice/*.go | sha256sum | cut -c 1-16)
program=$cache/k6-$sources
if [ ! -x "$program" ]; then
  go=${GO:-go}
  # Where bin/setup puts one, if the system has none.
  command -v "$go" > /dev/null || go=$root/.cache/python/bin/go
  command -v "$go" > /dev/null || { echo 'build.sh: please install Go 1.26 or newer: bin/setup go' >&2 && exit 1; }
  mkdir -p "$cache"
  part=$program.part-$$
  CGO_ENABLED=0 GOTOOLCHAIN=local "$go" build -mod=readonly -trimpath -ldflags '-s -w' -o "$part" . >&2
  mv "$part" "$program"
  # Those of older sources.
  find "$cache" -name 'k6-*' ! -name "k6-$sources*" -mmin +60 -delete
fi
echo "$program"
