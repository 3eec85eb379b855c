/* Is included before everything that alloc.c tells about. */
#include <stdlib.h>

void *alloc_calloc(size_t count, size_t size);
void *alloc_malloc(size_t size);
void alloc_free(void *block);

#define calloc alloc_calloc
#define malloc alloc_malloc
#define free alloc_free
