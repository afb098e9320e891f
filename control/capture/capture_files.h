/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Captured packets in pcapng files, one for each name that a worker says. One thread.
 *
 * Every packet is there once, whatever becomes of the process: a packet's epb_packetid is the number of its
 * record, which never goes back; a file that is opened again is cut behind its last whole block, and what is
 * in it already is not written twice.
 */
#ifndef CONTROL_CAPTURE_CAPTURE_FILES_H
#define CONTROL_CAPTURE_CAPTURE_FILES_H

#include "dataplane/event/record.h"

struct capture_files;

struct capture_files_options {
	const char *dir;
	uint64_t budget_bytes; /* 0: no limit. Beyond it the files longest not written go */
	/* if_name of a port; borrowed until the next call. */
	const char *(*port_name)(void *arg, unsigned port_index);
	void *arg;
};

struct capture_files_figures {
	uint64_t packets, again; /* written; there already */
	uint64_t files, removed; /* begun; gone for the budget */
	uint64_t lost;           /* not written: the file system */
};

/* Makes the folder. 0, or -errno after a sentence. */
int capture_files_open(struct capture_files **out, const struct capture_files_options *o);
/* Commits. */
void capture_files_close(struct capture_files *f);
/* One recorded record. */
void capture_files_packet(struct capture_files *f, const struct record_head *head);
/* What was taken so far is in its files. */
void capture_files_commit(struct capture_files *f);
const struct capture_files_figures *capture_files_figures(const struct capture_files *f);

#endif
