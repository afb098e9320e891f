/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Reads "name<TAB>path" lines; takes each capture from fresh state through decoder, flow table, TCP
 * and the application parsers, without rules, and prints a JSON object a line: the name, its flows
 * ([proto, client, port, server, port, app, packets and bytes each way, state, reason]) and the
 * stream events by name.
 */
#include <pcap/pcap.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dataplane/app/app.h"
#include "dataplane/detect/detect.h"
#include "dataplane/engine/emit.h"
#include "tests/support/packet_worker.h"

/* No rules are loaded here: what detection does without any. */
void detect_packet(struct worker *w, struct packet *p)
{
	struct stream_raw raw;

	if (!p->flow || !p->flow->tcp)
		return;
	while (stream_raw_peek(w, p->flow, (enum direction)p->direction, &raw))
		stream_raw_inspected(w, p->flow, (enum direction)p->direction);
}

void detect_flow_free(struct worker *w, struct flow *f)
{
	(void)w;
	(void)f;
}

void detect_tx_free(struct worker *w, struct tx *tx)
{
	(void)w;
	(void)tx;
}

static uint64_t number(const struct record_head *r, enum field_id f)
{
	struct value v;

	return record_find(r, f, &v) ? v.n : 0;
}

static void print_text(const struct record_head *r, enum field_id f)
{
	struct value v;

	if (record_find(r, f, &v))
		printf(",\"%.*s\"", (int)v.body.len, (const char *)v.body.data);
	else
		printf(",null");
}

static void print_end(const struct addr *a, const struct record_head *r, unsigned port)
{
	char text[ADDR_TEXT_MAX];

	printf(",\"%s\"", addr_format_long(a, r->ip_version, text));
	if (r->flags & RECORD_HAS_PORTS)
		printf(",%u", port);
	else
		printf(",null");
}

static void sink(struct worker *w, const struct record_head *r)
{
	bool *first = w->sink;

	if (r->type != RECORD_flow)
		return;
	printf("%s[%u", *first ? "" : ",", r->ip_proto);
	*first = false;
	print_end(&r->src, r, r->sport);
	print_end(&r->dst, r, r->dport);
	print_text(r, F_top_app_proto);
	printf(",%llu,%llu,%llu,%llu", (unsigned long long)number(r, F_flow_pkts_toserver),
	       (unsigned long long)number(r, F_flow_pkts_toclient),
	       (unsigned long long)number(r, F_flow_bytes_toserver),
	       (unsigned long long)number(r, F_flow_bytes_toclient));
	print_text(r, F_flow_state);
	print_text(r, F_flow_reason);
	printf("]");
}

static bool bulk_sink(struct worker *w, const struct record_head *r)
{
	(void)w;
	(void)r;
	return true;
}

static void run_packet(struct worker *w, struct packet *p)
{
	flow_packet(w, p);
	if (!(p->flags & PACKET_NO_INSPECT)) {
		if (p->flow && p->ip_proto == 6)
			stream_packet(w, p);
		else if (p->flow && p->ip_proto == 17)
			app_datagram(w, p);
		detect_packet(w, p);
	}
	if (p->flow) {
		app_packet_done(w, p->flow, p);
		flow_packet_done(w, p);
	}
}

static void run_frame(struct packet_worker *pw, const struct pcap_pkthdr *head, const u_char *data,
		      unsigned link_type)
{
	uint64_t before = pw->w.now_ns;
	uint64_t ns = (uint64_t)head->ts.tv_sec * 1000000000ull + (uint64_t)head->ts.tv_usec;

	packet_worker_frame(pw, data, head->caplen, link_type, ns);
	if (pw->w.now_ns < before)
		pw->w.now_ns = before;
	flow_prefetch(&pw->w, pw->out, pw->count);
	for (unsigned i = 0; i < pw->count; i++)
		run_packet(&pw->w, pw->out[i]);
	flow_timers(&pw->w, pw->w.now_ns, 64);
}

static void print_events(const struct packet_worker *pw)
{
	const char *comma = "";

	printf("],\"events\":{");
	for (unsigned i = 1; i < ANOMALY_COUNT; i++) {
		if (!pw->counters.anomaly[i] || anomaly_rows[i].layer != ANOMALY_STREAM)
			continue;
		printf("%s\"%s\":%llu", comma, anomaly_rows[i].name,
		       (unsigned long long)pw->counters.anomaly[i]);
		comma = ",";
	}
	printf("},\"left\":[%llu,%llu]}\n", (unsigned long long)pw->counters.flow_active,
	       (unsigned long long)pw->w.heap.used_bytes);
}

static void run(struct packet_worker *pw, const char *name, const char *path)
{
	char error[PCAP_ERRBUF_SIZE];
	struct pcap_pkthdr *head;
	const u_char *data;
	bool first = true;
	pcap_t *pcap;

	memset(&pw->counters, 0, sizeof(pw->counters));
	decode_worker_reset(&pw->w);
	pw->w.now_ns = 0;
	pw->w.sink = &first;
	printf("{\"pcap\":\"%s\",\"flows\":[", name);
	pcap = pcap_open_offline_with_tstamp_precision(path, PCAP_TSTAMP_PRECISION_NANO, error);
	if (pcap && decode_link_supported((unsigned)pcap_datalink(pcap)))
		while (pcap_next_ex(pcap, &head, &data) == 1)
			run_frame(pw, head, data, (unsigned)pcap_datalink(pcap));
	flow_end_all(&pw->w);
	packet_worker_done(pw);
	print_events(pw);
	if (pcap)
		pcap_close(pcap);
}

int main(void)
{
	static const char *const settings[] = {"checksums=ignore", "decoder.gtpu.enabled=no",
					       "decoder.ayiya.enabled=no", "decoder.l2tp.enabled=no", "decoder.vxlan_gpe.enabled=no",
					       "decoder.llc.enabled=no",
					       "flow.max=65536", NULL};
	struct packet_worker *pw = packet_worker_new(settings);
	struct worker *w = &pw->w;
	char line[4096];

	w->offline = true;
	w->record_sink = sink;
	w->bulk_sink = bulk_sink;
	w->record_memory = malloc(RECORD_MAX_BYTES);
	if (!w->record_memory || heap_init(&w->heap, 1u << 30) != 0 || flow_worker_new(w) != 0 ||
	    stream_worker_new(w) != 0 || app_worker_new(w) != 0)
		return 1;
	while (fgets(line, sizeof(line), stdin)) {
		char *tab = strchr(line, '\t');

		line[strcspn(line, "\n")] = 0;
		if (!tab)
			continue;
		*tab = 0;
		run(pw, line, tab + 1);
	}
	app_worker_free(w);
	stream_worker_free(w);
	flow_worker_free(w);
	heap_fini(&w->heap);
	free(w->record_memory);
	packet_worker_free(pw);
	return 0;
}
