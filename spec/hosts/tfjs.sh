#!/bin/sh
# TensorFlow.js: Keras' layers with idinit's weights, and a network from npm that a
# Lua script grows.
. "$(dirname "$0")/report.sh"
. "$hosts/npm.sh"

needs luajit luajit-dev
build luajit
export LUA_PATH="$LUA_PATH;$top/?.lua"

npm_packages @tensorflow/tfjs@4 @vladmandic/face-api@1 ||
  { skipped 'is not to be had from npm'; exit; }

node_check keras 'passes every signal unchanged by the weights that the README names'
node_check face 'detects faces with a grown network as with the one in its package'
