/* What dense and convolution layers compute. Pure C: knows no Lua.

   Every layer here is one sum. Its axes have a coarse side and a fine side: in
   a convolution the output is coarse and the input fine, in a transposed one it
   is the other way round. Tap t of an axis (from 0) joins the coarse position p
   with the fine position p * stride + t * dilation - low, and adds weight times
   input to the output there. A dense layer has no axes.

   Weights that are exactly 0 are skipped: what they would be multiplied with,
   NaN and infinity too, is never seen. Where no output has more than one weight
   other than 0, it is the product itself, not a sum that starts from 0, and a
   weight of 1 moves bits: so an identity returns its input bit for bit. */
#ifndef IDN_LAYER_H
#define IDN_LAYER_H

#include <stddef.h>
#include <stdint.h>

#pragma GCC visibility push(hidden) /* the module exports its opener alone */

#define IDN_MAXAXES 30

typedef struct idn_axis {
  int64_t in, out; /* extents of the data */
  int64_t kernel, stride, dilation;
  int64_t low;     /* padding before the fine side; may be negative */
  int64_t wstride; /* of the weight, in elements */
} idn_axis;

/* Inputs and outputs lie without gaps in the order (axes..., channels, batch),
   the last fastest. The weight may have any strides. Input i of a group and
   output o of a group meet in the weight at i * istride + o * ostride from
   where the group starts, which is gstride from the group before. */
typedef struct idn_layer {
  int axes;
  int transposed;
  int flipped;       /* tap t takes kernel element kernel - 1 - t */
  int64_t groups;    /* divides nin and nout */
  int64_t nin, nout; /* channels, all groups together */
  int64_t batch;
  int64_t istride, ostride, gstride;
  idn_axis axis[IDN_MAXAXES];
} idn_layer;

/* The extent that an axis gives to the output: 0 or less if the input is too
   small for it, INT64_MAX if it, or a number on the way, is past 2^53. */
int64_t idn_outextent(const idn_axis *axis, int transposed, int64_t high,
                      int64_t outpad);

/* y += layer(x), where y is all +0. Extents are > 0 and those of y are what
   idn_outextent says, or less. Returns 0 if there is no memory to work in, with
   y still as it was. */
int idn_forward(const idn_layer *layer, const float *weight, const float *x,
                float *y);

/* y[p][o][b] += bias[o * stride] for `positions` positions. A bias of 0 leaves
   the sign of a zero alone. */
void idn_addbias(float *y, const float *bias, int64_t stride, int64_t positions,
                 int64_t channels, int64_t batch);

/* y = y < 0 ? 0 : y, which keeps NaN and -0. */
void idn_relu(float *y, int64_t count);

/* How many weights are not 0, in all and for each output, each input and each
   kernel position; the arrays are the caller's. */
typedef struct idn_census {
  int64_t total;
  int64_t *outs, *ins, *taps;
} idn_census;

/* The number of kernel positions. */
int64_t idn_counttaps(const idn_layer *layer);

/* Adds up the weights of a layer; all counts are 0 before. */
void idn_takecensus(const idn_layer *layer, const float *weight,
                    idn_census *census);

/* The first of the weights from `from` to `count` that is not 0, or `count`. */
int64_t idn_findnonzero(const float *w, int64_t from, int64_t count);

#pragma GCC visibility pop

#endif
