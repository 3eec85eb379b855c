/* What the texts and pictures of tensors are made from. */
#include <string.h>

#include "decimal.h"
#include "lib.h"
#include "picture.h"

enum { MAX_CHARACTERS = 10000 }; /* of a picture, either way */

/* shortest(x): x as float32, in its shortest decimal. */
static int shortest(lua_State *L) {
  char text[IDN_DECIMAL_SIZE];
  if (lua_type(L, 1) != LUA_TNUMBER)
    idn_fail(L, 1, "number expected, got %s", idn_pushgot(L, 1));
  int length = idn_decimal(text, idn_tofloat(L, 1));
  lua_pushlstring(L, text, (size_t)length);
  return 1;
}

/* numbertext(n), gottext(x): what errors say of them. */
static int numbertext(lua_State *L) {
  idn_pushnumber(L, lua_tonumber(L, 1));
  return 1;
}

static int gottext(lua_State *L) {
  lua_settop(L, 1);
  idn_pushgot(L, 1);
  return 1;
}

/* checkself(t): raises in the line of whoever called the calling Lua function,
   unless `t` is a tensor. */
static int checkself(lua_State *L) {
  idn_checktensor(L, 1, NULL, 2);
  return 0;
}

/* nonzeros(t) */
static int nonzeros(lua_State *L) {
  const idn_tensor *t = idn_checktensor(L, 1, NULL, 2);
  int64_t count = idn_nonzeros(t->data, t->rank, idn_size(t), idn_stride(t));
  lua_pushnumber(L, (lua_Number)count);
  return 1;
}

/* The matrix whose indices past the second are the arguments from `arg` on;
   a vector is a column. */
static void checkplane(lua_State *L, const idn_tensor *t, int arg,
                       idn_plane *plane) {
  int fixed = t->rank > 2 ? t->rank - 2 : 0;
  int count = lua_gettop(L) - arg + 1;
  if (count < 0) count = 0;
  if (count != fixed)
    idn_fail(L, 2, "%d indices expected, got %d", fixed, count);
  plane->data = t->data;
  for (int d = 0; d < 2; d++) {
    plane->size[d] = d < t->rank ? idn_size(t)[d] : 1;
    plane->stride[d] = d < t->rank ? idn_stride(t)[d] : 1;
  }
  for (int d = 2; d < t->rank; d++) {
    int64_t i;
    if (!idn_tointeger(L, arg + d - 2, &i) || i < 1 || i > idn_size(t)[d])
      idn_fail(L, 2, "index %s out of range [1, %s] in dimension %d",
               idn_pushgot(L, arg + d - 2),
               idn_pushnumber(L, (double)idn_size(t)[d]), d + 1);
    plane->data += (i - 1) * idn_stride(t)[d];
  }
}

static int64_t checkroom(lua_State *L, int arg, const char *what) {
  int64_t n;
  if (!idn_tointeger(L, arg, &n) || n < 1 || n > MAX_CHARACTERS)
    idn_fail(L, 2, "%s: integer in range [1, %d] expected, got %s", what,
             MAX_CHARACTERS, idn_pushgot(L, arg));
  return n;
}

/* One line of the picture in UTF-8. [-0, +1] */
static void pushline(lua_State *L, const unsigned char *mask, int64_t count) {
  luaL_Buffer b;
  luaL_buffinit(L, &b);
  for (int64_t k = 0; k < count; k++) { /* U+2800 + mask */
    luaL_addchar(&b, (char)0xe2);
    luaL_addchar(&b, (char)(0xa0 | mask[k] >> 6));
    luaL_addchar(&b, (char)(0x80 | (mask[k] & 0x3f)));
  }
  luaL_pushresult(&b);
}

/* spy(t, rows, columns, i3, ..., ik): a table of lines of Braille, at most
   `rows` of them of at most `columns` characters, and the number of non-zeros
   in what they show. */
static int spy(lua_State *L) {
  const idn_tensor *t = idn_checktensor(L, 1, NULL, 2);
  int64_t rows = checkroom(L, 2, "rows");
  int64_t columns = checkroom(L, 3, "columns");
  idn_plane plane;
  idn_picture picture;
  checkplane(L, t, 4, &plane);
  if (plane.size[0] == 0 || plane.size[1] == 0) {
    lua_newtable(L);
    lua_pushnumber(L, 0);
    return 2;
  }
  picture.dots[0] = plane.size[0] < 4 * rows ? plane.size[0] : 4 * rows;
  picture.dots[1] = plane.size[1] < 2 * columns ? plane.size[1] : 2 * columns;
  rows = idn_picturerows(&picture);
  columns = idn_picturecolumns(&picture);
  picture.mask = lua_newuserdata(L, (size_t)(rows * columns));
  memset(picture.mask, 0, (size_t)(rows * columns));
  /* The allocation may have run finalizers, and one of them may have run that
     of the tensor. */
  idn_checktensor(L, 1, NULL, 2);
  int64_t count = idn_draw(&picture, &plane);
  lua_createtable(L, (int)rows, 0);
  for (int64_t r = 0; r < rows; r++) {
    pushline(L, picture.mask + r * columns, columns);
    lua_rawseti(L, -2, (int)r + 1);
  }
  lua_pushnumber(L, (lua_Number)count);
  return 2;
}

void idn_open_text(lua_State *L) {
  static const luaL_Reg functions[] = {{"shortest", shortest},
                                       {"numbertext", numbertext},
                                       {"gottext", gottext},
                                       {"checkself", checkself},
                                       {"nonzeros", nonzeros},
                                       {"spy", spy},
                                       {NULL, NULL}};
  idn_register(L, functions);
  lua_pushnumber(L, MAX_CHARACTERS);
  lua_setfield(L, -2, "mostcharacters");
}
