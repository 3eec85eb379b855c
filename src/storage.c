#include "storage.h"

#include <stdlib.h>

/* A collection costs what the live Lua heap costs to mark, so the garbage that
   may pile up before it is a multiple of that heap; below it stands a floor,
   so that a small heap is not collected for every few tensors. Measured by
   spec/bench: a lower floor keeps buffers in the cache, a higher one calls the
   collector less often. */
#define FLOOR ((size_t)8 << 20)
#define HEAPS 3

/* The elements start on a cache line of their own. */
#define HEADER 64

uintptr_t idn_tag(const void *p) {
  static const char mark = 'i'; /* only its address counts */
  return (uintptr_t)&mark ^ (uintptr_t)p;
}

void idn_pushheap(lua_State *L) {
  idn_heap *heap = lua_newuserdata(L, sizeof *heap);
  heap->tag = idn_tag(heap);
  heap->held = heap->live = heap->trigger = 0;
}

float *idn_blockdata(idn_block *block) {
  return (float *)(void *)((char *)block + HEADER);
}

/* Garbage that may pile up beside `live` bytes. */
static size_t allowance(lua_State *L, size_t live) {
  size_t heap = (size_t)lua_gc(L, LUA_GCCOUNT, 0) << 10;
  size_t least = heap < SIZE_MAX / HEAPS ? HEAPS * heap : SIZE_MAX / 2;
  if (least < FLOOR) least = FLOOR;
  return live > least ? live : least;
}

/* The Lua heap may have grown since the trigger was set: a full collection is
   run only if the bytes still exceed what such a heap allows. */
static void collect(lua_State *L, idn_heap *heap) {
  heap->trigger = heap->live + allowance(L, heap->live);
  if (heap->held < heap->trigger) return;
  if (idn_gcrunning(L)) lua_gc(L, LUA_GCCOLLECT, 0);
  heap->live = heap->held;
  heap->trigger = heap->live + allowance(L, heap->live);
}

idn_block *idn_newblock(lua_State *L, idn_heap *heap, size_t bytes) {
  if (bytes > SIZE_MAX - HEADER) return NULL;
  if (heap->held >= heap->trigger) collect(L, heap);
  idn_block *block = calloc(1, HEADER + bytes);
  if (!block && heap->held > 0) {
    lua_gc(L, LUA_GCCOLLECT, 0);
    block = calloc(1, HEADER + bytes);
  }
  if (!block) return NULL;
  block->heap = heap;
  block->bytes = bytes;
  block->owners = 1;
  heap->held += bytes;
  return block;
}

void idn_dropblock(idn_block *block) {
  if (--block->owners > 0) return;
  block->heap->held -= block->bytes;
  free(block);
}
