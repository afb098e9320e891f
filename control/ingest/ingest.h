/* SPDX-License-Identifier: BSD-3-Clause
 *
 * From the event rings to the store and the EVE files, exactly once.
 *
 * One thread drains all rings. What it reads goes, record by record, into EVE lines, rows of the
 * store and contacts; every few milliseconds all of it is made durable at once: first the EVE
 * lines are written to their files, then one RocksDB batch is committed and synced, which holds
 * the rows, the contact journal, the position in every ring and the length of every EVE file.
 * Only then the rings' tails move. A process that is killed at any point goes on, when started
 * again, at the stored positions, after cutting the EVE files to the stored lengths.
 *
 * When a commit fails nothing is tried again blindly: the store is closed and opened, which
 * shows what became durable, and ingestion goes on from the positions found there.
 */
#ifndef CONTROL_INGEST_INGEST_H
#define CONTROL_INGEST_INGEST_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "control/store/store.h"
#include "dataplane/event/boot.h"
#include "dataplane/event/config.h"
#include "dataplane/event/fields.h"

struct contacts;
struct hosts;
struct ingest;

/* Figures for other threads; single writer: the ingest thread. */
struct ingest_figures {
	_Atomic uint64_t records, alerts, contacts, commits, commit_bytes, malformed, failures;
	_Atomic uint64_t last_commit_ns;  /* CLOCK_MONOTONIC */
	_Atomic uint64_t newest_packet_ns; /* highest packet time seen */
	_Atomic uint64_t type[RECORD_COUNT];
	_Atomic uint32_t waiting;         /* 1: cannot write now, tries again */
};

/* What the ingest thread works with; all borrowed. boot may be told to stop from outside. */
struct ingest_setup {
	const struct config *config;
	struct boot *boot;
	struct counters_shared *counters; /* NULL: no stats records */
	struct store *store;
	struct contacts *contacts;        /* NULL: not kept */
	struct hosts *hosts;              /* NULL: not kept */
};

/* 0 and *out, or -errno after a sentence. */
int ingest_new(struct ingest **out, const struct ingest_setup *setup);
void ingest_free(struct ingest *in);
/* Until the end of the captures, or until boot->stop; all is committed when it returns. 0, or
 * -errno when it could not go on. */
int ingest_run(struct ingest *in);
/* Reads what is in the rings now, once; true if there was anything. For tests and ingest_run. */
bool ingest_turn(struct ingest *in);
/* Makes durable what was read. 0 or -errno. */
int ingest_commit(struct ingest *in);
/* A record that the control process itself has to write (a finding): goes where a worker's would
 * go, with a coming commit, in whose batch the marker (a key of family finding) is deleted: so
 * whoever finds the marker there knows that the record is still to be posted. Copied. Any thread.
 * 0 or -ENOMEM. */
#define INGEST_MARKER_MAX 2200
struct record_head;
int ingest_post(struct ingest *in, const struct record_head *record, const void *marker,
		size_t marker_len);
/* Any thread: EVE files are opened anew after the next commit. */
void ingest_ask_rotate(struct ingest *in);
const struct ingest_figures *ingest_figures(const struct ingest *in);
/* Records of that type that workers gave up because a ring was full. Any thread. */
uint64_t ingest_lost(const struct ingest *in, enum record_type type);
/* Bytes waiting in the rings. Any thread. */
uint64_t ingest_backlog(const struct ingest *in);

#endif
