#!/bin/sh
# Windows: MinGW compiles the module, and Lua as Wine runs it the example. No
# package has a Lua for Windows, so two are made of Debian's sources.
. "$(dirname "$0")/report.sh"

needs mingw luajit-dev lua5.1-dev lua5.2-dev lua5.3-dev lua5.4-dev
holds 'compiles without a warning' make -s -C "$top" windows

exports() {
  x86_64-w64-mingw32-objdump -p "$top/build/windows/$1/idinit/core.dll" |
    sed -n 's/^.*\[ *[0-9]*\].* \([A-Za-z_]*\)$/\1/p' | grep -v '\.dll$' | grep '^luaopen\|^idn'
}
echo luaopen_idinit_core > "$tmp/exports"
prints 'exports nothing but luaopen_idinit_core' "$tmp/exports" exports luajit

if test "$(uname -m)" != x86_64; then
  skipped 'runs the example: Wine runs programs of this machine only'
  exit
fi
needs wine

# A folder with luajit.exe and lua51.dll, or lua.exe and lua54.dll. Its caller
# runs it where errors do not end it.
makelua() {
  test ! -d "$kept/$1-windows" || return 0
  "$hosts/debian.sh" source "$kept/$1-source" "$1" && cd "$kept/$1-source" || return 1
  case $1 in
    luajit) make -j2 HOST_CC=gcc CROSS=x86_64-w64-mingw32- TARGET_SYS=Windows ;;
    lua5.4) make -C src mingw CC='x86_64-w64-mingw32-gcc -std=gnu99' \
      AR='x86_64-w64-mingw32-ar rcu' RANLIB=x86_64-w64-mingw32-ranlib ;;
  esac || return 1
  rm -rf new && mkdir new && cp src/*.exe src/*.dll new && mv new "$kept/$1-windows"
}

PATH=$PATH:/usr/lib/wine
export WINEPREFIX="$kept/wine" WINEDEBUG=-all WINEDLLOVERRIDES='mscoree,mshtml='
wine64 cmd /c exit > "$tmp/wine" 2>&1 || { failed 'runs programs' < "$tmp/wine"; exit; }

echo 'io.stdout:setvbuf "full" io.write((dofile(arg[1])(arg[2])))' > "$tmp/run.lua"

run() {
  (
    cd "$tmp" # where a relative path is the same in both worlds
    export LUA_PATH="Z:$top/lua/?.lua;Z:$top/lua/?/init.lua" LUA_CPATH="Z:$top/build/windows/$1/?.dll"
    wine64 "$kept/$1-windows/$2" run.lua "Z:$hosts/check.lua" . | tr -d '\r'
  )
}

for lua in luajit lua5.4; do
  if (makelua "$lua") > "$tmp/make" 2>&1; then
    prints "$lua runs the example" "$example" run "$lua" "${lua%5.4}.exe"
  else
    tail -n 20 "$tmp/make" | failed "$lua is compiled"
  fi
done
wineserver -k || true
