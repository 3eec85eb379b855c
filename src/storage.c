#include "storage.h"

#include <stdlib.h>
#include <string.h>

/* How much garbage may pile up before a full collection is run:

     max(FLOOR, bytes that were live after the last one, HEAPS * Lua heap)

   A collection takes as long as marking the Lua heap, and so it is worth more
   garbage where that is large. FLOOR is about what a processor's cache holds:
   memory that is written again while it lies there costs a third. */
#define FLOOR ((size_t)4 << 20)
#define HEAPS 4

/* Freed blocks of the size that was made last are kept for the next tensors of
   that size: giving pages back only to fault them in again is what would cost
   most. All of them are freed when a cycle of the collector has made less than
   QUIET bytes, or when blocks of another size are kept. Those larger than
   LARGEST never are: fresh pages need no clearing, and come when they are
   used. */
#define LARGEST ((size_t)32 << 20)
#define QUIET (FLOOR / 16)

/* The elements start on a cache line of their own. */
#define HEADER ((sizeof(idn_block) + 63) / 64 * 64)

struct idn_heap {
  size_t held;      /* bytes in blocks that tensors own, or count for */
  size_t live;      /* what was held after the last collection */
  size_t trigger;   /* `held` that starts the next one */
  int collecting;   /* it runs */
  size_t made;      /* bytes made in this cycle of the collector */
  size_t size;      /* the size that was made last */
  idn_block *spare; /* the blocks that are kept, all of one size */
  int watched;      /* a userdata waits for the end of the cycle */
  int closed;       /* the state is being closed */
  int reference;    /* this, in the registry */
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

/* -- Cycles of the collector ---------------------------------------------- */

static void freespares(idn_heap *heap) {
  while (heap->spare) {
    idn_block *block = heap->spare;
    heap->spare = block->next;
    free(block);
  }
}

typedef struct watcher {
  idn_heap *heap;
} watcher;

/* Makes garbage whose finalizer tells that a cycle has come to its end. */
static void watch(lua_State *L, idn_heap *heap) {
  watcher *w = lua_newuserdata(L, sizeof *w);
  w->heap = heap;
  lua_rawgeti(L, LUA_REGISTRYINDEX, heap->reference);
  lua_getmetatable(L, -1);
  lua_setmetatable(L, -3);
  lua_pop(L, 2);
  heap->watched = 1;
}

/* The finalizer of what watch made, and of the heap itself when its state is
   closed. Tensors may outlive the heap then, and free their blocks
   themselves. */
static int finalize(lua_State *L) {
  idn_heap *heap = lua_touserdata(L, 1);
  if (lua_rawlen(L, 1) == sizeof *heap) {
    heap->closed = 1;
    freespares(heap);
    return 0;
  }
  heap = ((watcher *)lua_touserdata(L, 1))->heap;
  if (heap->made < QUIET) freespares(heap);
  heap->made = 0;
  heap->watched = 0;
  if (!heap->closed) watch(L, heap);
  return 0;
}

void idn_pushheap(lua_State *L) {
  idn_heap *heap = lua_newuserdata(L, sizeof *heap);
  memset(heap, 0, sizeof *heap);
  lua_newtable(L);
  lua_pushcfunction(L, finalize);
  lua_setfield(L, -2, "__gc");
  lua_setmetatable(L, -2);
  lua_pushvalue(L, -1); /* blocks point to it, so it lives as long as L */
  heap->reference = luaL_ref(L, LUA_REGISTRYINDEX);
}

/* -- When to collect ------------------------------------------------------ */

/* What may be held before the next collection. */
static size_t limit(lua_State *L, const idn_heap *heap) {
  uint64_t lua = (uint64_t)lua_gc(L, LUA_GCCOUNT, 0) << 10, garbage = FLOOR;
  if (garbage < heap->live) garbage = heap->live;
  if (garbage < HEAPS * lua) garbage = HEAPS * lua;
  garbage += heap->live; /* which 32 bits may not hold */
  return garbage < SIZE_MAX ? (size_t)garbage : SIZE_MAX;
}

/* A cycle that was under way may find too little. */
static int fullcollection(lua_State *L) {
  const idn_heap *heap = lua_touserdata(L, 1);
  if (idn_finishcycle(L) && heap->held < heap->trigger) return 0;
  lua_gc(L, LUA_GCCOLLECT, 0);
  return 0;
}

/* Collects if the bytes held exceed what the Lua heap, as it is now, allows.
   Finalizers run, which may raise, or make tensors themselves. */
static void collect(lua_State *L, idn_heap *heap) {
  if (heap->collecting || !idn_gcrunning(L)) return;
  heap->trigger = limit(L, heap);
  if (heap->held < heap->trigger) return;
  lua_pushcfunction(L, fullcollection); /* may raise on some Luas */
  lua_pushlightuserdata(L, heap);
  heap->collecting = 1;
  int status = lua_pcall(L, 1, 0, 0);
  heap->collecting = 0;
  heap->live = heap->held;
  heap->trigger = limit(L, heap);
  if (status != 0) lua_error(L);
}

/* -- Blocks --------------------------------------------------------------- */

static idn_block *makeblock(idn_heap *heap, size_t bytes, int zeroed) {
  idn_block *block = heap->spare;
  if (block && block->bytes == bytes) {
    heap->spare = block->next;
    if (zeroed) memset(idn_blockdata(block), 0, bytes);
    return block;
  }
  return zeroed ? calloc(1, HEADER + bytes) : malloc(HEADER + bytes);
}

idn_block *idn_newblock(lua_State *L, idn_heap *heap, size_t bytes,
                        int zeroed) {
  if (bytes > SIZE_MAX - HEADER) return NULL;
  heap->size = bytes;
  if (!heap->watched) watch(L, heap);
  if (heap->held >= heap->trigger) collect(L, heap);
  idn_block *block = makeblock(heap, bytes, zeroed);
  if (!block) {
    if (idn_gcrunning(L)) lua_gc(L, LUA_GCCOLLECT, 0);
    freespares(heap);
    block = makeblock(heap, bytes, zeroed);
  }
  if (!block) return NULL;
  block->heap = heap;
  block->bytes = bytes;
  block->owners = 1;
  heap->held += bytes;
  heap->made += bytes;
  return block;
}

/* Elsewhere it waits for the next block: a view comes soon after its tensor,
   and would have the collector take that for live. */
void idn_makeroom(lua_State *L, const idn_block *block) {
  if (IDN_OWNERBYTES > 0 && block->heap->held >= block->heap->trigger)
    collect(L, block->heap);
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
  if (block->bytes != heap->size || block->bytes > LARGEST || heap->closed) {
    free(block);
    return;
  }
  if (heap->spare && heap->spare->bytes != block->bytes) freespares(heap);
  block->next = heap->spare;
  heap->spare = block;
}
