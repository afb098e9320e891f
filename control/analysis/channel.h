/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Between whoever wants files analysed (pool.h) and the analyser process: a SOCK_SEQPACKET pair.
 * An order is struct analysis_order, then its texts, each ended by a zero: name, declared type, text of the mail
 * that it came in; one descriptor goes along, the file. An answer is struct analysis_answer with one descriptor,
 * the report as JSON in a memfd.
 */
#ifndef CONTROL_ANALYSIS_CHANNEL_H
#define CONTROL_ANALYSIS_CHANNEL_H

#include <stdint.h>

#define ANALYSIS_MAGIC 0x316c616eu
#define ANALYSIS_INDICATORS 0x69646e69u /* as magic of an order without texts: the descriptor is a new table of indicators */
#define ANALYSIS_ORDER_MAX 8192u
#define ANALYSIS_REPORT_MAX (8u << 20)
#define ANALYSIS_WORKERS_MAX 64u

struct analysis_order {
	uint32_t magic;
	uint32_t mailed; /* 1: the file came in a mail */
	uint64_t id;
};

enum analysis_end {
	ANALYSIS_DONE,
	ANALYSIS_CRASHED, /* by a signal, or without a report */
	ANALYSIS_TIME,
	ANALYSIS_MEMORY,
};

struct analysis_answer {
	uint32_t magic;
	uint8_t end;     /* enum analysis_end */
	uint8_t verdict; /* 0 to 10 */
	uint16_t reserved;
	uint64_t id;
	uint64_t cpu_us;
};

#endif
