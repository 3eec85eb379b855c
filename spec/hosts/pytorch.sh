#!/bin/sh
# PyTorch: layers that idinit's weights make identities, weights of its layers run
# and judged by ours, and trained networks that a Lua script grows.
. "$(dirname "$0")/report.sh"

needs luajit luajit-dev
needs numpy deb:python3-torch || { skipped 'is not to be had here'; exit; }
build luajit
export LUA_PATH="$LUA_PATH;$top/?.lua"

# run FILE FACT: a program in the folder pytorch, in a folder of its own. What it
# prints is shown: its seed, which is new in each run, and its figures.
run() {
  mkdir -p "$tmp/$1"
  FOLDER="$tmp/$1" holds "$2" /usr/bin/python3 -W ignore -B "$hosts/pytorch/$1.py"
  grep -E '^(IDINIT_SEED=|[a-z0-9, ]+: loss|[0-9]+ )' "$tmp/output" | sed "s/^/$1.py: /"
}

run identity 'passes every signal unchanged by the weights that the README names'
run none 'has no identity with an even kernel, dilation and "same", as explain says'
run initialisers 'makes the same weights by dirac_ and eye_'
run layers "gives the outputs of idinit's layers for weights of every type and order"
run explain 'agrees with explain'
run grow 'trains on what Lua has grown, which starts as it was'
