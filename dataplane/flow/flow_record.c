/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The flow as a record. Worker thread only.
 */
#include <string.h>

#include "dataplane/app/app.h"
#include "dataplane/app/service.h"
#include "dataplane/base/hex.h"
#include "dataplane/engine/emit.h"
#include "dataplane/flow/table.h"
#include "dataplane/stream/stream.h"

#define PROTO_ICMP 1
#define PROTO_TCP 6
#define PROTO_UDP 17
#define PROTO_ICMP6 58
#define PROTO_SCTP 132
#define NS_PER_S 1000000000ull

static void record_counts(struct recorder *r, const struct flow *f)
{
	rec_uint(r, F_flow_pkts_toserver, f->packets[TO_SERVER]);
	rec_uint(r, F_flow_pkts_toclient, f->packets[TO_CLIENT]);
	rec_uint(r, F_flow_bytes_toserver, f->bytes[TO_SERVER]);
	rec_uint(r, F_flow_bytes_toclient, f->bytes[TO_CLIENT]);
	rec_time(r, F_flow_start, flow_cold(f)->start_ns);
}

static void record_forwarded(struct recorder *r, const struct flow_forwarded *f)
{
	rec_open(r, F_flow_bypassed);
	rec_uint(r, F_flow_pkts_toserver, f->packets[TO_SERVER]);
	rec_uint(r, F_flow_pkts_toclient, f->packets[TO_CLIENT]);
	rec_uint(r, F_flow_bytes_toserver, f->bytes[TO_SERVER]);
	rec_uint(r, F_flow_bytes_toclient, f->bytes[TO_CLIENT]);
	rec_close(r);
}

void flow_record_brief(struct recorder *r, const struct flow *f)
{
	record_counts(r, f);
	rec_addr(r, F_flow_src_ip, &f->client, f->ip_version);
	rec_addr(r, F_flow_dest_ip, &f->server, f->ip_version);
	if (f->ip_proto != PROTO_TCP && f->ip_proto != PROTO_UDP && f->ip_proto != PROTO_SCTP)
		return;
	rec_uint(r, F_flow_src_port, f->client_port);
	rec_uint(r, F_flow_dest_port, f->server_port);
}

static const char *end_reason_name(const struct flow *f)
{
	switch ((enum flow_end_reason)f->end_reason) {
	case FLOW_END_TIMEOUT: return "timeout";
	case FLOW_END_FORCED: return "forced";
	case FLOW_END_SHUTDOWN: return "shutdown";
	case FLOW_END_REUSE: return "tcp_reuse";
	}
	return "unknown";
}

static const char *stage_name(const struct flow *f)
{
	switch (flow_stage_of(f)) {
	case STAGE_ESTABLISHED: return "established";
	case STAGE_CLOSED: return "closed";
	case STAGE_BYPASSED: return "bypassed";
	default: return "new";
	}
}

static void record_exceptions(struct recorder *r, const struct config *c, const struct flow *f)
{
	const struct {
		enum exception_target cause;
		const char *target;
		unsigned policy;
	} rows[] = {
		{EXCEPTION_REASSEMBLY_MEMCAP, "stream_reassembly_memcap",
		 c->stream_memcap_policy},
		{EXCEPTION_MIDSTREAM, "stream_midstream", c->stream_midstream_policy},
		{EXCEPTION_APP_ERROR, "app_layer_error", c->app_error_policy},
	};

	if (!f->exceptions)
		return;
	rec_open(r, F_flow_exception_policy);
	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (!(f->exceptions >> rows[i].cause & 1))
			continue;
		rec_open(r, F_flow_exception_entry);
		rec_text(r, F_flow_exception_target, rows[i].target);
		rec_text(r, F_flow_exception_name, exception_policy_names[rows[i].policy]);
		rec_close(r);
	}
	rec_close(r);
}

void flow_hex_byte(uint8_t v, char text[3])
{
	*hex_put(text, &v, 1) = 0;
}

static void record_tcp(struct recorder *r, const struct flow *f, bool streams)
{
	static const struct {
		uint8_t flag;
		enum field_id field;
	} rows[] = {
		{TCP_SYN, F_flow_tcp_syn}, {TCP_FIN, F_flow_tcp_fin}, {TCP_RST, F_flow_tcp_rst},
		{TCP_PSH, F_flow_tcp_psh}, {TCP_ACK, F_flow_tcp_ack}, {TCP_URG, F_flow_tcp_urg},
		{TCP_ECE, F_flow_tcp_ecn}, {TCP_CWR, F_flow_tcp_cwr},
	};
	uint8_t ts = flow_told_flags(f, TO_SERVER, streams);
	uint8_t tc = flow_told_flags(f, TO_CLIENT, streams);
	char text[3];

	rec_open(r, F_flow_tcp);
	flow_hex_byte(ts | tc, text);
	rec_text(r, F_flow_tcp_flags, text);
	flow_hex_byte(ts, text);
	rec_text(r, F_flow_tcp_flags_ts, text);
	flow_hex_byte(tc, text);
	rec_text(r, F_flow_tcp_flags_tc, text);
	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if ((ts | tc) & rows[i].flag)
			rec_bool(r, rows[i].field, true);
	}
	if (f->tcp) {
		rec_text(r, F_flow_tcp_state, stream_state_name(stream_state(f)));
		rec_uint(r, F_flow_tcp_ts_max_regions, stream_max_regions(f, TO_SERVER));
		rec_uint(r, F_flow_tcp_tc_max_regions, stream_max_regions(f, TO_CLIENT));
	}
	rec_close(r);
}

static void record_values(struct worker *w, struct recorder *r, struct flow *f)
{
	const struct flow_notes *notes = flow_cold(f)->notes;

	app_record(r, f);
	if (f->app && f->app->unread & APP_UNREAD_ENCRYPTED)
		rec_bool(r, F_top_app_encrypted, true);
	if (f->app && f->app->unread & APP_UNREAD_COMPRESSED)
		rec_bool(r, F_top_app_compressed, true);
	service_record(r, f);
	if ((f->ip_proto == PROTO_ICMP || f->ip_proto == PROTO_ICMP6) && f->packets[TO_CLIENT]) {
		rec_uint(r, F_flow_icmp_reply_type, f->icmp_reply_type);
		rec_uint(r, F_flow_icmp_reply_code, f->icmp_reply_code);
	}
	rec_open(r, F_top_flow);
	record_counts(r, f);
	rec_time(r, F_flow_end, f->last_ns);
	rec_uint(r, F_flow_age, f->last_ns / NS_PER_S - flow_cold(f)->start_ns / NS_PER_S);
	if (f->flags & FLOW_BYPASSED)
		rec_text(r, F_flow_bypass, notes && notes->forwarded ? "capture" : "local");
	if (notes && notes->forwarded)
		record_forwarded(r, notes->forwarded);
	rec_text(r, F_flow_state, stage_name(f));
	if (f->flags & FLOW_ENDING)
		rec_text(r, F_flow_reason, end_reason_name(f));
	rec_bool(r, F_flow_alerted, f->flags & FLOW_ALERTED);
	if (f->flags & FLOW_DROP)
		rec_text(r, F_flow_action, "drop");
	else if (f->flags & FLOW_ACCEPTED)
		rec_text(r, F_flow_action, "accept");
	else if (f->flags & (FLOW_PASS | FLOW_RULES_PASS))
		rec_text(r, F_flow_action, "pass");
	if (f->app && f->app->tx_count)
		rec_uint(r, F_flow_tx_cnt, f->app->tx_count);
	record_exceptions(r, w->config, f);
	rec_close(r);
	if (f->ip_proto == PROTO_TCP)
		record_tcp(r, f, w->flows->streams);
}

void flow_record(struct worker *w, struct flow *f)
{
	struct recorder *r = emit_flow(w, RECORD_flow, f, TO_SERVER, RECORD_NO_TX, NULL);
	uint64_t likeness = flow_likeness(w, f);

	if (!likeness || !flow_memo_write(w->flows, likeness, f, r)) {
		record_values(w, r, f);
		if (likeness)
			flow_memo_keep(w->flows, likeness, r);
	}
	emit_end(w);
}
