/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The flow as two records, one a direction (NetFlow's view). What a flow itself has no room for, the
 * extremes of times to live, stands in an array beside the table that is there only when these records
 * are asked for. Worker thread only.
 */
#include <errno.h>
#include <string.h>

#include "dataplane/app/app.h"
#include "dataplane/engine/emit.h"
#include "dataplane/flow/table.h"

#define PROTO_ICMP 1
#define PROTO_TCP 6
#define PROTO_ICMP6 58
#define NS_PER_S 1000000000ull

int netflow_new(struct worker *w, struct flow_table *t)
{
	size_t blocks;

	if (!config_eve_wants(w->config, "netflow"))
		return 0;
	blocks = (t->max + FLOWS_PER_BLOCK - 1) / FLOWS_PER_BLOCK;
	t->ttl = worker_memory(w, blocks * BLOCK_PLACES * sizeof(*t->ttl), 64);
	return t->ttl ? 0 : -ENOMEM;
}

void netflow_ttl(struct flow_table *t, const struct flow *f, enum direction d, uint8_t ttl)
{
	struct flow_ttl *known = &t->ttl[flow_index(t, f)];

	if (ttl < known->least[d])
		known->least[d] = ttl;
	if (ttl > known->most[d])
		known->most[d] = ttl;
}

void netflow_packet(struct flow_table *t, const struct flow *f, const struct packet *p)
{
	if (p->flags & PACKET_NEW_FLOW)
		t->ttl[flow_index(t, f)] = (struct flow_ttl){.least = {UINT8_MAX, UINT8_MAX}};
	netflow_ttl(t, f, (enum direction)p->direction, p->ttl);
}

void netflow_reverse(struct flow_table *t, const struct flow *f)
{
	struct flow_ttl *ttl = &t->ttl[flow_index(t, f)], keep = *ttl;

	for (unsigned d = 0; d < 2; d++) {
		ttl->least[d] = keep.least[!d];
		ttl->most[d] = keep.most[!d];
	}
}

static void record_tcp(struct recorder *r, const struct flow *f, enum direction d, bool streams)
{
	static const struct {
		uint8_t flag;
		enum field_id field;
	} rows[] = {
		{TCP_SYN, F_netflow_tcp_syn}, {TCP_FIN, F_netflow_tcp_fin}, {TCP_RST, F_netflow_tcp_rst},
		{TCP_PSH, F_netflow_tcp_psh}, {TCP_ACK, F_netflow_tcp_ack}, {TCP_URG, F_netflow_tcp_urg},
		{TCP_ECE, F_netflow_tcp_ecn}, {TCP_CWR, F_netflow_tcp_cwr},
	};
	uint8_t flags = flow_told_flags(f, d, streams);
	char hex[3];

	flow_hex_byte(flags, hex);
	rec_open(r, F_netflow_tcp);
	rec_text(r, F_netflow_tcp_flags, hex);
	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (flags & rows[i].flag)
			rec_bool(r, rows[i].field, true);
	rec_close(r);
}

static void direction_record(struct worker *w, const struct flow *f, enum direction d)
{
	const struct flow_ttl *ttl = &w->flows->ttl[flow_index(w->flows, f)];
	struct recorder *r = emit_flow(w, RECORD_netflow, f, d, RECORD_NO_TX, NULL);
	struct record_head *head = (struct record_head *)(void *)r->at;

	if (d == TO_CLIENT && (f->ip_proto == PROTO_ICMP || f->ip_proto == PROTO_ICMP6)) {
		head->sport = f->icmp_reply_type;
		head->dport = f->icmp_reply_code;
	}
	app_record_direction(r, f, d);
	rec_open(r, F_netflow_netflow);
	rec_uint(r, F_netflow_pkts, f->packets[d]);
	rec_uint(r, F_netflow_bytes, f->bytes[d]);
	rec_time(r, F_netflow_start, flow_cold(f)->start_ns);
	rec_time(r, F_netflow_end, f->last_ns);
	rec_uint(r, F_netflow_age, f->last_ns / NS_PER_S - flow_cold(f)->start_ns / NS_PER_S);
	rec_uint(r, F_netflow_min_ttl, ttl->least[d]);
	rec_uint(r, F_netflow_max_ttl, ttl->most[d]);
	if (f->app && f->app->tx_count)
		rec_uint(r, F_netflow_tx_cnt, f->app->tx_count);
	rec_close(r);
	if (f->ip_proto == PROTO_TCP)
		record_tcp(r, f, d, w->flows->streams);
	emit_end(w);
}

void netflow_record(struct worker *w, const struct flow *f)
{
	direction_record(w, f, TO_SERVER);
	if (f->packets[TO_CLIENT])
		direction_record(w, f, TO_CLIENT);
}
