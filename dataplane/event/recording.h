/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A recording: packets that are written to pcapng files while it runs. This is what is asked of the
 * dataplane (an order: a memfd beside COMMAND_recording_start, or the configuration), and what it says of
 * those that run (rows in a memfd).
 *
 * Every worker writes files of its own, NAME.STARTED.WORKER.NUMBER.pcapng, so that the name is known to
 * the worker when it writes an alert (capture_file in EVE) although another process makes the file.
 */
#ifndef EVENT_RECORDING_H
#define EVENT_RECORDING_H

#include "dataplane/event/config.h"
#include "dataplane/event/filter.h"

#define RECORDINGS_MAX 4       /* at once */
#define RECORDING_NAME_MAX 32  /* a-z A-Z 0-9 - _; terminated */
#define RECORDING_FILE_MAX 96  /* a file's name, terminated */
#define RECORDING_MAGIC 0x31676e696472636dull

struct recording_order {
	uint64_t magic;
	char name[RECORDING_NAME_MAX];
	uint64_t started_s;      /* seconds since the epoch; part of the files' names */
	uint64_t expires_ns;     /* since the epoch; 0: until it is stopped */
	uint64_t cut_off_bytes;  /* of each flow, from its begin, or from its first alert; 0: all */
	uint64_t recent_bytes;   /* alerts_only: of packets before an alert, per worker */
	uint64_t file_bytes;     /* then the next file; 0: one file */
	uint64_t file_ns;        /* likewise, by packet time */
	uint32_t snaplen;        /* bytes of a packet; 0: all */
	uint32_t alerts_only;    /* 1: flows with alerts alone; 0: all that the filter takes */
	struct filter filter;
};

struct recording_row {
	char name[RECORDING_NAME_MAX];
	char filter[FILTER_TEXT_MAX];
	uint64_t started_s, expires_ns;
	uint64_t packets, bytes; /* given to the writer */
	uint64_t before;         /* of the packets: those that came before an alert */
	uint64_t lost;           /* the writer's ring was full */
	uint32_t alerts_only, snaplen;
	uint64_t cut_off_bytes;
};

/* What the configuration asks for (capture.…), under that name. 0, or -errno and why. */
int recording_order_make(struct recording_order *o, const struct config *c, const char *name, const char *filter,
			 char *error, size_t error_size);
bool recording_name_good(const char *name);
/* A memfd with the order, owned by the caller, or -errno. */
int recording_order_write(const struct recording_order *o);
/* Reads and checks it. 0, -EINVAL, -ENOMEM. */
int recording_order_read(struct recording_order *o, int fd);
/* The rows in the memfd: new, free(); NULL: none. */
struct recording_row *recording_rows_read(int fd, size_t *count);
/* The name of a worker's file; no system call, no locale. */
size_t recording_file_name(char out[RECORDING_FILE_MAX], const char *name, uint64_t started_s, unsigned worker,
			   uint64_t number);

#endif
