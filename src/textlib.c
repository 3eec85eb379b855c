/* What the texts and pictures of tensors are made from. */
#include <string.h>

#include "decimal.h"
#include "lib.h"
#include "picture.h"

enum { MAX_CHARACTERS = 10000 }; /* of a picture, either way */

/* shortest(x): x as float32, in its shortest decimal. */
static int shortest(lua_State *L) {
  char text[IDN_DECIMAL_SIZE];
  if (lua_type(L, 1) != LUA_TNUMBER) idn_failgot(L, 1, "number");
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
  lua_pushnumber(L, (lua_Number)idn_nonzeros(idn_arrayof(t)));
  return 1;
}

static int64_t checkroom(lua_State *L, int arg) {
  int64_t n = 0;
  luaL_argcheck(L, idn_tointeger(L, arg, &n) && n >= 1 && n <= MAX_CHARACTERS,
                arg, "room expected");
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

/* spy(t, rows, columns): of a matrix or a column, which is not empty, a table
   of lines of Braille, at most `rows` of them of at most `columns` characters,
   and the number of non-zeros. */
static int spy(lua_State *L) {
  const idn_tensor *t = idn_checktensor(L, 1, NULL, 2);
  int64_t rows = checkroom(L, 2), columns = checkroom(L, 3);
  int64_t size[] = {1, 1}, stride[] = {1, 1};
  idn_array plane = {t->data, 2, size, stride};
  idn_picture picture;
  luaL_argcheck(L, t->rank <= 2 && t->numel > 0, 1, "matrix expected");
  for (int d = 0; d < t->rank; d++) {
    size[d] = t->dim[d];
    stride[d] = idn_stride(t)[d];
  }
  picture.dots[0] = size[0] < 4 * rows ? size[0] : 4 * rows;
  picture.dots[1] = size[1] < 2 * columns ? size[1] : 2 * columns;
  rows = idn_picturerows(&picture);
  columns = idn_picturecolumns(&picture);
  picture.mask = lua_newuserdata(L, (size_t)(rows * columns));
  memset(picture.mask, 0, (size_t)(rows * columns));
  idn_checktensor(L, 1, NULL, 2); /* a finalizer may have run */
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
