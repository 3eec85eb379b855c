/* Blocks of zeros for large tensors, and the heap that counts their bytes for
   one Lua state and has the collector run in time. */
#ifndef IDN_STORAGE_H
#define IDN_STORAGE_H

#include <stddef.h>
#include <stdint.h>

#include "compat.h"

#pragma GCC visibility push(hidden) /* the module exports its opener alone */

typedef struct idn_heap {
  uintptr_t tag;  /* idn_tag(this) */
  size_t held;    /* bytes in blocks that have not been freed */
  size_t live;    /* what was held after the last collection */
  size_t trigger; /* `held` that starts the next one */
} idn_heap;

typedef struct idn_block {
  idn_heap *heap;
  size_t bytes;
  size_t owners; /* tensors that share it */
} idn_block;

/* Marks the payload at `p` as made by this module: no script can write it, and
   no other module has reason to. */
uintptr_t idn_tag(const void *p);

/* Pushes the heap of a Lua state. [-0, +1] */
void idn_pushheap(lua_State *L);

/* A block of `bytes` zeros with one owner, or NULL if there is no memory.
   May collect garbage, so it may raise: hold nothing across it. */
idn_block *idn_newblock(lua_State *L, idn_heap *heap, size_t bytes);

float *idn_blockdata(idn_block *block);

/* One owner less; frees the block with the last. */
void idn_dropblock(idn_block *block);

#pragma GCC visibility pop

#endif
