#!/bin/sh
# Hands the clients of the old nodes (blue) to new ones (green) that stand behind the same load balancer:
#
#   blue-green.sh [--token-file FILE] [--settle SECONDS] [--timeout SECONDS]
#     --green http://10.0.1.21:9091 http://10.0.1.22:9091      health addresses of the new nodes
#     --blue  http://10.0.1.11:9090 http://10.0.1.12:9090      admin addresses of the old nodes
#
# 1. waits until /readyz of every green node says 200
# 2. waits --settle seconds (default 15): longer than the load balancer needs to take a node in
# 3. for each blue node in turn: POST /drain, then waits until its last connection is gone
#
# --timeout (default 120) is for each of these waits, and must be longer than drain.timeout of the nodes.
# --token-file holds the token of admin.auth, where there is one. Needs curl, nothing else.
#
# Exit codes: 0, and blue can be removed. 1: it says what went wrong and how to go back. 2: wrong arguments.
set -eu

settle=15
timeout=120
token_file=
green=
blue=

usage() {
  echo "blue-green.sh: $1; see the head of this file" >&2
  exit 2
}

seconds() {
  case $2 in
    '' | *[!0-9]*) usage "$1 wants whole seconds, not '$2'" ;;
  esac
}

list=
while [ $# -gt 0 ]; do
  case $1 in
    --green | --blue) list=${1#--} ;;
    --token-file | --settle | --timeout)
      [ $# -ge 2 ] || usage "$1 wants a value"
      case $1 in
        --token-file) token_file=$2 ;;
        --settle) seconds "$1" "$2" && settle=$2 ;;
        --timeout) seconds "$1" "$2" && timeout=$2 ;;
      esac
      list=
      shift
      ;;
    http://* | https://*)
      case $list in
        green) green="$green ${1%/}" ;;
        blue) blue="$blue ${1%/}" ;;
        *) usage "$1 is neither behind --green nor behind --blue" ;;
      esac
      ;;
    *) usage "'$1' is no option and no http address" ;;
  esac
  shift
done
[ -n "$green" ] || usage 'no --green node'
[ -n "$blue" ] || usage 'no --blue node'
command -v curl > /dev/null || { echo 'blue-green.sh: curl is not there' >&2 && exit 1; }

umask 077
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 1' INT TERM
# From a file: arguments can be read by every user of the machine.
: > "$work/header"
if [ -n "$token_file" ]; then
  [ -r "$token_file" ] || { echo "blue-green.sh: $token_file cannot be read" >&2 && exit 1; }
  printf 'Authorization: Bearer %s\n' "$(cat "$token_file")" > "$work/header"
fi

# Prints the status, 000 when nobody answers; the answer is in $work/body.
ask() {
  curl -s -o "$work/body" -w '%{http_code}' --max-time 10 -H "@$work/header" -X "$1" "$2" || true
}

say() { echo "$(date +%H:%M:%S) $*"; }

# What happened, then what is to be done.
give_up() {
  say "FAILED: $1"
  echo "$2"
  exit 1
} >&2

now() { date +%s; }

wait_ready() {
  until_s=$(($(now) + timeout))
  while status=$(ask GET "$1/readyz") && [ "$status" != 200 ]; do
    [ "$(now)" -lt $until_s ] || give_up "$1/readyz says $status after $timeout s" "$2"
    sleep 1
  done
}

drain() {
  until_s=$(($(now) + timeout))
  say "draining $1"
  while :; do
    # To ask again is harmless: a drain under way goes on, and the answer says how far it is.
    status=$(ask POST "$1/drain")
    case $status in
      200) ! grep -q '"drained":true' "$work/body" || break ;;
      000 | 409 | 5??) ;;
      *) give_up "$1/drain says $status: $(head -c 300 "$work/body")" "$2" ;;
    esac
    [ "$(now)" -lt $until_s ] || give_up "$1 is not drained after $timeout s (last answer: $status)" "$2"
    sleep 1
  done
  say "drained  $1"
}

for node in $green; do
  wait_ready "$node" 'Nothing has changed: blue serves as before. Mend or remove green, and start again.'
  say "ready    $node"
done
say "waiting $settle s for the load balancer"
sleep "$settle"
for node in $green; do
  wait_ready "$node" 'Nothing has changed: blue serves as before. Mend or remove green, and start again.'
done
drained=
for node in $blue; do
  drain "$node" "Green serves. To go back:$(for each in $drained $node; do
    printf '\n  curl -X POST %s/undrain' "$each"
  done)"
  drained="$drained $node"
done
say 'all blue nodes are drained: stop and remove them'
