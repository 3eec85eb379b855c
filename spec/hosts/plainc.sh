#!/bin/sh
# The module as C99 alone allows it, without a call of any operating system.
. "$(dirname "$0")/report.sh"
cd "$tmp"

needs luajit luajit-dev lua5.4 lua5.4-dev
echo 'io.write(dofile(arg[1])(arg[2]))' > run.lua

for lua in luajit lua5.4; do
  build "hosts/plainc/$lua" CFLAGS='-O2 -DIDN_PLAINC -Werror=implicit-function-declaration'
  prints "$lua runs the example" "$example" "$lua" run.lua "$hosts/check.lua" "$tmp"
done
