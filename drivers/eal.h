/* SPDX-License-Identifier: BSD-3-Clause
 *
 * DPDK's environment layer: one for the process, started once, only when a port needs it. Captures
 * alone do without.
 */
#ifndef DRIVERS_EAL_H
#define DRIVERS_EAL_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct rte_mempool;

enum eal_pages { EAL_PAGES_AUTO, EAL_PAGES_HUGE, EAL_PAGES_SMALL };

struct eal_options {
	enum eal_pages pages;
	unsigned frames;            /* that pools will be asked for: decides about huge pages */
	const char *const *pci;     /* devices to be probed; the others are left alone */
	unsigned pci_count;
};

/* 0, or -errno and a sentence in error (512 bytes). *huge: whether huge pages are used. Undoes the
 * pinning of the calling thread. Once in a process. */
int eal_start(const struct eal_options *o, bool *huge, char *error);
void eal_stop(void);
/* Bytes of huge pages that are free. */
uint64_t eal_free_huge_bytes(void);
/* The last complaint of EAL or of a driver in it, without its prefix; "" if there was none. */
const char *eal_last_error(void);
void eal_forget_error(void);
/* For libraries with a log of their own. */
void eal_note_error(const char *format, va_list args);

/* A pool of count frames (frame.h). NULL and a sentence. */
struct rte_mempool *eal_frames_new(const char *name, unsigned count, char *error);
void eal_frames_free(struct rte_mempool *pool);
/* Makes the calling thread one of EAL's: its own cache of frames. 0 or -errno. */
int eal_thread_begin(void);
void eal_thread_end(void);

#endif
