#!/bin/sh
# npm run package: OUT/sluice-VERSION-linux-x64.tar.gz and its .sha256. One commit makes the same bytes each time.
#
#   infra/package/build.sh [OUT]     default: dist
#
# In it: the program, what it needs of node_modules, the built dashboard, the docs, and a Node.
set -eu
umask 022
cd "$(dirname "$0")/../.."
PATH=$PWD/node_modules/.bin:$PATH
out=${1:-dist}
platform=linux-x64

# The time that all files get: what reproducible builds ask for, else that of the commit.
epoch=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct)}
commit=$(git rev-parse HEAD)
[ -z "$(git status --porcelain)" ] || commit="$commit and changes"
version=$(node -p 'require("./package.json").version')
name=sluice-$version-$platform

npm run --silent build:dashboard
[ -f dashboard/dist/index.html ] || { echo "package: the dashboard is not built" >&2 && exit 1; }

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
tree=$work/$name
mkdir -p "$tree/runtime/bin" "$out"

# New files count too, ignored ones never.
git ls-files -z --cached --others --exclude-standard -- \
  package.json LICENSE README.md CHANGELOG.md ARCHITECTURE.md docs bin/sluice \
  infra/systemd infra/operations infra/monitoring \
  protocol batcher upstream gateway fleet telemetry status sandbox |
  tar --create --null --files-from=- | tar --extract --directory="$tree"
mkdir -p "$tree/dashboard"
cp -R dashboard/dist "$tree/dashboard/dist"
install -m 755 infra/package/install.sh "$tree/bin/sluice-install"

# No install script runs: all native parts come built. The machine that builds need not be the one that runs.
cp package-lock.json "$tree"
(cd "$tree" && npm ci --omit=dev --ignore-scripts --no-audit --no-fund --silent --os=linux --cpu=x64 --libc=glibc)
modules=$tree/node_modules
mv "$modules/node-$platform/bin/node" "$tree/runtime/bin/node"
node infra/package/licences.ts "$tree" node_modules > "$tree/THIRD-PARTY-LICENCES.txt"

# What no program reads: the rest of Node's package, command links, sources and types of libraries.
rm -rf "$modules/node-$platform" "$modules/.bin" "$modules/.package-lock.json" "$tree/package-lock.json"
# Node runs no TypeScript below node_modules.
find "$modules" -type f \( -name '*.ts' -o -name '*.mts' -o -name '*.cts' -o -name '*.map' -o -name '*.md' \
  -o -name '*.musl.node' \) -delete
find "$modules" -mindepth 2 -maxdepth 3 -type d \( -name test -o -name tests -o -name docs -o -name benchmark \
  -o -name benchmarks -o -name examples -o -name .github \) -exec rm -rf {} +
find "$modules" -type d -empty -delete

printf 'sluice %s\ncommit %s\nnode %s\n' "$version" "$commit" "$("$tree/runtime/bin/node" --version)" \
  > "$tree/VERSION"

tar --create --directory="$work" --format=gnu --sort=name --mtime="@$epoch" --owner=0 --group=0 \
  --numeric-owner --mode=u=rwX,go=rX "$name" | gzip --no-name -9 > "$work/$name.tar.gz"
(cd "$work" && sha256sum "$name.tar.gz" > "$name.tar.gz.sha256")
mv "$work/$name.tar.gz" "$work/$name.tar.gz.sha256" "$out/"
echo "$out/$name.tar.gz"
