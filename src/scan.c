#include "scan.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

int idn_isequal(idn_span text, const char *word) {
  return text.n == strlen(word) && memcmp(text.p, word, text.n) == 0;
}

/* -- Faults -------------------------------------------------------------- */

const char *idn_tell(idn_scan *s, const char *format, ...) {
  va_list args;
  va_start(args, format);
  if (!idn_told(s)) vsnprintf(s->fault, sizeof s->fault, format, args);
  va_end(args);
  s->p = s->end;
  return s->fault;
}

const char *idn_told(const idn_scan *s) { return *s->fault ? s->fault : NULL; }

int idn_position(const idn_scan *s) { return (int)(s->p - s->start) + 1; }

void idn_expected(idn_scan *s, const char *what) {
  int at = idn_position(s);
  if (s->p == s->end)
    idn_tell(s, "header: %s expected, got its end", what);
  else if (*s->p >= ' ' && *s->p <= '~')
    idn_tell(s, "header: %s expected at byte %d, got \"%c\"", what, at, *s->p);
  else
    idn_tell(s, "header: %s expected at byte %d, got 0x%02x", what, at,
             (unsigned char)*s->p);
}

/* -- What comes next ----------------------------------------------------- */

int idn_isnext(const idn_scan *s, char c) {
  return s->p < s->end && *s->p == c;
}

int idn_isdigitnext(const idn_scan *s) {
  return s->p < s->end && *s->p >= '0' && *s->p <= '9';
}

/* Mostly there is none, and then nothing is looked for. */
void idn_skipspace(idn_scan *s) {
  while (s->p < s->end && *s->p && *s->p <= ' ' && strchr(s->space, *s->p))
    s->p++;
}

int idn_takeword(idn_scan *s, const char *word) {
  size_t n = strlen(word);
  if ((size_t)(s->end - s->p) < n || memcmp(s->p, word, n) != 0) return 0;
  s->p += n;
  return 1;
}

int idn_take(idn_scan *s, char c) {
  int is = idn_isnext(s, c);
  s->p += is;
  return is;
}

int idn_accept(idn_scan *s, char c) {
  idn_skipspace(s);
  return idn_take(s, c);
}

int idn_expect(idn_scan *s, char c) {
  const char quoted[] = {'"', c, '"', '\0'};
  int is = idn_accept(s, c);
  if (!is) idn_expected(s, quoted);
  return is;
}

uint64_t idn_whole(idn_scan *s) {
  uint64_t n = 0;
  if (idn_accept(s, '0')) return 0;
  if (!idn_isdigitnext(s)) idn_expected(s, "whole number");
  for (; idn_isdigitnext(s); s->p++) {
    uint64_t digit = (uint64_t)(*s->p - '0');
    n = n <= (UINT64_MAX - digit) / 10 ? n * 10 + digit : UINT64_MAX;
  }
  return n;
}

/* -- Lists and tables ---------------------------------------------------- */

int idn_next(idn_scan *s, const char *brackets, int n) {
  int more = n == 0 ? idn_expect(s, brackets[0]) : idn_accept(s, ',');
  int may_end = n == 0 || !more || s->python;
  if (may_end && idn_accept(s, brackets[1])) return 0;
  if (!more) idn_expect(s, s->python ? ',' : brackets[1]);
  return more;
}

int idn_nextkey(idn_scan *s, int n, idn_span *key) {
  if (!idn_next(s, "{}", n)) return 0;
  s->string(s, key);
  return idn_expect(s, ':');
}

int idn_extents(idn_scan *s, const char *brackets, int64_t size[IDN_MAXRANK]) {
  int rank = 0;
  for (; rank < IDN_MAXRANK && idn_next(s, brackets, rank); rank++) {
    uint64_t extent = idn_whole(s);
    if (extent > (uint64_t)IDN_MAXEXTENT)
      idn_tell(
          s, "header: the extent of dimension %d, before byte %d, is too large",
          rank + 1, idn_position(s));
    if (s->python) idn_take(s, 'L');
    size[rank] = (int64_t)extent;
  }
  if (rank == IDN_MAXRANK && idn_next(s, brackets, rank))
    idn_tell(s, "header: at most %d dimensions expected at byte %d", rank,
             idn_position(s));
  return rank;
}

const char *idn_readkeys(idn_scan *s, const idn_key *keys,
                         void (*other)(idn_scan *s, idn_span key), void *to) {
  unsigned seen = 0;
  idn_span key;
  for (int n = 0; idn_nextkey(s, n, &key); n++) {
    int k = 0;
    while (keys[k].name && !idn_isequal(key, keys[k].name)) k++;
    if (!keys[k].name)
      other(s, key);
    else if (seen >> k & 1)
      idn_tell(s, "header: key \"%s\" comes twice before byte %d", keys[k].name,
               idn_position(s));
    else
      keys[k].read(s, to);
    seen |= 1u << k;
  }
  for (; keys->name && seen & 1; keys++) seen >>= 1;
  return keys->name;
}
