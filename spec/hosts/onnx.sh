#!/bin/sh
# ONNX Runtime: operators with idinit's weights.
. "$(dirname "$0")/report.sh"
. "$hosts/npm.sh"

needs luajit luajit-dev
build luajit
export LUA_PATH="$LUA_PATH;$top/?.lua"

npm_packages onnxruntime-web@1 onnx-proto@8 || { skipped 'is not to be had from npm'; exit; }

node_check onnx 'passes every signal unchanged by the weights that the README names'
