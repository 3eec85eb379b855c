#include "npy.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "dtype.h"

#define MAGIC "\x93NUMPY"
#define MAGICSIZE 6
#define ALIGNMENT 64

/* NumPy leaves room for the growing extent to become this long. */
#define GROWTHDIGITS 21

/* A string in either kind of quotes, on one line. An escape is no part of any
   key or type that is known, so none is looked for. */
static void string(idn_scan *s, idn_span *text) {
  idn_skipspace(s);
  int at = idn_position(s);
  char quote = idn_isnext(s, '\'') ? '\'' : '"';
  if (!idn_take(s, quote)) idn_expected(s, "string");
  *text = (idn_span){s->p, 0};
  while (s->p < s->end && *s->p >= ' ' && *s->p != quote) s->p++;
  text->n = (size_t)(s->p - text->p);
  if (!idn_take(s, quote))
    idn_tell(s, "header: the string at byte %d has no end", at);
}

/* -- The first bytes ----------------------------------------------------- */

int idn_isnpy(const void *bytes, size_t n) {
  return n >= MAGICSIZE && memcmp(bytes, MAGIC, MAGICSIZE) == 0;
}

const char *idn_npyprelude(idn_npy *h, const void *bytes, size_t n,
                           uint64_t filesize) {
  const unsigned char *p = bytes;
  idn_scan *s = &h->scan;
  *s = (idn_scan){.space = " \t\n\r\f", .python = 1, .string = string};
  if (!idn_isnpy(bytes, n)) return "not a .npy file";
  if (n < MAGICSIZE + 2) return "file ends within its header";
  if (p[6] < 1 || p[6] > 3 || p[7] != 0)
    return idn_tell(s, "version 1.0, 2.0 or 3.0 expected, got %d.%d", p[6],
                    p[7]);
  size_t digits = p[6] == 1 ? 2 : 4;
  h->textat = MAGICSIZE + 2 + digits;
  if (n < h->textat) return "file ends within its header";
  h->textsize = 0;
  for (size_t i = digits; i-- > 0;)
    h->textsize = h->textsize << 8 | p[MAGICSIZE + 2 + i];
  if (filesize < h->textat || filesize - h->textat < h->textsize)
    return idn_tell(s, "header of %" PRIu64 " bytes expected, got %" PRIu64,
                    (uint64_t)h->textsize, filesize - h->textat);
  if (h->textsize > IDN_NPY_MAXTEXT)
    return idn_tell(s, "header of at most %d bytes expected, got %" PRIu64,
                    IDN_NPY_MAXTEXT, (uint64_t)h->textsize);
  h->datasize = filesize - h->textat - h->textsize;
  return NULL;
}

/* -- The text, a dictionary as Python writes it -------------------------- */

/* What passes can be quoted in a fault, and holds no zero byte. */
static void checkbytes(idn_scan *s) {
  for (const char *p = s->p; p < s->end; p++)
    if ((*p < ' ' || *p > '~') && (*p == '\0' || !strchr(s->space, *p)))
      idn_tell(s, "header: byte %d is 0x%02x, which is not ASCII text",
               (int)(p - s->start) + 1, (unsigned char)*p);
}

/* How NumPy spells the types: two with an order of bytes in front or not, and
   words that take none. */
static const char *const names[IDN_NTYPES][4] = {
    [IDN_F32] = {"f4", "f", "float32", "single"},
    [IDN_F64] = {"f8", "d", "float64", "double"},
    [IDN_F16] = {"f2", "e", "float16", "half"},
    [IDN_I8] = {"i1", "b", "int8"},
    [IDN_I16] = {"i2", "h", "int16"},
    [IDN_I32] = {"i4", "i", "int32"},
    [IDN_I64] = {"i8", "q", "int64"},
    [IDN_U8] = {"u1", "B", "uint8"},
    [IDN_U16] = {"u2", "H", "uint16"},
    [IDN_U32] = {"u4", "I", "uint32"},
    [IDN_U64] = {"u8", "Q", "uint64"},
    [IDN_BOOL] = {"b1", "?", "bool"}};

/* The type that one of its first `n` names spells, or -1. */
static int findtype(idn_span text, int n) {
  for (int type = 0; type < IDN_NTYPES; type++)
    for (int k = 0; k < n && names[type][k]; k++)
      if (idn_isequal(text, names[type][k])) return type;
  return -1;
}

/* "<f4": order of bytes, and type. Where no order is told, or "|", it is the
   machine's own. */
static void descr(idn_scan *s, void *to) {
  idn_npy *h = to;
  idn_span text;
  idn_skipspace(s);
  if (idn_isnext(s, '[') || idn_isnext(s, '('))
    idn_tell(s, "structured element types are not supported");
  string(s, &text);
  char order = text.n > 0 && memchr("<>=|", *text.p, 4) ? *text.p : '\0';
  idn_span code = {text.p + (order != '\0'), text.n - (order != '\0')};
  h->type = findtype(code, order ? 2 : 4);
  h->highfirst = order == '>' || (order != '<' && idn_ishighfirst());
  if (h->type < 0)
    idn_tell(s, "element type \"%.*s\" is not supported",
             text.n < 24 ? (int)text.n : 24, text.p);
}

static void fortran(idn_scan *s, void *to) {
  idn_npy *h = to;
  idn_skipspace(s);
  h->fortran = idn_takeword(s, "True");
  if (!h->fortran && !idn_takeword(s, "False"))
    idn_expected(s, "True or False");
}

/* A tuple of whole numbers: (), (3,), (3, 5) or (3, 5,). */
static void shape(idn_scan *s, void *to) {
  idn_npy *h = to;
  const char *open = s->p;
  h->rank = idn_extents(s, "()", h->size);
  if (h->rank == 1 && !memchr(open, ',', (size_t)(s->p - open)))
    idn_tell(s, "header: a tuple of extents expected, got a number");
}

static void unknown(idn_scan *s, idn_span key) {
  idn_tell(s, "header: unknown key \"%.*s\"", key.n < 24 ? (int)key.n : 24,
           key.p);
}

const char *idn_npyheader(idn_npy *h, char *text) {
  static const idn_key keys[] = {{"descr", descr},
                                 {"fortran_order", fortran},
                                 {"shape", shape},
                                 {NULL, NULL}};
  idn_scan *s = &h->scan;
  s->start = s->p = text;
  s->end = text + h->textsize;
  checkbytes(s);
  const char *missing = idn_readkeys(s, keys, unknown, h);
  idn_skipspace(s);
  if (s->p < s->end) idn_expected(s, "end");
  if (missing) idn_tell(s, "header: key \"%s\" is missing", missing);
  if (idn_told(s)) return s->fault;
  h->numel = idn_countupto(h->rank, h->size, INT64_MAX / 8);
  if (h->numel < 0) return "the product of the extents is too large";
  uint64_t needed = (uint64_t)h->numel * idn_typewidth(h->type);
  if (needed == h->datasize) return NULL;
  return idn_tell(s, "%" PRIu64 " bytes of data expected, got %" PRIu64, needed,
                  h->datasize);
}

/* -- Writing ------------------------------------------------------------- */

size_t idn_npywrite(char to[IDN_NPY_MAXSAVED], int type, int rank,
                    const int64_t *size, int fortran_order) {
  char *start = to + MAGICSIZE + 4, *p = start, *end = to + IDN_NPY_MAXSAVED;
  int growing = fortran_order ? rank - 1 : 0, spare = 0;
  p += snprintf(p, (size_t)(end - p),
                "{'descr': '<f%d', 'fortran_order': %s, 'shape': (",
                (int)idn_typewidth(type), fortran_order ? "True" : "False");
  for (int d = 0; d < rank; d++) {
    if (d > 0) p += snprintf(p, (size_t)(end - p), ", ");
    int n = snprintf(p, (size_t)(end - p), "%" PRId64, size[d]);
    if (d == growing) spare = GROWTHDIGITS - n;
    p += n;
  }
  p += snprintf(p, (size_t)(end - p), rank == 1 ? ",), }" : "), }");
  spare += ALIGNMENT - ((int)(p - to) + spare + 1) % ALIGNMENT;
  p += snprintf(p, (size_t)(end - p), "%*s\n", spare, "");
  size_t textsize = (size_t)(p - start);
  memcpy(to, MAGIC "\1\0", MAGICSIZE + 2);
  to[MAGICSIZE + 2] = (char)(textsize & 255);
  to[MAGICSIZE + 3] = (char)(textsize >> 8);
  return (size_t)(p - to);
}
