#include "size.h"

int64_t idn_countupto(int rank, const int64_t *size, int64_t most) {
  int64_t count = 1;
  int d = 0;
  /* Mostly all is small, and then no division is needed. */
  for (; d < rank && ((count | size[d]) >> 31) == 0; d++) count *= size[d];
  for (int k = d; k < rank; k++)
    if (size[k] == 0) return 0;
  for (; d < rank && count > 0; d++) {
    if (size[d] > most / count) return -1;
    count *= size[d];
  }
  return count <= most ? count : -1;
}

int64_t idn_countelements(int rank, const int64_t *size) {
  return idn_countupto(rank, size, PTRDIFF_MAX / (int64_t)sizeof(float));
}

void idn_packstrides(int rank, const int64_t *size, int order,
                     int64_t *stride) {
  int64_t step = 1;
  for (int k = 0; k < rank; k++) {
    int d = order == IDN_ROW ? rank - 1 - k : k;
    stride[d] = step;
    step *= size[d];
  }
}

static int arepacked(int rank, const int64_t *size, const int64_t *stride,
                     int order) {
  int64_t step = 1;
  for (int k = 0; k < rank; k++) {
    int d = order == IDN_ROW ? rank - 1 - k : k;
    if (size[d] != 1 && stride[d] != step) return 0;
    step *= size[d];
  }
  return 1;
}

int idn_orderof(int rank, const int64_t *size, const int64_t *stride) {
  for (int d = 0; d < rank; d++)
    if (size[d] == 0) return IDN_ROW;
  if (arepacked(rank, size, stride, IDN_ROW)) return IDN_ROW;
  return arepacked(rank, size, stride, IDN_COL) ? IDN_COL : IDN_GAPS;
}
