/* Text that nests, as Python and JSON write it: what comes next in it, and the
   first fault. Works on memory only and asks for none. */
#ifndef IDN_SCAN_H
#define IDN_SCAN_H

#include <stddef.h>
#include <stdint.h>

#include "size.h"

#pragma GCC visibility push(hidden) /* the module exports its opener alone */

/* Text of any bytes: a zero byte is one like others. */
typedef struct idn_span {
  const char *p;
  size_t n;
} idn_span;

int idn_isequal(idn_span text, const char *word);

/* Text under way. Once a fault is told, it is at its end: nothing more is read,
   and the first fault stays. What is read then is 0 or empty. */
typedef struct idn_scan {
  const char *space; /* what may stand between words */
  int python; /* whether a comma may stand behind the last item, and an L, of
                 Python 2, behind an extent */
  void (*string)(struct idn_scan *s, idn_span *text); /* reads one */
  char *start, *p, *end;
  char fault[240];
} idn_scan;

/* Tells a fault and returns it. */
const char *idn_tell(idn_scan *s, const char *format, ...);

/* Tells that something else was expected than what comes next. */
void idn_expected(idn_scan *s, const char *what);

/* The fault that was told, or NULL. */
const char *idn_told(const idn_scan *s);

/* Where the text has come to, in bytes that are counted from 1. */
int idn_position(const idn_scan *s);

void idn_skipspace(idn_scan *s);

int idn_isnext(const idn_scan *s, char c);
int idn_isdigitnext(const idn_scan *s);

/* Pass `word`, if it comes next, or `c`; and `c` with space before it. */
int idn_takeword(idn_scan *s, const char *word);
int idn_take(idn_scan *s, char c);
int idn_accept(idn_scan *s, char c);

/* Likewise, and tells if it does not come next. */
int idn_expect(idn_scan *s, char c);

/* A whole number; the largest that there is stands for all that are larger. */
uint64_t idn_whole(idn_scan *s);

/* Whether there is one more item between brackets, behind `n` others. */
int idn_next(idn_scan *s, const char *brackets, int n);

/* Likewise between braces, where a key is read first. */
int idn_nextkey(idn_scan *s, int n, idn_span *key);

/* Reads a list of extents and returns how many they are. */
int idn_extents(idn_scan *s, const char *brackets, int64_t size[IDN_MAXRANK]);

/* A key, and what reads its value. A name that is NULL ends a list of them. */
typedef struct idn_key {
  const char *name;
  void (*read)(idn_scan *s, void *to);
} idn_key;

/* Reads what is between braces: the value of each key once, and those of other
   keys by `other`. Returns the first key that is missing, or NULL. */
const char *idn_readkeys(idn_scan *s, const idn_key *keys,
                         void (*other)(idn_scan *s, idn_span key), void *to);

#pragma GCC visibility pop

#endif
