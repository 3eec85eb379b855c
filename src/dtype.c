#include "dtype.h"

#include <stdint.h>
#include <string.h>

/* Elements that are converted together. Compilers make vector code of a loop
   over a fixed number of them. */
#define LANES 16

/* The bits of exponent `e` in a float32. */
#define EXPONENT(e) ((uint32_t)(e) << 23)

static inline float frombits(uint32_t bits) {
  float x;
  memcpy(&x, &bits, sizeof x);
  return x;
}

static inline uint32_t tobits(float x) {
  uint32_t bits;
  memcpy(&bits, &x, sizeof bits);
  return bits;
}

/* All bits where something is true, none where it is not: chooses without a
   branch. */
static inline uint32_t mask(int istrue) { return 0 - (uint32_t)istrue; }

/* -- Reading ------------------------------------------------------------- */

/* A half has 5 bits of exponent, which are biased by 112 less than the 8 of a
   float32, and 10 of fraction. A subnormal is what stands above 2^-14 once the
   bit is added that only normal numbers have. */
static inline float fromhalf(uint16_t half) {
  uint32_t magnitude = (uint32_t)(half & 0x7fff) << 13;
  uint32_t sign = (uint32_t)(half & 0x8000) << 16;
  uint32_t infinite = mask(magnitude >= EXPONENT(31)) & EXPONENT(112);
  uint32_t normal = magnitude + EXPONENT(112) + infinite;
  float subnormal = frombits(magnitude + EXPONENT(113)) - 0x1p-14f;
  uint32_t small = mask(magnitude < EXPONENT(1));
  return frombits(sign | (small & tobits(subnormal)) | (~small & normal));
}

/* A cast of 64 bits rounds twice on some machines. What a double cannot hold
   is made odd where bits are cut off, and then rounds as it should. */
static inline float fromwide(uint64_t n) {
  if (n >> 53 == 0) return (float)(double)n;
  return (float)(double)(n >> 11 | ((n & 2047) != 0)) * 2048.0f;
}

static inline float fromsigned(int64_t n) {
  return n < 0 ? -fromwide(-(uint64_t)n) : fromwide((uint64_t)n);
}

#define READER(name, type, value)                                              \
  static inline float name##1(const unsigned char *p) {                        \
    type x;                                                                    \
    memcpy(&x, p, sizeof x);                                                   \
    return value;                                                              \
  }                                                                            \
  static void name(const unsigned char *restrict p, float *restrict to,        \
                   size_t n) {                                                 \
    for (; n >= LANES; n -= LANES, p += LANES * sizeof(type), to += LANES)     \
      for (size_t i = 0; i < LANES; i++)                                       \
        to[i] = name##1(p + i * sizeof(type));                                 \
    for (size_t i = 0; i < n; i++) to[i] = name##1(p + i * sizeof(type));      \
  }

READER(readbool, uint8_t, (float)(x != 0))
READER(readu8, uint8_t, (float)x)
READER(readi8, int8_t, (float)x)
READER(readi16, int16_t, (float)x)
READER(readu16, uint16_t, (float)x)
READER(readf16, uint16_t, fromhalf(x))
READER(readbf16, uint16_t, frombits((uint32_t)x << 16))
READER(readi32, int32_t, (float)x)
READER(readu32, uint32_t, (float)x)
READER(readf64, double, (float)x)
READER(readi64, int64_t, fromsigned(x))
READER(readu64, uint64_t, fromwide(x))

/* -- Writing ------------------------------------------------------------- */

/* Floats from 0.5 to 1 are multiples of 2^-24, as subnormal halves are, so a
   sum in that range is rounded as they are. */
static inline uint16_t tohalf(float x) {
  uint32_t sign = tobits(x) >> 16 & 0x8000;
  uint32_t magnitude = tobits(x) & 0x7fffffff, half;
  if (magnitude > EXPONENT(255))
    half = 0x7e00 | (magnitude >> 13 & 0x3ff);
  else if (magnitude >= EXPONENT(143))
    half = 0x7c00;
  else if (magnitude < EXPONENT(113))
    half = tobits(frombits(magnitude) + 0.5f) - tobits(0.5f);
  else
    half = (magnitude - EXPONENT(112) + 0xfff + (magnitude >> 13 & 1)) >> 13;
  return (uint16_t)(sign | half);
}

/* The upper half of a float32. */
static inline uint16_t tobfloat(float x) {
  uint32_t bits = tobits(x);
  if ((bits & 0x7fffffff) > EXPONENT(255)) return (uint16_t)(bits >> 16 | 0x40);
  return (uint16_t)((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}

#define WRITER(name, type, value)                                              \
  static void name(const float *from, unsigned char *p, size_t n) {            \
    for (size_t i = 0; i < n; i++) {                                           \
      type x = value(from[i]);                                                 \
      memcpy(p + i * sizeof x, &x, sizeof x);                                  \
    }                                                                          \
  }

WRITER(writef16, uint16_t, tohalf)
WRITER(writebf16, uint16_t, tobfloat)
WRITER(writef64, double, (double))

static void writef32(const float *from, unsigned char *p, size_t n) {
  memcpy(p, from, n * sizeof *from);
}

static void readf32(const unsigned char *p, float *to, size_t n) {
  memcpy(to, p, n * sizeof *to);
}

/* -- The types ----------------------------------------------------------- */

const char *const idn_typenames[] = {"bool", "u8",  "i8",  "i16", "u16",
                                     "i32",  "u32", "i64", "u64", "bf16",
                                     "f16",  "f32", "f64", NULL};

static const struct {
  size_t width;
  void (*read)(const unsigned char *p, float *to, size_t n);
  void (*write)(const float *from, unsigned char *p, size_t n);
} types[IDN_NTYPES] = {
    [IDN_BOOL] = {1, readbool, NULL},   [IDN_U8] = {1, readu8, NULL},
    [IDN_I8] = {1, readi8, NULL},       [IDN_I16] = {2, readi16, NULL},
    [IDN_U16] = {2, readu16, NULL},     [IDN_I32] = {4, readi32, NULL},
    [IDN_U32] = {4, readu32, NULL},     [IDN_I64] = {8, readi64, NULL},
    [IDN_U64] = {8, readu64, NULL},     [IDN_BF16] = {2, readbf16, writebf16},
    [IDN_F16] = {2, readf16, writef16}, [IDN_F32] = {4, readf32, writef32},
    [IDN_F64] = {8, readf64, writef64},
};

size_t idn_typewidth(int type) { return types[type].width; }

/* -- Order of bytes ------------------------------------------------------ */

int idn_ishighfirst(void) {
  const uint16_t one = 1;
  unsigned char first;
  memcpy(&first, &one, 1);
  return first == 0;
}

/* Reverses the bytes of each of `n` elements. */
static void swap(unsigned char *p, size_t width, size_t n) {
  for (; n > 0; n--, p += width)
    for (size_t i = 0; i < width / 2; i++) {
      unsigned char byte = p[i];
      p[i] = p[width - 1 - i];
      p[width - 1 - i] = byte;
    }
}

/* Elements in the other order of bytes are turned in a block of their own. */
void idn_readelements(int type, int highfirst, const void *from, float *to,
                      size_t n) {
  const unsigned char *p = from;
  size_t width = types[type].width;
  if (width == 1 || highfirst == idn_ishighfirst()) {
    if (from != to) types[type].read(p, to, n);
    return;
  }
  while (n > 0) {
    unsigned char block[1024];
    size_t some = n < sizeof block / width ? n : sizeof block / width;
    memcpy(block, p, some * width);
    swap(block, width, some);
    types[type].read(block, to, some);
    p += some * width;
    to += some;
    n -= some;
  }
}

void idn_writeelements(int type, const float *from, void *to, size_t n) {
  if (type != IDN_F32 || from != to) types[type].write(from, to, n);
  if (idn_ishighfirst()) swap(to, types[type].width, n);
}
