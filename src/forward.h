/* Runs layers: the arithmetic. Pure C: knows no Lua.

   Weights that are exactly 0 are skipped: what they would be multiplied with,
   NaN and infinity too, is never seen. Where no output has more than one weight
   other than 0, it is the product itself, not a sum that starts from 0, and a
   weight of 1 moves bits: so an identity returns its input bit for bit.

   What an output is depends on the weight and on the inputs that reach it, to
   the last bit: not on where it stands, nor on what stands beside it. */
#ifndef IDN_FORWARD_H
#define IDN_FORWARD_H

#include "layer.h"

#pragma GCC visibility push(hidden) /* the module exports its opener alone */

/* A layer, its weight, and the size of the data. Inputs and outputs lie without
   gaps in the order (axes..., channels, batch), the last fastest. */
typedef struct idn_pass {
  const idn_layer *layer;
  idn_weight weight;
  int64_t batch;
  int64_t in[IDN_MAXAXES], out[IDN_MAXAXES]; /* extents */
} idn_pass;

/* y += layer(x), where y is all +0. Extents are > 0 and those of y are what
   idn_outextent says, or less. Returns 0 if there is no memory to work in, with
   y still as it was. */
int idn_forward(const idn_pass *pass, const float *x, float *y);

/* y[p][o][b] += bias[o * stride] for `positions` positions. A bias of 0 leaves
   the sign of a zero alone. */
void idn_addbias(float *y, const float *bias, int64_t stride, int64_t positions,
                 int64_t channels, int64_t batch);

/* y = y < 0 ? 0 : y, which keeps NaN and -0. */
void idn_relu(float *y, int64_t count);

#pragma GCC visibility pop

#endif
