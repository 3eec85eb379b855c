/* What a layer joins: which outputs with which inputs, at which offset, with
   which extents, by which element of its weight. Pure C: knows no Lua. Running
   a layer (forward.h), counting its weights and proving it an identity ask
   here, and know no more of it.

   Every layer is one sum. Its axes have a coarse side and a fine side: in a
   convolution the output is coarse and the input fine, in a transposed one it
   is the other way round. Kernel position k of an axis joins the coarse
   position p with the fine position p * stride + offset(k), and adds weight
   times input to the output there. A dense layer has no axes.

   Positions and channels count from 0. */
#ifndef IDN_LAYER_H
#define IDN_LAYER_H

#include <stdint.h>

#pragma GCC visibility push(hidden) /* the module exports its opener alone */

#define IDN_MAXAXES 30

/* All that sets one kind of layer apart from another. */
typedef struct idn_kind {
  const char *name;
  int has_axes;
  int transposed;
  int flipped;  /* the last kernel position has the least offset */
  int outfirst; /* of the weight's channels, outputs come before inputs */
  int lookup;   /* its data are not inputs, but the number of the one that is 1
                   where all others are 0 */
} idn_kind;

/* The kind of that name, or NULL. */
const idn_kind *idn_findkind(const char *name);

/* Settings of an axis, in the order in which a script hands them over. */
typedef struct idn_axis {
  int64_t kernel, stride, dilation; /* > 0; dilation * (kernel - 1) <= 2^53 */
  int64_t low, high; /* padding of the fine side; may be negative */
  int64_t outpad;
} idn_axis;

/* No number is further from 0 than 2^53. */
typedef struct idn_layer {
  const idn_kind *kind;
  int axes;
  int64_t groups;    /* divides nin and nout */
  int64_t nin, nout; /* channels, all groups together */
  idn_axis axis[IDN_MAXAXES];
} idn_layer;

/* Whether the numbers of a layer, none further from 0 than 2^53, fit each
   other. All that follows trusts them. */
int idn_islayer(const idn_layer *layer);

/* Channels of a group. */
static inline int64_t idn_ins(const idn_layer *l) { return l->nin / l->groups; }
static inline int64_t idn_outs(const idn_layer *l) {
  return l->nout / l->groups;
}

/* -- An axis ------------------------------------------------------------- */

/* Sets all padding to Flux's "same", which multiplies the extents of a
   transposed layer by its stride. Returns 0 if that is past 2^53. */
int idn_padsame(idn_layer *layer);

/* The padding that gives a kernel position the offset 0 and, at stride 1, keeps
   extents. */
void idn_padfor(const idn_layer *layer, int axis, int64_t k, int64_t *low,
                int64_t *high);

/* The output's extent for that of the input: 0 or less if that is too small,
   INT64_MAX if it is past all numbers. */
int64_t idn_outextent(const idn_layer *layer, int axis, int64_t in);

/* The least extent of the input that gives any output. */
int64_t idn_leastextent(const idn_layer *layer, int axis);

int64_t idn_offset(const idn_layer *layer, int axis, int64_t k);

/* Whether a kernel position, which goes to k, has the offset 0. It may be
   outside of the kernel. Where there is none, k is the last before it. */
int idn_zeroposition(const idn_layer *layer, int axis, int64_t *k);

/* The number of the kernel position with the offset 0 on every axis, or -1. The
   weight must have been counted. */
int64_t idn_zerotap(const idn_layer *layer);

/* What a kernel position joins, for extents of input and output: `count`
   positions in steps of their own. Returns 0 if it meets padding only. */
typedef struct idn_reach {
  int64_t count, in, out, instep, outstep;
} idn_reach;
int idn_reachof(const idn_layer *layer, int axis, int64_t k, int64_t in,
                int64_t out, idn_reach *r);

/* -- The weight ---------------------------------------------------------- */

/* Its size: an extent for each axis, then two of channels. Returns the rank. */
int idn_weightsize(const idn_layer *layer, int64_t *size);

/* A weight by its elements and strides, which are the caller's. */
typedef struct idn_weight {
  const float *data;
  const int64_t *stride;
  int64_t in, out, group; /* steps from one to the next, in elements */
} idn_weight;
void idn_viewweight(const idn_layer *layer, const float *data,
                    const int64_t *stride, idn_weight *w);

/* The number of kernel positions. */
int64_t idn_counttaps(const idn_layer *layer);

/* The first element of kernel position number `tap`, the last axis running
   fastest; its position on each axis goes to `at`. */
const float *idn_locate(const idn_layer *layer, const idn_weight *w,
                        int64_t tap, int64_t *at);

/* The element of a kernel position, from idn_locate, that joins an input and an
   output; NULL if they are in different groups. */
const float *idn_weightat(const idn_layer *layer, const idn_weight *w,
                          const float *from, int64_t in, int64_t out);

/* The first of the elements from number k to `count` that is not 0, or
   `count`. */
int64_t idn_findnonzero(const float *w, int64_t step, int64_t k, int64_t count);

/* Calls f for each weight of a kernel position that is not 0, as the memory
   has them. */
typedef void idn_weightfunction(void *state, int64_t in, int64_t out);
static inline void idn_eachweight(const idn_layer *l, const idn_weight *w,
                                  const float *from, idn_weightfunction *f,
                                  void *state) {
  int64_t ins = idn_ins(l), outs = idn_outs(l);
  int by_out = w->out <= w->in;
  int64_t inner = by_out ? outs : ins, outer = by_out ? ins : outs;
  int64_t near = by_out ? w->out : w->in, far = by_out ? w->in : w->out;
  for (int64_t g = 0; g < l->groups; g++)
    for (int64_t a = 0; a < outer; a++) {
      const float *line = from + g * w->group + a * far;
      for (int64_t b = 0; b < inner; b++) {
        if (line[b * near] == 0) {
          b = idn_findnonzero(line, near, b, inner) - 1;
          continue;
        }
        f(state, g * ins + (by_out ? a : b), g * outs + (by_out ? b : a));
      }
    }
}

/* The first weight of a kernel position from number n on that is not 0, in
   the order of the weight's indices: of all, or of those that join a channel
   with the same one, or with another. Returns its number, or -1. */
typedef enum idn_sort { IDN_ALL, IDN_STRAIGHT, IDN_CROSSING } idn_sort;
typedef struct idn_entry {
  float value;
  int64_t in, out, index[2]; /* the last two indices in the weight */
} idn_entry;
int64_t idn_nextweight(const idn_layer *layer, const idn_weight *w,
                       const float *from, idn_sort sort, int64_t n,
                       idn_entry *e);

/* How many weights are not 0, in all and for each output, each input and each
   kernel position; the arrays are the caller's, and 0 before. */
typedef struct idn_census {
  int64_t total;
  int64_t *outs, *ins, *taps;
} idn_census;
void idn_takecensus(const idn_layer *layer, const idn_weight *w,
                    idn_census *census);

#pragma GCC visibility pop

#endif
