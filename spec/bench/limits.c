/* What a C module costs at the least: the limits that idinit is held to where
   no compiler helps. */
#include <lauxlib.h>
#include <lua.h>
#include <stdlib.h>
#include <string.h>

#define NAME "idinit.bench.limit"
#define COLUMNS 5

/* make(): a userdata as large as the elements of a 3 x 5 tensor, as a plain
   module makes one. */
static int make(lua_State *L) {
  lua_newuserdata(L, 3 * COLUMNS * sizeof(float));
  luaL_getmetatable(L, NAME);
  lua_setmetatable(L, -2);
  return 1;
}

/* read(u, i, j): an element, with no check at all. */
static int read(lua_State *L) {
  const float *data = lua_touserdata(L, 1);
  lua_Integer i = lua_tointeger(L, 2), j = lua_tointeger(L, 3);
  lua_pushnumber(L, (lua_Number)data[(i - 1) * COLUMNS + j - 1]);
  return 1;
}

/* write(u, i, j, value): likewise. */
static int write(lua_State *L) {
  float *data = lua_touserdata(L, 1);
  lua_Integer i = lua_tointeger(L, 2), j = lua_tointeger(L, 3);
  data[(i - 1) * COLUMNS + j - 1] = (float)lua_tonumber(L, 4);
  return 0;
}

/* -- A convolution ------------------------------------------------------- */

enum { EXTENT = 56, CHANNELS = 64, KERNEL = 3, WIDE = EXTENT + KERNEL - 1 };

typedef float lanes __attribute__((vector_size(16)));

/* An image with a border of zeros, the weight in panels of 8 outputs, and the
   result. */
typedef struct convolution {
  float x[WIDE][WIDE][CHANNELS];
  float w[CHANNELS / 8][KERNEL][KERNEL][CHANNELS][8];
  float y[EXTENT][EXTENT][CHANNELS];
} convolution;

/* Four positions and eight outputs. */
static void tile(convolution *c, int panel, int row, int column) {
  lanes sum[4][2] = {{{0}}}, a, b;
  for (int k = 0; k < KERNEL * KERNEL; k++) {
    const float *x = c->x[row + k / KERNEL][column + k % KERNEL];
    lanes a0 = sum[0][0], a1 = sum[1][0], a2 = sum[2][0], a3 = sum[3][0];
    lanes b0 = sum[0][1], b1 = sum[1][1], b2 = sum[2][1], b3 = sum[3][1];
    for (int i = 0; i < CHANNELS; i++, x++) {
      const float *w = c->w[panel][k / KERNEL][k % KERNEL][i];
      memcpy(&a, w, sizeof a);
      memcpy(&b, w + 4, sizeof b);
      a0 += x[0] * a, b0 += x[0] * b;
      a1 += x[CHANNELS] * a, b1 += x[CHANNELS] * b;
      a2 += x[2 * CHANNELS] * a, b2 += x[2 * CHANNELS] * b;
      a3 += x[3 * CHANNELS] * a, b3 += x[3 * CHANNELS] * b;
    }
    sum[0][0] = a0, sum[1][0] = a1, sum[2][0] = a2, sum[3][0] = a3;
    sum[0][1] = b0, sum[1][1] = b1, sum[2][1] = b2, sum[3][1] = b3;
  }
  for (int t = 0; t < 4; t++)
    memcpy(&c->y[row][column + t][8 * panel], sum[t], sizeof sum[t]);
}

/* convolution(): all that one needs, of random numbers. */
static int newconvolution(lua_State *L) {
  convolution *c = lua_newuserdata(L, sizeof *c);
  float *all = (float *)c;
  for (size_t k = 0; k < sizeof *c / sizeof *all; k++)
    all[k] = (float)rand() / (float)RAND_MAX - 0.5F;
  return 1;
}

/* convolve(c): the product of a convolution by 3 x 3 of 64 to 64 channels on 56
   x 56 positions, in tiles; without a look at what the numbers are. */
static int convolve(lua_State *L) {
  convolution *c = lua_touserdata(L, 1);
  for (int panel = 0; panel < CHANNELS / 8; panel++)
    for (int row = 0; row < EXTENT; row++)
      for (int column = 0; column < EXTENT; column += 4)
        tile(c, panel, row, column);
  return 0;
}

static void add(lua_State *L, const char *name, lua_CFunction f) {
  lua_pushcfunction(L, f);
  lua_setfield(L, -2, name);
}

int luaopen_limits(lua_State *L);
int luaopen_limits(lua_State *L) {
  luaL_newmetatable(L, NAME);
  add(L, "__call", read);
  lua_newtable(L);
  add(L, "make", make);
  add(L, "read", read);
  add(L, "write", write);
  add(L, "convolution", newconvolution);
  add(L, "convolve", convolve);
  return 1;
}
