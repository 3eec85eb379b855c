#!/bin/sh
# A C program that opens and closes 1,000 Lua states on 8 threads; and fewer of
# them under the sanitizers that watch threads and memory.
. "$(dirname "$0")/report.sh"

for thread in 1 2 3 4 5 6 7 8; do mkdir "$tmp/$thread"; done

needs gcc pkg-config luajit-dev lua5.4-dev

# states COUNT LUA KIND FLAG...: compiled with these flags, prints nothing.
states() {
  count=$1 lua=$2 kind=$3
  shift 3
  build "hosts/$kind/$lua" CC=gcc CFLAGS="-O1 -g $*"
  # shellcheck disable=SC2046 # lists of options
  gcc -std=c99 -O1 -g "$@" $(pkg-config --cflags "$lua") -o "$tmp/threads" "$hosts/threads.c" \
    $(pkg-config --libs "$lua") -pthread
  "$tmp/threads" "$count" 8 "$tmp" "$hosts/check.lua" "$example"
}

: > "$tmp/nothing"

# The loader of modules has a lock that ThreadSanitizer does not see.
echo 'race:ld-linux' > "$tmp/suppressions"
export TSAN_OPTIONS="halt_on_error=1 suppressions=$tmp/suppressions"

for lua in luajit lua5.4; do
  prints "1,000 states of $lua" "$tmp/nothing" states 1000 "$lua" plain
  prints "200 states of $lua under ThreadSanitizer" "$tmp/nothing" \
    states 200 "$lua" tsan -fsanitize=thread
  prints "200 states of $lua under AddressSanitizer" "$tmp/nothing" \
    states 200 "$lua" asan -fno-omit-frame-pointer -fsanitize=address,undefined \
    -fno-sanitize-recover=all
done
