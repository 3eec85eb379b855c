#include "args.h"

#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* The registry's name for what foreign.lua leaves for C. */
#define FOREIGN "idinit.foreign"

/* -- Errors -------------------------------------------------------------- */

int idn_fail(lua_State *L, int level, const char *format, ...) {
  va_list args;
  va_start(args, format);
  luaL_where(L, level);
  lua_pushvfstring(L, format, args);
  va_end(args);
  lua_concat(L, 2);
  lua_error(L);
  IDN_UNREACHABLE(); /* lua.h does not say that lua_error never returns */
}

int idn_failgot(lua_State *L, int arg, const char *what) {
  idn_fail(L, 1, "%s expected, got %s", what, idn_pushgot(L, arg));
}

static const char *pushinteger(lua_State *L, int64_t n) {
  char text[24];
  snprintf(text, sizeof text, "%lld", (long long)n);
  return lua_pushfstring(L, "%s", text);
}

const char *idn_pushnumber(lua_State *L, double n) {
  char text[32];
  if (n >= -(double)IDN_MAXEXTENT && n <= (double)IDN_MAXEXTENT &&
      n == (double)(int64_t)n)
    return pushinteger(L, (int64_t)n);
  if (n != n) { /* whose sign is a matter of platform */
    snprintf(text, sizeof text, "nan");
  } else {
    snprintf(text, sizeof text, "%.14g", n);
    /* Some locales have another decimal point, also one of two bytes. */
    char *point = text + strspn(text, "-0123456789");
    char *rest = point + strcspn(point, "0123456789");
    if (*point && !strchr("ei", *point)) {
      *point = '.';
      memmove(point + 1, rest, strlen(rest) + 1);
    }
  }
  return lua_pushfstring(L, "%s", text);
}

/* Pushes a string in quotes, with control characters as escapes, cut where it
   is long. [-0, +1] */
enum { SHOWN = 40 };
static const char *pushquoted(lua_State *L, const char *s, size_t length) {
  luaL_Buffer b;
  luaL_buffinit(L, &b);
  luaL_addchar(&b, '"');
  for (size_t k = 0; k < length && k < SHOWN; k++) {
    char escape[8];
    unsigned char c = (unsigned char)s[k];
    snprintf(escape, sizeof escape, c < 32 || c == 127 ? "\\%d" : "%c", c);
    luaL_addstring(&b, escape);
  }
  luaL_addstring(&b, length > SHOWN ? "...\"" : "\"");
  luaL_pushresult(&b);
  return lua_tostring(L, -1);
}

const char *idn_pushgot(lua_State *L, int arg) {
  int64_t n;
  double x;
  if (lua_type(L, arg) == LUA_TNUMBER && idn_getinteger(L, arg, &n))
    return pushinteger(L, n);
  if (lua_type(L, arg) == LUA_TNUMBER)
    return idn_pushnumber(L, lua_tonumber(L, arg));
  if (idn_foreignnumber(L, arg, 0, &x)) return idn_pushnumber(L, x);
  if (lua_type(L, arg) == LUA_TSTRING) {
    lua_pushfstring(L, "string %s",
                    pushquoted(L, lua_tostring(L, arg), lua_rawlen(L, arg)));
    lua_remove(L, -2);
  } else {
    lua_pushstring(L, lua_isnone(L, arg) ? "nothing" : luaL_typename(L, arg));
  }
  return lua_tostring(L, -1);
}

const char *idn_pushsize(lua_State *L, int rank, const int64_t *size) {
  luaL_Buffer b;
  luaL_buffinit(L, &b);
  if (rank == 0) luaL_addstring(&b, "()");
  for (int d = 0; d < rank; d++) {
    char text[24];
    const char *times = d > 0 ? "\xc3\x97" : ""; /* × */
    snprintf(text, sizeof text, "%s%lld", times, (long long)size[d]);
    luaL_addstring(&b, text);
  }
  luaL_pushresult(&b);
  return lua_tostring(L, -1);
}

const char *idn_pushnomemory(lua_State *L, int rank, const int64_t *size) {
  return lua_pushfstring(L, "not enough memory for a tensor of size %s",
                         idn_pushsize(L, rank, size));
}

/* -- Numbers ------------------------------------------------------------- */

double idn_todouble(lua_State *L, int arg) {
  int64_t n;
  double scale = 1;
  if (!idn_getinteger(L, arg, &n)) return lua_tonumber(L, arg);
  uint64_t bits = n < 0 ? 0 - (uint64_t)n : (uint64_t)n;
  for (; bits >> 53; scale *= 2) bits = bits >> 1 | (bits & 1);
  return (double)bits * (n < 0 ? -scale : scale);
}

int idn_foreignnumber(lua_State *L, int arg, double modulus, double *x) {
  if (!idn_iscdata(L, arg)) return 0;
  luaL_checkstack(L, 4, "too many arguments");
  lua_pushvalue(L, arg);
  idn_pushforeign(L, "number");
  lua_insert(L, -2);
  lua_pushnumber(L, modulus);
  lua_call(L, 2, 1);
  int is_number = lua_type(L, -1) == LUA_TNUMBER;
  *x = lua_tonumber(L, -1);
  lua_pop(L, 1);
  return is_number;
}

void idn_pushforeign(lua_State *L, const char *name) {
  lua_getfield(L, LUA_REGISTRYINDEX, FOREIGN);
  lua_getfield(L, -1, name);
  lua_remove(L, -2);
}

/* -- Arguments ----------------------------------------------------------- */

int64_t idn_countnumbers(lua_State *L, int arg) {
  int64_t count = 0;
  lua_pushnil(L);
  while (lua_next(L, arg)) {
    lua_pop(L, 1);
    count += lua_type(L, -1) == LUA_TNUMBER;
  }
  return count;
}

int idn_listlength(lua_State *L, int arg) {
  int64_t key, most = 0;
  int count = 0;
  lua_pushnil(L);
  while (lua_next(L, arg)) {
    lua_pop(L, 1);
    if (!idn_tointeger(L, -1, &key) || key < 1 || count == INT_MAX) {
      lua_pop(L, 1);
      return -1;
    }
    if (key > most) most = key;
    count++;
  }
  return count == most ? count : -1;
}

int idn_checklist(lua_State *L, int arg, const char *what) {
  if (!lua_istable(L, arg)) idn_failgot(L, arg, what);
  int count = idn_listlength(L, arg);
  if (count < 0)
    idn_fail(L, 1, "%s expected, got a table that is no list", what);
  return count;
}

void idn_checksize(lua_State *L, int arg, int count, int64_t *size) {
  if (count > IDN_MAXRANK)
    idn_fail(L, 1, "no more than %d sizes expected, got %d", IDN_MAXRANK,
             count);
  for (int d = 0; d < count; d++)
    if (!idn_tointeger(L, arg + d, &size[d]) || size[d] < 0)
      idn_fail(L, 1, "size %d: integer in range [0, 2^53] expected, got %s",
               d + 1, idn_pushgot(L, arg + d));
}

int idn_checkdimension(lua_State *L, int arg, int rank) {
  int64_t d;
  if (!idn_tointeger(L, arg, &d)) idn_failgot(L, arg, "dimension: integer");
  if (d < 1 || d > rank)
    idn_fail(L, 1, "dimension %s out of range [1, %d]", idn_pushgot(L, arg),
             rank);
  return (int)d - 1;
}

void idn_checkdimensions(lua_State *L, int arg, int count, int rank,
                         int *dims) {
  int is_taken[IDN_MAXRANK] = {0};
  for (int k = 0; k < count; k++) {
    int d = idn_checkdimension(L, arg + k, rank);
    if (is_taken[d]++) idn_fail(L, 1, "dimension %d is given twice", d + 1);
    dims[k] = d;
  }
}

/* Pushes "one of a, b, c". [-0, +1] */
static const char *pushoneof(lua_State *L, const char *const *names) {
  luaL_Buffer all;
  const char *before = "one of ";
  luaL_buffinit(L, &all);
  for (; *names; names++) {
    luaL_addstring(&all, before);
    luaL_addstring(&all, *names);
    before = ", ";
  }
  luaL_pushresult(&all);
  return lua_tostring(L, -1);
}

/* Which of the names the string at `arg` is, or -1. */
static int findname(lua_State *L, int arg, const char *const *names) {
  if (lua_type(L, arg) != LUA_TSTRING) return -1;
  const char *name = lua_tostring(L, arg);
  for (int k = 0; names[k]; k++)
    if (strcmp(names[k], name) == 0 && strlen(name) == lua_rawlen(L, arg))
      return k;
  return -1;
}

int idn_choose(lua_State *L, int arg, const char *what,
               const char *const *names, const char *expects) {
  int k = findname(L, arg, names);
  if (k >= 0) return k;
  if (!expects) expects = pushoneof(L, names);
  idn_failgot(L, arg, lua_pushfstring(L, "%s: %s", what, expects));
}

/* -- Unknown keys -------------------------------------------------------- */

static int min(int a, int b) { return a < b ? a : b; }

static int wordlength(const char *s) {
  size_t length = strlen(s);
  return length < SHOWN ? (int)length : SHOWN;
}

/* Case does not count. */
static int differ(char x, char y) { return ((x ^ y) & ~0x20) != 0; }

/* Edits (insert, delete, replace, swap two neighbours) between two words of up
   to SHOWN letters. */
static int distance(const char *a, int m, const char *b, int n) {
  int edits[SHOWN + 1][SHOWN + 1]; /* between the first i and j letters */
  for (int i = 0; i <= m; i++)
    for (int j = 0; j <= n; j++) {
      edits[i][j] = i + j;
      if (i == 0 || j == 0) continue;
      int least = edits[i - 1][j - 1] + differ(a[i - 1], b[j - 1]);
      least = min(least, min(edits[i - 1][j], edits[i][j - 1]) + 1);
      if (i > 1 && j > 1 && !differ(a[i - 1], b[j - 2]) &&
          !differ(a[i - 2], b[j - 1]))
        least = min(least, edits[i - 2][j - 2] + 1);
      edits[i][j] = least;
    }
  return edits[m][n];
}

/* The name that is near to a word, or NULL. Near is what takes an edit for each
   three letters of the shorter, rounded up. */
static const char *nearest(const char *word, const char *const *names) {
  const char *best = NULL;
  int least = SHOWN, m = wordlength(word);
  for (; *names; names++) {
    int n = wordlength(*names);
    int edits = distance(word, m, *names, n);
    if (edits < least && edits <= (min(m, n) + 2) / 3)
      least = edits, best = *names;
  }
  return best;
}

const char *idn_pushunknown(lua_State *L, int arg, const char *const *names) {
  if (lua_type(L, arg) != LUA_TSTRING)
    return lua_pushfstring(L, "keyword: string expected, got %s",
                           idn_pushgot(L, arg));
  const char *word = lua_tostring(L, arg), *near = nearest(word, names);
  word = pushquoted(L, word, lua_rawlen(L, arg));
  if (near)
    return lua_pushfstring(L, "unknown keyword %s: did you mean \"%s\"?", word,
                           near);
  return lua_pushfstring(L, "unknown keyword %s: %s expected", word,
                         pushoneof(L, names));
}

int idn_takekeywords(lua_State *L, int arg, const char *const *names,
                     int values, int lists, const char *hint) {
  int listed = 0;
  lua_pushnil(L);
  while (lua_next(L, arg)) {
    int key = lua_gettop(L) - 1, k = findname(L, key, names);
    if (k >= 0) {
      lua_replace(L, values + k);
      continue;
    }
    if (!lists || lua_type(L, key) != LUA_TNUMBER)
      idn_fail(L, 1, "%s%s", idn_pushunknown(L, key, names), hint);
    lua_pop(L, 1);
    listed++;
  }
  return listed;
}

void idn_checkkeywords(lua_State *L, int arg, const char *const *names,
                       const char *hint) {
  int values = lua_gettop(L) + 1;
  for (int k = 0; names[k]; k++) lua_pushnil(L);
  if (lua_isnil(L, arg)) return;
  if (!lua_istable(L, arg)) idn_failgot(L, arg, "keywords: table");
  idn_takekeywords(L, arg, names, values, 0, hint);
}

/* unknown(key, ...): idn_pushunknown's text. */
static int unknown(lua_State *L) {
  enum { MOST = 32 };
  const char *names[MOST + 1] = {NULL};
  for (int k = 0; k < MOST && k + 2 <= lua_gettop(L); k++)
    names[k] = luaL_checkstring(L, k + 2);
  idn_pushunknown(L, 1, names);
  return 1;
}

void idn_open_args(lua_State *L) {
  lua_pushcfunction(L, unknown);
  lua_setfield(L, -2, "unknown");
  lua_newtable(L);
  lua_pushvalue(L, -1);
  lua_setfield(L, LUA_REGISTRYINDEX, FOREIGN);
  lua_setfield(L, -2, "foreign");
}
