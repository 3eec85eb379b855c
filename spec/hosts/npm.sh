# shellcheck shell=sh
# Packages of npm, for the scripts that source it after report.sh.

# npm_packages NAME@VERSION...: installs them in build, where node finds them. Fails
# where they are not to be had.
npm_packages() {
  if ! { command -v node && command -v npm; } > /dev/null; then
    needs deb:nodejs deb:npm || return 1
  fi
  NODE_PATH=$kept/npm/node_modules
  export NODE_PATH
  wanted="$*"
  test "$wanted" != "$(cat "$kept/npm/$host" 2> /dev/null)" || return 0
  mkdir -p "$kept/npm"
  npm install --silent --no-audit --no-fund --ignore-scripts --prefix "$kept/npm" "$@" || return 1
  echo "$wanted" > "$kept/npm/$host"
}

# node_check FILE FACT: a program in the folder node, in a folder of its own. What it
# prints is shown: its seed, which is new in each run, and its figures.
node_check() {
  mkdir -p "$tmp/$1"
  FOLDER="$tmp/$1" holds "$2" node "$hosts/node/$1.js"
  grep -E '^(IDINIT_SEED=|wider|[0-9]+ )' "$tmp/output" | sed "s/^/$1.js: /"
}
