/* SPDX-License-Identifier: BSD-3-Clause */
#include "drivers/capture.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <pcap/pcap.h>

#include "drivers/frame.h"

struct capture {
	pcap_t *pcap;
	char *path;
	unsigned link_type;
	uint64_t packets;
	uint64_t bytes_done;
};

uint64_t capture_file_bytes(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && S_ISREG(st.st_mode) ? (uint64_t)st.st_size : 0;
}

/* libpcap's own words are kept only where they say more than "cannot be read". */
static void open_failed(const char *path, const char *reason, char *error)
{
	struct stat st;

	if (strcmp(path, "-") != 0 && stat(path, &st) != 0)
		snprintf(error, CAPTURE_ERROR_BYTES, "cannot open capture %s: %s", path,
			 strerror(errno));
	else if (strcmp(path, "-") != 0 && S_ISDIR(st.st_mode))
		snprintf(error, CAPTURE_ERROR_BYTES,
			 "capture %s is a folder; name the files in it", path);
	else if (strcmp(path, "-") != 0 && S_ISREG(st.st_mode) && st.st_size == 0)
		snprintf(error, CAPTURE_ERROR_BYTES, "capture %s is empty", path);
	else
		snprintf(error, CAPTURE_ERROR_BYTES,
			 "cannot read capture %s: %s (pcap and pcapng files can be read)", path,
			 reason);
}

struct capture *capture_open(const char *path, char *error)
{
	char reason[PCAP_ERRBUF_SIZE] = "";
	struct capture *c = calloc(1, sizeof(*c));
	int link_type;

	if (!c || !(c->path = strdup(path)))
		goto no_memory;
	c->pcap = pcap_open_offline_with_tstamp_precision(path, PCAP_TSTAMP_PRECISION_NANO, reason);
	if (!c->pcap) {
		open_failed(path, reason, error);
		capture_close(c);
		return NULL;
	}
	link_type = pcap_datalink(c->pcap);
	/* libpcap numbers raw IP as the host's headers do; files and rules have one number. */
	c->link_type = link_type == DLT_RAW ? 101 : (unsigned)link_type;
	return c;

no_memory:
	snprintf(error, CAPTURE_ERROR_BYTES, "no memory to open capture %s", path);
	capture_close(c);
	return NULL;
}

void capture_close(struct capture *c)
{
	if (!c)
		return;
	if (c->pcap)
		pcap_close(c->pcap);
	free(c->path);
	free(c);
}

static void note_position(struct capture *c)
{
	FILE *file = pcap_file(c->pcap);
	long at = file ? ftell(file) : -1;

	if (at > 0)
		c->bytes_done = (uint64_t)at;
}

enum capture_status capture_next(struct capture *c, struct rte_mbuf **frame, char *error)
{
	struct pcap_pkthdr *head;
	const u_char *bytes;
	struct frame_info *info;
	int got = pcap_next_ex(c->pcap, &head, &bytes);

	/* Asking for the position costs a system call. */
	if (got != 1 || c->packets % 256 == 0)
		note_position(c);
	if (got == PCAP_ERROR_BREAK)
		return CAPTURE_END;
	if (got != 1) {
		snprintf(error, CAPTURE_ERROR_BYTES,
			 "capture %s is cut or damaged after packet %llu: %s; "
			 "the packets before were inspected",
			 c->path, (unsigned long long)c->packets, pcap_geterr(c->pcap));
		return CAPTURE_CUT;
	}
	*frame = frame_new(head->caplen);
	if (!*frame) {
		snprintf(error, CAPTURE_ERROR_BYTES, "no memory for packet %llu of capture %s",
			 (unsigned long long)c->packets + 1, c->path);
		return CAPTURE_CUT;
	}
	memcpy(rte_pktmbuf_mtod(*frame, uint8_t *), bytes, head->caplen);
	info = frame_info(*frame);
	/* tv_usec holds nanoseconds at this precision. */
	info->ts_ns = (uint64_t)head->ts.tv_sec * 1000000000ull;
	/* A fraction of more than a second is damage. */
	if ((uint64_t)head->ts.tv_usec < 1000000000ull)
		info->ts_ns += (uint64_t)head->ts.tv_usec;
	info->number = ++c->packets;
	info->wire_len = head->len > head->caplen ? head->len : head->caplen;
	info->link_type = (uint16_t)c->link_type;
	return CAPTURE_FRAME;
}

unsigned capture_link_type(const struct capture *c)
{
	return c->link_type;
}

const char *capture_link_name(unsigned link_type)
{
	const char *name = pcap_datalink_val_to_name((int)link_type);

	return name ? name : "unknown";
}

uint64_t capture_packets(const struct capture *c)
{
	return c->packets;
}

uint64_t capture_bytes_done(const struct capture *c)
{
	return c->bytes_done;
}
