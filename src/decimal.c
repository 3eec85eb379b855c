#include "decimal.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

/* The digits are found exactly, by the method of Steele and White as Burger
   and Dybvig tell it. The largest number met is below 2^156. */
enum { LIMBS = 5, MOST_DIGITS = 9 };

typedef struct big {
  uint32_t limb[LIMBS]; /* the lowest first */
} big;

/* `rest` / `unit` is what is left to write. Whatever lies up to `down` below
   or `up` above it reads back as the same float, the ends too if `closed`. */
typedef struct span {
  big rest, unit, down, up;
  int closed;
} span;

/* n * 2^power */
static big shifted(uint32_t n, int power) {
  big a = {{0}};
  uint64_t wide = (uint64_t)n << power % 32;
  a.limb[power / 32] = (uint32_t)wide;
  if (wide >> 32) a.limb[power / 32 + 1] = (uint32_t)(wide >> 32);
  return a;
}

static void multiply(big *a, uint32_t factor) {
  uint64_t carry = 0;
  for (int i = 0; i < LIMBS; i++) {
    carry += (uint64_t)a->limb[i] * factor;
    a->limb[i] = (uint32_t)carry;
    carry >>= 32;
  }
}

static big sum(const big *a, const big *b) {
  big c;
  uint64_t carry = 0;
  for (int i = 0; i < LIMBS; i++) {
    carry += (uint64_t)a->limb[i] + b->limb[i];
    c.limb[i] = (uint32_t)carry;
    carry >>= 32;
  }
  return c;
}

static void subtract(big *a, const big *b) {
  uint32_t borrow = 0;
  for (int i = 0; i < LIMBS; i++) {
    uint64_t d = (uint64_t)a->limb[i] - b->limb[i] - borrow;
    a->limb[i] = (uint32_t)d;
    borrow = (uint32_t)(d >> 32) & 1;
  }
}

static int compare(const big *a, const big *b) {
  for (int i = LIMBS - 1; i >= 0; i--)
    if (a->limb[i] != b->limb[i]) return a->limb[i] < b->limb[i] ? -1 : 1;
  return 0;
}

static void tenfold(span *s) {
  multiply(&s->rest, 10);
  multiply(&s->down, 10);
  multiply(&s->up, 10);
}

/* Whether the span reaches down to 0, or up to a unit. */
static int reachesdown(const span *s) {
  int order = compare(&s->rest, &s->down);
  return order < 0 || (order == 0 && s->closed);
}

static int reachesup(const span *s) {
  big top = sum(&s->rest, &s->up);
  int order = compare(&top, &s->unit);
  return order > 0 || (order == 0 && s->closed);
}

/* Whether a unit is nearer than 0; of two that are equally near, the even
   digit is taken. */
static int isabovehalf(const span *s, int digit) {
  big twice = sum(&s->rest, &s->rest);
  int order = compare(&twice, &s->unit);
  return order > 0 || (order == 0 && digit % 2 == 1);
}

/* The float of these bits, which is finite and not 0, its sign left aside. */
static span spanof(uint32_t bits) {
  uint32_t mantissa = bits & 0x7fffff;
  int exponent = (int)(bits >> 23 & 0xff);
  int isnormal = exponent > 0;
  /* The gap below a power of two is half of that above. */
  uint32_t down = mantissa == 0 && exponent > 1 ? 1 : 2;
  int power = (isnormal ? exponent : 1) - 150;
  int up = power > 0 ? power : 0;
  if (isnormal) mantissa |= 0x800000;
  span s = {shifted(4 * mantissa, up), shifted(4, up - power),
            shifted(down, up), shifted(2, up), mantissa % 2 == 0};
  return s;
}

/* Writes the digits and returns how many: the float is 0.DIGITS * 10^point. */
static int digitsof(uint32_t bits, char *digits, int *point) {
  span s = spanof(bits);
  int count = 0;
  *point = 0;
  for (; reachesup(&s); ++*point) multiply(&s.unit, 10);
  for (tenfold(&s); !reachesup(&s); tenfold(&s)) --*point;
  for (;; tenfold(&s)) {
    int digit = 0;
    for (; compare(&s.rest, &s.unit) >= 0; digit++) subtract(&s.rest, &s.unit);
    int down = reachesdown(&s), up = reachesup(&s);
    if (up && (!down || isabovehalf(&s, digit))) digit++;
    digits[count++] = (char)('0' + digit);
    if (down || up) break;
  }
  digits[count] = '\0';
  return count;
}

int idn_decimal(char text[IDN_DECIMAL_SIZE], float x) {
  char digits[MOST_DIGITS + 1];
  int point, count;
  uint32_t bits;
  memcpy(&bits, &x, sizeof bits);
  const char *sign = bits >> 31 ? "-" : "";
  bits &= 0x7fffffff;
  if (bits > 0x7f800000) return snprintf(text, IDN_DECIMAL_SIZE, "NaN");
  if (bits == 0x7f800000)
    return snprintf(text, IDN_DECIMAL_SIZE, "%sInf", sign);
  if (bits == 0) return snprintf(text, IDN_DECIMAL_SIZE, "%s0.0", sign);
  count = digitsof(bits, digits, &point);
  if (point <= -4 || point > 6)
    return snprintf(text, IDN_DECIMAL_SIZE, "%s%c.%se%d", sign, digits[0],
                    count > 1 ? digits + 1 : "0", point - 1);
  if (point <= 0)
    return snprintf(text, IDN_DECIMAL_SIZE, "%s0.%.*s%s", sign, -point, "000",
                    digits);
  if (point >= count)
    return snprintf(text, IDN_DECIMAL_SIZE, "%s%s%.*s.0", sign, digits,
                    point - count, "00000");
  return snprintf(text, IDN_DECIMAL_SIZE, "%s%.*s.%s", sign, point, digits,
                  digits + point);
}
