#include "decimal.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_DIGITS = 9 }; /* as many tell any two floats apart */

/* The digits of a positive number, and where the point stands: it is about
   0.DIGITS * 10^point. */
typedef struct decimal {
  char digits[MOST_DIGITS + 1];
  int count, point;
} decimal;

/* Rounds `value` to so many digits. Returns whether they read back as `x`. Some
   locales have another point than '.', which may be of several bytes. */
static int readsback(decimal *d, int count, double value, float x) {
  char text[64];
  snprintf(text, sizeof text, "%.*e", count - 1, value);
  const char *exponent = strchr(text, 'e');
  d->count = count;
  d->digits[0] = text[0];
  memcpy(d->digits + 1, exponent - (count - 1), (size_t)count - 1);
  d->digits[count] = '\0';
  d->point = atoi(exponent + 1) + 1;
  return strtof(text, NULL) == x;
}

/* Below a power of two the gap to the next float is half of that above: there
   the shortest decimal may be one that is not nearest for its length, but is
   found by looking a little higher. Elsewhere, fewer digits than some that do
   not read back need no try. */
static void shortest(decimal *d, float x) {
  int exponent, is_power = frexpf(x, &exponent) == 0.5F;
  int count = is_power || readsback(d, 6, x, x) ? 1 : 7;
  while (!readsback(d, count, x, x) &&
         !(is_power && readsback(d, count, x * (1 + 0x1p-25), x)))
    count++;
}

int idn_decimal(char text[IDN_DECIMAL_SIZE], float x) {
  decimal d;
  const char *sign = signbit(x) ? "-" : "";
  if (isnan(x)) return snprintf(text, IDN_DECIMAL_SIZE, "NaN");
  if (isinf(x)) return snprintf(text, IDN_DECIMAL_SIZE, "%sInf", sign);
  if (x == 0) return snprintf(text, IDN_DECIMAL_SIZE, "%s0.0", sign);
  shortest(&d, fabsf(x));
  if (d.point <= -4 || d.point > 6)
    return snprintf(text, IDN_DECIMAL_SIZE, "%s%c.%se%d", sign, d.digits[0],
                    d.count > 1 ? d.digits + 1 : "0", d.point - 1);
  if (d.point <= 0)
    return snprintf(text, IDN_DECIMAL_SIZE, "%s0.%.*s%s", sign, -d.point, "000",
                    d.digits);
  if (d.point >= d.count)
    return snprintf(text, IDN_DECIMAL_SIZE, "%s%s%.*s.0", sign, d.digits,
                    d.point - d.count, "00000");
  return snprintf(text, IDN_DECIMAL_SIZE, "%s%.*s.%s", sign, d.point, d.digits,
                  d.digits + d.point);
}
