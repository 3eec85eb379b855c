#!/bin/sh
# Four processes of MPI, each of which makes its part of one weight.
. "$(dirname "$0")/report.sh"

needs luajit luajit-dev
needs deb:openmpi-bin || { skipped 'is not to be had here'; exit; }
build luajit

as_root=
test "$(id -u)" -ne 0 || as_root=--allow-run-as-root

shard() {
  mpirun $as_root --oversubscribe -n 4 luajit "$hosts/mpi/shard.lua" "$@" > "$tmp/ranks"
}

# Lines of "grown shard", in KiB: no rank grows by more than its shard and 16 MiB.
lean() {
  cat "$tmp/ranks"
  awk '{ bad += $1 > $2 + 16384 } END { exit bad || NR != 4 }' "$tmp/ranks"
}

mkdir "$tmp/small" "$tmp/huge"
holds 'makes a weight of 3 x 3 x 512 x 1023, a part in each rank' \
  shard "$tmp/small" 3 3 512 1023
holds 'needs no more memory than the parts' lean
holds 'joins to the whole' luajit "$hosts/mpi/join.lua" "$tmp/small" 3 3 512 1023 4
holds 'makes windows of a weight of 2^40 elements' \
  shard "$tmp/huge" 4 4 262144 262144 300
holds 'needs no more memory for these' lean
