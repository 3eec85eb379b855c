/* Opens and closes Lua states on several threads at once; each runs the example
   in a folder of its thread's own:

     threads STATES THREADS FOLDER CHECK EXPECTED

   CHECK is the path of check.lua, EXPECTED that of the text that the example
   should return. Thread k writes to FOLDER/k, which exists. */
#include <lauxlib.h>
#include <lua.h>
#include <lualib.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

static const char chunk[] =
    "local check, expected, folder = ...\n"
    "local text = dofile(check)(folder)\n"
    "local file = assert(io.open(expected, 'rb'))\n"
    "assert(text == file:read '*a', 'another text than expected')\n"
    "file:close()\n"
    "local idinit = require 'idinit'\n"
    "held = {}\n"
    "for n = 1, 20 do held[n] = idinit(n, 40, 40) end\n"; /* for lua_close */

enum { MAXTHREADS = 64 };

typedef struct worker {
  pthread_t thread;
  char **argv;
  int number, states, failures;
} worker;

static int fail(worker *w, const char *what) {
  fprintf(stderr, "thread %d: %s\n", w->number, what);
  w->failures++;
  return 0;
}

static int runstate(worker *w) {
  char folder[4096];
  lua_State *L = luaL_newstate();
  if (!L) return fail(w, "no memory for a state");
  luaL_openlibs(L);
  snprintf(folder, sizeof folder, "%s/%d", w->argv[3], w->number);
  int ok = luaL_loadstring(L, chunk) == 0;
  if (ok) {
    lua_pushstring(L, w->argv[4]);
    lua_pushstring(L, w->argv[5]);
    lua_pushstring(L, folder);
    ok = lua_pcall(L, 3, 0, 0) == 0;
  }
  if (!ok) fail(w, lua_tostring(L, -1));
  lua_close(L);
  return ok;
}

static void *run(void *p) {
  worker *w = p;
  for (int k = 0; k < w->states; k++)
    if (!runstate(w)) break;
  return NULL;
}

int main(int argc, char **argv) {
  static worker workers[MAXTHREADS];
  if (argc != 6) return 2;
  int states = atoi(argv[1]), threads = atoi(argv[2]), failures = 0;
  if (threads < 1 || threads > MAXTHREADS) return 2;
  for (int k = 0; k < threads; k++) {
    worker *w = &workers[k];
    w->argv = argv;
    w->number = k + 1;
    w->states = states / threads + (k < states % threads);
    if (pthread_create(&w->thread, NULL, run, w) != 0) return 2;
  }
  for (int k = 0; k < threads; k++) {
    pthread_join(workers[k].thread, NULL);
    failures += workers[k].failures;
  }
  return failures > 0;
}
