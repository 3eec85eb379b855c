/* Blocks for the elements of large tensors, and the heap that counts their
   bytes for one Lua state and has the collector run in time. */
#ifndef IDN_STORAGE_H
#define IDN_STORAGE_H

#include <stddef.h>
#include <stdint.h>

#include "compat.h"

#pragma GCC visibility push(hidden) /* the module exports its opener alone */

typedef struct idn_heap idn_heap;
typedef struct idn_block idn_block;

/* Marks the payload at `p` as made by this module: no script can write it, and
   no other module has reason to. */
extern const char idn_mark; /* only its address counts */
static inline uintptr_t idn_tag(const void *p) {
  return (uintptr_t)&idn_mark ^ (uintptr_t)p;
}

/* Pushes the heap of a Lua state. [-0, +1] */
void idn_pushheap(lua_State *L);

/* A block of `bytes` with one owner, or NULL if there is no memory. It holds
   zeros, or anything where it need not be zeroed. May collect garbage, so it
   may raise: hold nothing across it. */
idn_block *idn_newblock(lua_State *L, idn_heap *heap, size_t bytes, int zeroed);

float *idn_blockdata(idn_block *block);

/* Has the collector run if it is time, before one more shares the block, where
   that counts for bytes. May raise. */
void idn_makeroom(lua_State *L, const idn_block *block);

/* One owner more or less; the last one frees the block. */
void idn_shareblock(idn_block *block);
void idn_dropblock(idn_block *block);

#pragma GCC visibility pop

#endif
