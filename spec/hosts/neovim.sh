#!/bin/sh
# Neovim without a screen. It finds the Lua files as those of a plugin: in the
# folder lua/ of its runtime path.
. "$(dirname "$0")/report.sh"
cd "$tmp"

needs nvim luajit-dev lua5.1-dev
build luajit
build lua5.1 # which Neovim has where LuaJIT does not run

nvim() {
  env -u LUA_PATH -u LUA_CPATH HOME="$tmp" IDINIT_HOST="$1" IDINIT_TOP="$top" \
    nvim --clean --headless -n \
    --cmd 'lua vim.opt.runtimepath:prepend(vim.env.IDINIT_TOP)' \
    -c "luafile $hosts/neovim.lua" -c 'quitall!'
}

prints 'runs the example' "$example" nvim main
prints 'runs it in threads, too' "$example" nvim thread
prints 'shows a tensor in a buffer' "$example" nvim buffer
