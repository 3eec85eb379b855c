#!/bin/sh
# nginx with its Lua module, whose luajit2 cannot be installed beside luajit: all
# of it is unpacked next to the system.
. "$(dirname "$0")/report.sh"

needs curl luajit luajit-dev
build luajit

"$hosts/debian.sh" binary "$kept/nginx" nginx libnginx-mod-http-lua libnginx-mod-http-ndk \
  libluajit2-5.1-2 lua-resty-core lua-resty-lrucache || { echo | failed 'is to be had'; exit; }

root=$kept/nginx
modules=$root/usr/lib/nginx/modules
LD_LIBRARY_PATH=$(dirname "$root"/usr/lib/*/libluajit-5.1.so.2)
export LD_LIBRARY_PATH

# The libraries that these packages leave to others.
if ldd "$root/usr/sbin/nginx" "$modules"/*.so | grep -q 'not found'; then
  # shellcheck disable=SC2046 # a list of words
  "$top/spec/tools/need" $(apt-cache depends nginx libnginx-mod-http-lua |
    sed -n 's/^ *Depends: \(lib[a-z0-9.-]*\)$/deb:\1/p' | grep -v -e luajit -e nginx | sort -u)
fi

configure() {
  user=
  test "$(id -u)" -ne 0 || user="user $(id -un) $(id -gn);"
  sed -e "s|@user@|$user|; s|@modules@|$modules|; s|@top@|$top|g; s|@hosts@|$hosts|" \
    -e "s|@lua@|$root/usr/share/lua/5.1|; s|@folder@|$tmp|; s|@port@|$1|" \
    "$hosts/nginx.conf" > "$tmp/nginx.conf"
}

get() { curl -sS --fail "http://127.0.0.1:$port/$1"; }

# A port that nobody uses: nginx itself tells, by coming up.
start() {
  for _ in 1 2 3 4 5 6 7 8 9 10; do
    port=$((20000 + $(od -An -N2 -tu2 /dev/urandom) % 20000))
    configure "$port"
    "$root/usr/sbin/nginx" -e stderr -p "$tmp" -c "$tmp/nginx.conf" > "$tmp/log" 2>&1 &
    master=$!
    for _ in 1 2 3 4 5 6 7 8 9 10; do
      sleep 0.3
      kill -0 "$master" 2> /dev/null || break
      get openresty > /dev/null 2>&1 && return
    done
    kill "$master" 2> /dev/null || true
    grep -q 'Address already in use' "$tmp/log" || return 1
  done
  return 1
}

# Numbers $1 to $2 are asked for by eight clients at once; replies go to
# $tmp/reply.*, in each client's order.
clients='1 2 3 4 5 6 7 8'
request() {
  each=$((($2 - $1 + 1) / 8))
  running=
  for client in $clients; do
    first=$(($1 + (client - 1) * each))
    get "tensor?n=[$first-$((first + each - 1))]" > "$tmp/reply.$client" &
    running="$running $!"
  done
  for pid in $running; do wait "$pid"; done
}

# What plain LuaJIT answers to all of them.
expect() {
  "$top/spec/tools/lua" luajit -e 'local answer = require "spec.hosts.nginx"
    for n = tonumber(arg[1]), tonumber(arg[2]) do io.write(answer(n)) end' /dev/null "$1" "$2"
}

workers() { sed -n 's/^worker //p' "$tmp"/reply.* | sort -u; }

# Kilobytes of memory of all workers together, without garbage. Connections find
# their worker by chance, so there are many.
resident() {
  for _ in $(seq 64); do get memory; done |
    awk '{ of[$1] = $2 } END { for (worker in of) sum += of[worker]; print sum }'
}

start || { failed 'starts' < "$tmp/log"; exit; }
trap 'kill "$master" 2> /dev/null; wait; rm -rf "$tmp"' EXIT

echo true > "$tmp/true"
prints 'has the LuaJIT of OpenResty' "$tmp/true" get openresty
prints 'runs the example' "$example" get example

request 1 2000
before=$(resident)
request 2001 12000
after=$(resident)

expect 2001 12000 > "$tmp/expected"
for client in $clients; do cat "$tmp/reply.$client"; done | grep -v '^worker ' > "$tmp/replies"
holds 'answers 10,000 requests as plain LuaJIT does' cmp "$tmp/expected" "$tmp/replies"

count=$(workers | wc -l)
holds "does so by four workers" test "$count" -eq 4

# A leak of 100 bytes a request would show.
echo "memory of the workers: $before KiB after 2,000 requests, $after KiB after 12,000"
holds 'needs no more memory for it' test "$after" -le $((before + 1000))

grep -v -e '^$' -e 'signal process' "$tmp/log" > "$tmp/complaints" || true
holds 'complains of nothing' test ! -s "$tmp/complaints"
