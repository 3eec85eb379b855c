#include "picture.h"

#include <string.h>

#include "loop.h"

enum { CHUNK = 16 };

/* -- Counting ------------------------------------------------------------ */

static int64_t countchunk(const float *p) {
  uint32_t bits[CHUNK], any = 0, count = 0;
  memcpy(bits, p, sizeof bits);
  for (int k = 0; k < CHUNK; k++) any |= bits[k];
  if (any << 1 == 0) return 0;
  for (int k = 0; k < CHUNK; k++) count += bits[k] << 1 != 0;
  return count;
}

static int isnonzero(const float *p) {
  uint32_t bits;
  memcpy(&bits, p, sizeof bits);
  return bits << 1 != 0;
}

static int64_t countrun(const float *p, int64_t n, int64_t stride) {
  int64_t count = 0, k = 0;
  if (stride == 1)
    for (; n - k >= CHUNK; k += CHUNK) count += countchunk(p + k);
  for (; k < n; k++) count += isnonzero(p + k * stride);
  return count;
}

static int visit(void *state, int64_t n, float *a, int64_t sa, const float *b,
                 int64_t sb) {
  int64_t *count = state;
  (void)b, (void)sb;
  *count += countrun(a, n, sa);
  return 1;
}

int64_t idn_nonzeros(const idn_array *a) {
  int64_t count = 0;
  idn_eachrun(a, a, visit, &count);
  return count;
}

/* -- Drawing ------------------------------------------------------------- */

/* The bit of the dot at a row and column of the picture, and its character. */
static unsigned char *locate(const idn_picture *picture, const int64_t *at,
                             unsigned char *bit) {
  static const unsigned char bits[4][2] = {
      {0x01, 0x08}, {0x02, 0x10}, {0x04, 0x20}, {0x40, 0x80}};
  *bit = bits[at[0] % 4][at[1] % 2];
  return picture->mask + at[0] / 4 * idn_picturecolumns(picture) + at[1] / 2;
}

/* The first of n positions that belongs to the dot. No product overflows. */
static int64_t first(int64_t dot, int64_t n, int64_t dots) {
  return n / dots * dot + (n % dots * dot + dots - 1) / dots;
}

/* Sets those dots in a line that have been found clear so far and have a
   non-zero now. Returns how many. */
static int64_t drawline(const idn_picture *picture, const idn_array *plane,
                        const float *line, int along, int64_t *at) {
  int64_t n = plane->size[along], dots = picture->dots[along], found = 0;
  for (at[along] = 0; at[along] < dots; at[along]++) {
    unsigned char bit, *mask = locate(picture, at, &bit);
    if (*mask & bit) continue;
    int64_t from = first(at[along], n, dots);
    int64_t to = first(at[along] + 1, n, dots);
    int64_t stride = plane->stride[along];
    if (countrun(line + from * stride, to - from, stride) == 0) continue;
    *mask |= bit;
    found++;
  }
  return found;
}

/* Runs along the dimension that lies closer in memory, once over each line
   for the count; lines that can set no further dot are not looked at again. */
int64_t idn_draw(const idn_picture *picture, const idn_array *plane) {
  const int64_t *size = plane->size, *stride = plane->stride;
  int along = size[1] == 1 || (size[0] > 1 && stride[0] < stride[1]) ? 0 : 1;
  int across = 1 - along;
  int64_t total = 0, at[2], line = 0;
  for (at[across] = 0; at[across] < picture->dots[across]; at[across]++) {
    int64_t end = first(at[across] + 1, size[across], picture->dots[across]);
    int64_t clear = picture->dots[along];
    for (; line < end; line++) {
      const float *p = plane->data + line * stride[across];
      int64_t count = countrun(p, size[along], stride[along]);
      if (count > 0 && clear > 0)
        clear -= drawline(picture, plane, p, along, at);
      total += count;
    }
  }
  return total;
}
