#include "storage.h"

#include <stdlib.h>
#include <string.h>

/* A collection costs what the live Lua heap costs to mark, so the garbage that
   may pile up before it is a multiple of that heap: SMALLHEAPS of it, by which
   collections cost less than the tensors, up to CEILING bytes, and HEAPS of a
   larger one. Below stands a floor: a lower one would keep the buffers in the
   cache, a higher one collect less often. */
#define FLOOR ((size_t)4 << 20)
#define SMALLHEAPS 32
#define CEILING ((size_t)64 << 20)
#define HEAPS 4

/* A block is used again, and cleared for it, up to this size; above, fresh
   pages are cheaper, and come when they are used. */
#define CLEARABLE ((size_t)1 << 20)

/* The elements start on a cache line of their own. */
#define HEADER ((sizeof(idn_block) + 63) / 64 * 64)

struct idn_heap {
  uintptr_t tag;    /* ~idn_tag(this), which is no tensor's */
  size_t held;      /* bytes in blocks that tensors own, or count for */
  size_t live;      /* what was held after the last collection */
  size_t trigger;   /* `held` that starts the next one */
  size_t wanted;    /* during a collection, the size that it is run for */
  idn_block *spare; /* blocks that it freed, all of that size */
};

struct idn_block {
  idn_heap *heap;
  size_t bytes;
  size_t owners; /* tensors that share it */
  idn_block *next;
};

const char idn_mark = 'i';

float *idn_blockdata(idn_block *block) {
  return (float *)(void *)((char *)block + HEADER);
}

static void freespares(idn_heap *heap) {
  while (heap->spare) {
    idn_block *block = heap->spare;
    heap->spare = block->next;
    free(block);
  }
}

/* Tensors may outlive this when a state is closed, and then free their blocks
   themselves. */
static int closeheap(lua_State *L) {
  idn_heap *heap = lua_touserdata(L, 1);
  if (heap && lua_rawlen(L, 1) == sizeof *heap && heap->tag == ~idn_tag(heap))
    freespares(heap);
  return 0;
}

void idn_pushheap(lua_State *L) {
  idn_heap *heap = lua_newuserdata(L, sizeof *heap);
  memset(heap, 0, sizeof *heap);
  heap->tag = ~idn_tag(heap);
  lua_newtable(L);
  lua_pushcfunction(L, closeheap);
  lua_setfield(L, -2, "__gc");
  lua_setmetatable(L, -2);
  lua_pushvalue(L, -1); /* blocks point to it, so it lives as long as L */
  luaL_ref(L, LUA_REGISTRYINDEX);
}

static size_t most(size_t a, size_t b) { return a > b ? a : b; }

/* Garbage that may pile up beside `live` bytes. */
static size_t allowance(lua_State *L, size_t live) {
  size_t heap = (size_t)lua_gc(L, LUA_GCCOUNT, 0) << 10;
  size_t small = heap < CEILING / SMALLHEAPS ? SMALLHEAPS * heap : CEILING;
  size_t large = heap < SIZE_MAX / HEAPS ? HEAPS * heap : SIZE_MAX / 2;
  return most(most(FLOOR, live), most(small, large));
}

static int fullcollection(lua_State *L) {
  lua_gc(L, LUA_GCCOLLECT, 0);
  return 0;
}

/* Collects if the bytes held exceed what the Lua heap, as it is now, allows.
   Blocks of the size that is wanted are kept for it: giving pages back only to
   fault them in again is what would cost most. Finalizers run, which may raise,
   or make tensors themselves. */
static void collect(lua_State *L, idn_heap *heap, size_t bytes) {
  if (heap->wanted || !idn_gcrunning(L)) return;
  heap->trigger = heap->live + allowance(L, heap->live);
  if (heap->held < heap->trigger) return;
  freespares(heap);
  lua_pushcfunction(L, fullcollection); /* may raise on some Luas */
  heap->wanted = bytes;
  int status = lua_pcall(L, 0, 0, 0);
  heap->wanted = 0;
  heap->live = heap->held;
  heap->trigger = heap->live + allowance(L, heap->live);
  if (status != 0) lua_error(L);
}

/* A spare block of that size, or NULL. */
static idn_block *takespare(idn_heap *heap, size_t bytes, int zeroed) {
  idn_block *block = heap->spare;
  if (!block || block->bytes != bytes) return NULL;
  heap->spare = block->next;
  if (zeroed) memset(idn_blockdata(block), 0, bytes);
  return block;
}

static idn_block *allocate(size_t bytes, int zeroed) {
  return zeroed ? calloc(1, HEADER + bytes) : malloc(HEADER + bytes);
}

idn_block *idn_newblock(lua_State *L, idn_heap *heap, size_t bytes,
                        int zeroed) {
  if (bytes > SIZE_MAX - HEADER) return NULL;
  if (heap->held >= heap->trigger) collect(L, heap, bytes);
  idn_block *block = takespare(heap, bytes, zeroed);
  if (!block) block = allocate(bytes, zeroed);
  if (!block && (heap->held > 0 || heap->spare)) {
    freespares(heap);
    if (idn_gcrunning(L)) lua_gc(L, LUA_GCCOLLECT, 0);
    block = allocate(bytes, zeroed);
  }
  if (!block) return NULL;
  block->heap = heap;
  block->bytes = bytes;
  block->owners = 1;
  heap->held += bytes;
  return block;
}

void idn_makeroom(lua_State *L, const idn_block *block) {
  idn_heap *heap = block->heap;
  if (heap->held >= heap->trigger) collect(L, heap, block->bytes);
}

void idn_shareblock(idn_block *block) {
  block->owners++;
  block->heap->held += IDN_OWNERBYTES;
}

void idn_dropblock(idn_block *block) {
  idn_heap *heap = block->heap;
  if (--block->owners > 0) {
    heap->held -= IDN_OWNERBYTES;
    return;
  }
  heap->held -= block->bytes;
  if (block->bytes == heap->wanted && block->bytes <= CLEARABLE) {
    block->next = heap->spare;
    heap->spare = block;
  } else {
    free(block);
    if (heap->wanted == 0) freespares(heap); /* Lua collects by itself */
  }
}
