#!/bin/sh
# LÖVE without a window or sound.
. "$(dirname "$0")/report.sh"
cd "$tmp"

needs love luajit-dev
build luajit

# XDG_RUNTIME_DIR and HOME keep it from the user's own folders.
game() {
  SDL_VIDEODRIVER=dummy SDL_AUDIODRIVER=dummy HOME="$tmp" XDG_RUNTIME_DIR="$tmp" \
    IDINIT_HOST="$1" IDINIT_FOLDER="$tmp" love "$hosts/love"
}

mkdir thread
echo true > true.txt

prints 'runs the example' "$example" game main
prints 'runs it in a thread, too' "$example" game thread
prints 'has idinit.into fill a ByteData' true.txt game bytedata
prints 'makes an image of a tensor, without a copy of its own' true.txt game image
