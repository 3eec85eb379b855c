#!/bin/sh
# The commands luajit and lua5.1 to lua5.4.
. "$(dirname "$0")/report.sh"
cd "$tmp"

echo 'io.write(dofile(arg[1])(arg[2]))' > run.lua

for lua in luajit lua5.1 lua5.2 lua5.3 lua5.4; do
  needs "$lua" "$lua-dev"
  build "$lua"
  prints "$lua runs the example" "$example" "$lua" run.lua "$hosts/check.lua" "$tmp"
done
