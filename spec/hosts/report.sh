# shellcheck shell=sh
# What the scripts of hosts have in common; they source it.
#
# A host is its script's name, a fact a few words on what it does. Each fact is
# reported in a line "ok HOST: FACT", "failed ..." or "skipped ...".
set -eu

host=$(basename "$0" .sh)
hosts=$(cd "$(dirname "$0")" && pwd)
top=$(cd "$hosts/../.." && pwd)
example=$hosts/example.txt

# What is downloaded or takes long to make is kept.
kept=$top/build/hosts
mkdir -p "$kept"
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

unset LUA_INIT MAKEFLAGS MAKELEVEL
for version in 2 3 4; do
  unset "LUA_PATH_5_$version" "LUA_CPATH_5_$version" "LUA_INIT_5_$version"
done

needs() { "$top/spec/tools/need" cc "$@"; }

# Makes build/KIND/idinit/core.so, and has the Lua in the host find modules:
#   build KIND [SETTING...]
build() {
  kind=$1
  shift
  make -s -C "$top" "$@" "build/$kind/idinit/core.so"
  export LUA_PATH="$top/lua/?.lua;$top/lua/?/init.lua;;"
  export LUA_CPATH="$top/build/$kind/?.so;;"
}

ok() { echo "ok $host: $*"; }
skipped() { echo "skipped $host: $*"; }

# The lines on the standard input tell why.
failed() {
  echo "failed $host: $*"
  sed 's/^/  | /'
}

# holds FACT COMMAND...: the command succeeds.
holds() {
  fact=$1
  shift
  if "$@" > "$tmp/output" 2>&1; then ok "$fact"; else failed "$fact" < "$tmp/output"; fi
}

# prints FACT FILE COMMAND...: likewise, and prints what the file holds and
# nothing else.
prints() {
  fact=$1 expected=$2
  shift 2
  "$@" > "$tmp/output" 2>&1 || echo "(status $?)" >> "$tmp/output"
  if cmp -s "$expected" "$tmp/output"; then
    ok "$fact"
  else
    diff "$expected" "$tmp/output" | head -n 40 | failed "$fact"
  fi
}
