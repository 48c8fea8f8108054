/* SPDX-License-Identifier: BSD-3-Clause */
/* A processor for each thread. Where threads are to go the system decides by what has been busy of late;
 * some, on virtual machines above all, put several short ones on one processor while others are idle, for
 * whole series. What is to be measured is what so many processors do. */
#define _GNU_SOURCE /* CPU_SET, RTLD_NEXT */
#include <dlfcn.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "placement.h"

typedef int create_function(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *);

static cpu_set_t allowed;
static pthread_once_t looked = PTHREAD_ONCE_INIT;
static atomic_uint begun;

static void look(void) {
  if (sched_getaffinity(0, sizeof allowed, &allowed) != 0) CPU_ZERO(&allowed);
}

/* The number-th of the processors that this process may use, as a set; they are gone through again and again.
 */
static cpu_set_t processor(unsigned number) {
  pthread_once(&looked, look);
  cpu_set_t set;
  CPU_ZERO(&set);
  int count = CPU_COUNT(&allowed);
  if (count == 0) return set;
  unsigned at = number % (unsigned)count;
  for (size_t cpu = 0; cpu < CPU_SETSIZE; cpu++)
    if (CPU_ISSET(cpu, &allowed) && at-- == 0) CPU_SET(cpu, &set);
  return set;
}

/* The first thread's; others go round the rest. */
void place_first_thread(void) {
  cpu_set_t set = processor(0);
  sched_setaffinity(0, sizeof set, &set);
}

/* In place of the C library's, for every thread of this program and of its libraries. */
int pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*start)(void *),
                   void *argument) {
  create_function *create = NULL;
  /* ISO C has no conversion from an object's address to a function's. */
  *(void **)&create = dlsym(RTLD_NEXT, "pthread_create");
  pthread_once(&looked, look);
  unsigned others = (unsigned)CPU_COUNT(&allowed);
  pthread_attr_t placed;
  if (attributes != NULL || others < 2 || pthread_attr_init(&placed) != 0)
    return create(thread, attributes, start, argument);
  cpu_set_t set = processor(1 + atomic_fetch_add(&begun, 1) % (others - 1));
  int status = pthread_attr_setaffinity_np(&placed, sizeof set, &set);
  if (status == 0) status = create(thread, &placed, start, argument);
  pthread_attr_destroy(&placed);
  return status;
}
