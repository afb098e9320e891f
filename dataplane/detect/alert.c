/* SPDX-License-Identifier: BSD-3-Clause
 *
 * From matches to alerts. Matches of a packet are queued, put in the order of the rules, thinned by
 * thresholds, and then act and are written: at most alerts_per_packet of them. A pass rule ends those
 * behind it. What an alert always says of its rule is encoded once, when the rule is bound.
 * Runs in the workers.
 */
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dataplane/app/file.h"
#include "dataplane/app/frame.h"
#include "dataplane/app/service.h"
#include "dataplane/detect/bind.h"
#include "dataplane/detect/firewall.h"
#include "dataplane/detect/profile.h"
#include "dataplane/detect/rate.h"
#include "dataplane/detect/trace.h"
#include "dataplane/engine/emit.h"
#include "rules/arena.h"

#define ENCODED_MAX (64u * 1024)
#define HOLE_TEXT_MAX 40

/* ---- the fixed part ---- */

static size_t text_json(char *out, size_t size, const char *text)
{
	return json_text(out, size, text, strlen(text), true);
}

static bool metadata_first(const struct rule *rule, uint32_t at)
{
	for (uint32_t i = 0; i < at; i++)
		if (rule->metadata[i].value && strcmp(rule->metadata[i].key, rule->metadata[at].key) == 0)
			return false;
	return true;
}

/* "key":["value", …] for every key that has a value. */
static size_t metadata_json(const struct rule *rule, char *out, size_t size)
{
	size_t n = 0;

	for (uint32_t i = 0; i < rule->metadata_count && n + 64 < size; i++) {
		bool first = true;

		if (!rule->metadata[i].value || !*rule->metadata[i].value || !metadata_first(rule, i))
			continue;
		if (n)
			out[n++] = ',';
		n += text_json(out + n, size - n, rule->metadata[i].key);
		out[n++] = ':';
		out[n++] = '[';
		for (uint32_t k = i; k < rule->metadata_count && n + 64 < size; k++) {
			if (!rule->metadata[k].value ||
			    strcmp(rule->metadata[k].key, rule->metadata[i].key) != 0)
				continue;
			if (!first)
				out[n++] = ',';
			first = false;
			n += text_json(out + n, size - n, rule->metadata[k].value);
		}
		if (n < size)
			out[n++] = ']';
	}
	return n < size ? n : 0;
}

static void references_add(struct recorder *r, const struct rule *rule)
{
	rec_open(r, F_alert_references);
	for (uint32_t i = 0; i < rule->reference_count; i++)
		rec_text(r, F_alert_reference, rule->references[i].url);
	rec_close(r);
}

bool alert_room_make(struct alert_room *room)
{
	room->record = aligned_alloc(64, ENCODED_MAX);
	room->json = malloc(ENCODED_MAX / 2);
	return room->record && room->json;
}

void alert_room_free(struct alert_room *room)
{
	free(room->record);
	free(room->json);
}

bool alert_encode(struct binder *b, struct program_rule *r)
{
	static const struct record_head head;
	const struct detect_program *program = b->program;
	const struct rule *rule = r->rule;
	char *json = b->room.json;
	struct recorder rec;
	size_t n;

	rec_begin(&rec, b->room.record, ENCODED_MAX, &head);
	rec_uint(&rec, F_alert_gid, rule->gid);
	rec_uint(&rec, F_alert_signature_id, rule->sid);
	rec_uint(&rec, F_alert_rev, rule->rev);
	rec_text(&rec, F_alert_signature, rule->msg ? rule->msg : "");
	rec_text(&rec, F_alert_category, rule->category ? rule->category : "");
	rec_uint(&rec, F_alert_severity, rule->priority);
	rec_uint(&rec, F_alert_rule_index, rule->index);
	rec_uint(&rec, F_alert_ruleset_version, program->version);
	if (program->log_references && rule->reference_count)
		references_add(&rec, rule);
	n = program->log_metadata ? metadata_json(rule, json, ENCODED_MAX / 2) : 0;
	if (n) {
		rec_open(&rec, F_alert_metadata);
		rec_bytes(&rec, F_alert_rule_metadata, json, n);
		rec_close(&rec);
	}
	r->encoded_len = rec.len - (uint32_t)sizeof(struct record_head);
	r->encoded = arena_copy(b->program->arena, b->room.record + sizeof(struct record_head), r->encoded_len);
	return r->encoded != NULL;
}

/* ---- the queue ---- */

void alert_add(struct worker *w, uint32_t rule, bool stream, struct tx *tx, const struct proto *proto)
{
	struct detect_state *s = w->detect;

	if (s->queue_count == ALERT_QUEUE_MAX) {
		w->counters->detect_alert_queue_overflow++;
		return;
	}
	s->queue[s->queue_count] =
		(struct alert_item){.rule = rule, .stream = stream, .tx = tx, .proto = proto,
				    .context_count = (uint8_t)s->chain.context_count};
	memcpy(s->queue[s->queue_count++].contexts, s->chain.contexts,
	       s->chain.context_count * sizeof(*s->chain.contexts));
}

static struct tx *uninspected(struct tx *tx, enum direction d)
{
	while (tx && tx->inspected_done[d])
		tx = tx->next;
	return tx;
}

/* The transaction that bytes of the packet's direction belong to: in a datagram of a rule's protocol
 * the first that was not inspected; in a stream, if that is asked for, when it is the only one. */
static struct tx *guess(const struct worker *w, const struct packet *p, const struct program_rule *r)
{
	struct app_session *s = p->flow ? p->flow->app : NULL;
	struct tx *tx;

	if (!s || !s->proto || !s->first)
		return NULL;
	if (p->ip_proto == IPPROTO_UDP ? r->app == APP_UNKNOWN : !w->detect->program->config->guess_transaction)
		return NULL;
	tx = uninspected(s->first, (enum direction)p->direction);
	if (tx && p->ip_proto != IPPROTO_UDP && uninspected(tx->next, (enum direction)p->direction))
		return NULL;
	return tx;
}

void alert_add_payload(struct worker *w, const struct packet *p, uint32_t rule, bool stream)
{
	struct detect_state *s = w->detect;
	unsigned at = s->queue_count;

	alert_add(w, rule, stream, NULL, NULL);
	if (s->queue_count > at)
		s->queue[at].guessed = guess(w, p, &s->program->rules[rule]);
}

/* With a firewall: its rules on packets, other rules on packets, its rules on transactions, the others. */
static unsigned item_table(const struct detect_state *s, const struct alert_item *item)
{
	bool firewall = s->program->rules[item->rule].flags & RULE_FIREWALL;

	return (item->tx ? 2 : 0) + (firewall ? 0 : 1);
}

static bool item_before(const struct detect_state *s, const struct alert_item *a, const struct alert_item *b)
{
	if (s->program->firewall && item_table(s, a) != item_table(s, b))
		return item_table(s, a) < item_table(s, b);
	if (a->rule != b->rule)
		return a->rule < b->rule;
	return a->tx && b->tx && a->tx->id < b->tx->id;
}

static void queue_sort(struct detect_state *s)
{
	for (unsigned i = 1; i < s->queue_count; i++) {
		struct alert_item item = s->queue[i];
		unsigned k = i;

		for (; k > 0 && item_before(s, &item, &s->queue[k - 1]); k--)
			s->queue[k] = s->queue[k - 1];
		s->queue[k] = item;
	}
}

/* ---- writing ---- */

static void endpoint_add(struct recorder *r, enum field_id object, const struct packet *p, bool src)
{
	rec_open(r, object);
	rec_addr(r, F_alert_endpoint_ip, src ? &p->src : &p->dst, p->ip_version);
	if ((p->flags & PACKET_L4) && (p->ip_proto == 6 || p->ip_proto == 17 || p->ip_proto == 132))
		rec_uint(r, F_alert_endpoint_port, src ? p->sport : p->dport);
	rec_close(r);
}

/* Parts of a stream one behind the other; at each hole stands a word about it, as the reference has it. */
static uint32_t parts_join(char *out, uint32_t max, const struct stream_raw *parts, unsigned count)
{
	uint32_t len = 0;

	for (unsigned i = 0; i < count && len + HOLE_TEXT_MAX < max; i++) {
		uint32_t n = parts[i].len;

		if (parts[i].missing)
			len += (uint32_t)snprintf(out + len, HOLE_TEXT_MAX, "[%u bytes missing]", parts[i].missing);
		if (n > max - len)
			n = max - len;
		memcpy(out + len, parts[i].data, n);
		len += n;
	}
	return len;
}

/* What is there of the packet's stream; in the wire behind a hole only what is shown. */
static unsigned stream_parts(struct worker *w, const struct packet *p, const struct alert_item *item,
			     struct stream_raw parts[STREAM_RAW_PARTS])
{
	if (!item->stream && !(item->tx && p->flow && p->flow->tcp))
		return 0;
	if (item->stream && (p->flags & PACKET_STREAM_EARLY)) {
		parts[0] = w->detect->stream;
		return 1;
	}
	return stream_raw_parts(w, p->flow, (enum direction)p->direction, parts);
}

/* A match in the stream, or of a transaction: with what is there of the stream. */
static void payload_add(struct worker *w, struct recorder *r, const struct packet *p,
			const struct alert_item *item)
{
	struct detect_state *s = w->detect;
	const uint8_t *data = p->payload;
	uint32_t len = p->payload_len;
	struct stream_raw parts[STREAM_RAW_PARTS];
	unsigned count = stream_parts(w, p, item, parts);

	if (count == 1 && !parts[0].missing) {
		data = parts[0].data;
		len = parts[0].len;
	} else if (count) {
		data = (const uint8_t *)s->context;
		len = parts_join(s->context, CONTEXT_TEXT_MAX, parts, count);
	}
	if (len > s->program->payload_bytes_max)
		len = s->program->payload_bytes_max;
	if (len && s->program->log_payload)
		rec_bytes(r, F_top_payload, data, len);
	if (len && s->program->log_payload_length)
		rec_uint(r, F_top_payload_length, len);
	rec_uint(r, F_top_stream, p->ip_proto == 6 && (item->stream || item->tx) ? 1 : 0);
}

static bool blocks(const struct worker *w, const struct alert_item *item)
{
	uint8_t action = item->action;

	if (item->rate_limited)
		return w->in_the_wire && item->beyond_rate;
	return (w->in_the_wire && action == ACTION_DROP) ||
	       (action >= ACTION_REJECT && action <= ACTION_REJECT_BOTH);
}

/* The object "alert", without its end. engine: it says whose rule it is. */
static void alert_object(struct recorder *r, const struct program_rule *rule, bool blocked, bool engine)
{
	rec_open(r, F_alert_alert);
	rec_text(r, F_alert_action, blocked ? "blocked" : "allowed");
	if (engine)
		rec_text(r, F_alert_engine, rule->flags & RULE_FIREWALL ? "fw" : "td");
	rec_encoded(r, rule->encoded, rule->encoded_len);
}

/* "key":object for each list; what does not fit any more is left out. */
static void context_add(struct worker *w, struct recorder *r, const struct alert_item *item)
{
	char *out = w->detect->context;
	size_t n = 0;

	for (unsigned i = 0; i < item->context_count; i++) {
		const struct chain_context *c = &item->contexts[i];
		size_t key = strlen(c->key);

		if (n + 6 * key + 8 + (c->json ? 1 : 6) * (size_t)c->len > CONTEXT_TEXT_MAX)
			break;
		if (n)
			out[n++] = ',';
		n += text_json(out + n, CONTEXT_TEXT_MAX - n, c->key);
		out[n++] = ':';
		if (c->json)
			memcpy(out + n, c->data, c->len);
		n += c->json ? c->len : json_text(out + n, CONTEXT_TEXT_MAX - n, c->data, c->len, false);
	}
	if (!n)
		return;
	rec_open(r, F_alert_context);
	rec_bytes(r, F_alert_list_context, out, n);
	rec_close(r);
}

/* What became of the packet, when all its rules have acted. */
static void verdict_add(struct worker *w, struct recorder *r, const struct packet *p)
{
	static const char *const targets[] = {
		[REJECT_SOURCE] = "to_client", [REJECT_DESTINATION] = "to_server", [REJECT_BOTH] = "both"};
	bool pass = w->detect->passed || (p->flow && (p->flow->flags & FLOW_PASS));
	bool dropped = w->in_the_wire && p->verdict != VERDICT_ACCEPT;

	rec_open(r, F_top_verdict);
	rec_text(r, F_top_verdict_action,
		 dropped			    ? "drop"
		 : w->detect->program->firewall ? "accept"
		 : pass				    ? "pass"
						    : "alert");
	if (p->verdict == VERDICT_REJECT) {
		rec_text(r, F_top_verdict_reject_target, targets[p->reject ? p->reject : REJECT_SOURCE]);
		rec_open(r, F_top_verdict_reject);
		rec_text(r, F_top_verdict_reject_kind, p->ip_proto == 6 ? "tcp-reset" : "icmp-prohib");
		rec_close(r);
	}
	rec_close(r);
}

void detect_drop_record(struct worker *w, struct recorder *r, const struct packet *p)
{
	const struct detect_program *program = w->detect ? w->detect->program : NULL;

	if (program && program->log_drop_alerts && p->drop_rule) {
		alert_object(r, &program->rules[p->drop_rule - 1], true, program->firewall);
		rec_close(r);
	}
	if (program && program->log_drop_verdict)
		verdict_add(w, r, p);
}

static void alert_write(struct worker *w, struct packet *p, const struct alert_item *item)
{
	const struct detect_program *program = w->detect->program;
	const struct program_rule *rule = &program->rules[item->rule];
	const struct proto *proto = item->tx ? item->proto : item->guessed ? p->flow->app->proto : NULL;
	struct tx *tx = item->tx ? item->tx : item->guessed;
	struct recorder *r = emit_packet(w, RECORD_alert, p);

	if (tx)
		((struct record_head *)r->at)->tx_id = tx->id;
	alert_object(r, rule, blocks(w, item), program->firewall);
	if (rule->flags & (RULE_TARGET_SRC | RULE_TARGET_DST)) {
		bool target_src = rule->flags & RULE_TARGET_SRC;

		endpoint_add(r, F_alert_source, p, !target_src);
		endpoint_add(r, F_alert_target, p, target_src);
	}
	if (item->rate_limited)
		rate_record(w, r, rule, item->beyond_rate);
	if (item->context_count)
		context_add(w, r, item);
	rec_close(r);
	variables_record(w, r, p->flow, true);
	if (item->guessed && p->ip_proto != IPPROTO_UDP)
		rec_bool(r, F_top_tx_guessed, true);
	if (tx && program->log_app && proto->alert_context)
		proto->alert_context(w, p->flow, tx, r);
	if (tx && program->log_app && (tx->files[0] || tx->files[1]))
		file_alert_context(r, tx);
	if (item->frame)
		app_frame_record(w, r, p->flow, (enum direction)p->direction, item->frame);
	if (p->flow && program->log_flow) {
		rec_open(r, F_top_flow);
		flow_record_brief(r, p->flow);
		rec_close(r);
	}
	service_record_target(r, p->flow);
	emit_tunnel(r, p);
	if (program->log_payload || program->log_payload_length)
		payload_add(w, r, p, item);
	if (program->log_packet && !(p->flags & PACKET_PSEUDO)) {
		rec_bytes(r, F_top_packet, p->data, p->len);
		rec_uint(r, F_top_packet_linktype, p->link_type);
	}
	if (program->log_verdict)
		verdict_add(w, r, p);
	emit_end(w);
	w->counters->detect_alert++;
	if (w->detect->profile)
		w->detect->profile[item->rule].alerts++;
}

/* ---- acting ---- */

/* Does the rule's action hold for the whole flow? */
static bool on_flow(const struct program_rule *r, const struct alert_item *item)
{
	if (r->rule->scope == SCOPE_PACKET)
		return false;
	if (r->rule->scope == SCOPE_FLOW)
		return true;
	return item->tx || item->stream || item->frame || (r->flags & RULE_IP_ONLY) || r->app != APP_UNKNOWN ||
	       r->protocol_only;
}

/* A pass rule. True: rules behind this one are not heard. */
static bool act_pass(struct worker *w, struct packet *p, bool flow)
{
	bool firewall = w->detect->program->firewall;

	/* What a rule before it dropped stays so, and its flow is what that one made of it. */
	if (p->verdict != VERDICT_ACCEPT)
		return true;
	w->detect->passed = true;
	if (flow && !(p->flow->flags & FLOW_DROP))
		p->flow->flags |= firewall ? FLOW_RULES_PASS : FLOW_PASS;
	return !firewall; /* which hears its own rules all the same */
}

/* True: rules behind this one are not heard. */
static bool act(struct worker *w, struct packet *p, struct alert_item *item)
{
	uint8_t action = item->action;
	const struct program_rule *r = &w->detect->program->rules[item->rule];
	bool flow = p->flow && on_flow(r, item);

	if (r->flags & RULE_FIREWALL) /* has acted where it matched */
		return action == ACTION_DROP;
	if (r->rate_limit && !item->rate_filtered) {
		item->rate_limited = true;
		item->beyond_rate = rate_match(w, p, item->rule, flow);
		return false;
	}
	switch ((enum rule_action)action) {
	case ACTION_PASS:
		return act_pass(w, p, flow);
	case ACTION_DROP:
	case ACTION_REJECT:
	case ACTION_REJECT_DST:
	case ACTION_REJECT_BOTH:
		/* On a tap drop rules alert; reject rules end the inspection of the flow too, as in the reference. */
		if (!w->in_the_wire && action == ACTION_DROP)
			return false;
		if (p->verdict == VERDICT_ACCEPT)
			p->drop_rule = item->rule + 1;
		packet_drop(p, item->rate_filtered	? DROP_rule_threshold
			       : action == ACTION_DROP ? DROP_rule
						       : DROP_reject);
		if (action != ACTION_DROP) {
			p->verdict = VERDICT_REJECT;
			p->reject = action == ACTION_REJECT	? REJECT_SOURCE
				    : action == ACTION_REJECT_DST ? REJECT_DESTINATION
								  : REJECT_BOTH;
		}
		if (flow && !(p->flow->flags & FLOW_PASS)) {
			if (!(p->flow->flags & FLOW_DROP))
				p->flow->drop_reason = DROP_rule_flow;
			p->flow->flags |= FLOW_DROP | (action == ACTION_DROP ? 0 : FLOW_REJECT);
		}
		return w->detect->program->firewall;
	default:
		return false;
	}
}

/* Is it to be written? A rule that passes, or is the firewall's, only when it says so. */
static bool is_told(const struct program_rule *r, uint8_t action)
{
	if (action == ACTION_PASS || (r->flags & RULE_FIREWALL))
		return r->flags & RULE_ALERT;
	return !(r->flags & RULE_NOALERT) && action != ACTION_CONFIG;
}

void alerts_finish(struct worker *w, struct packet *p)
{
	struct detect_state *s = w->detect;
	unsigned count;
	bool last = false;

	if (s->queue_count > 1)
		queue_sort(s);
	for (count = 0; count < s->queue_count && !last; count++) {
		struct alert_item *item = &s->queue[count];
		const struct program_rule *r = &s->program->rules[item->rule];
		enum threshold_answer answer;

		if (s->program->firewall && !firewall_hears(s, item)) {
			w->counters->firewall_discarded_alerts += s->firewall & FIREWALL_FILTERED ? 1 : 0;
			item->answer = ALERT_NOTHING;
			continue;
		}
		item->action = r->rule->action;
		answer = r->threshold_count ? threshold_run(w, p, r, &item->action) : ALERT_WRITE;
		item->answer = (uint8_t)answer;
		item->rate_filtered = item->action != r->rule->action;
		last = answer != ALERT_NOTHING && act(w, p, item);
		if (answer != ALERT_WRITE) {
			w->counters->detect_alerts_suppressed++;
		} else if (is_told(r, item->action)) {
			item->written = s->written < s->program->alerts_max;
			if (item->written)
				s->written++;
			else
				w->counters->detect_alert_queue_overflow++;
		}
	}
	/* What became of the packet is known only now. */
	for (unsigned i = 0; i < count; i++) {
		if (!s->queue[i].written)
			continue;
		if (p->flow)
			p->flow->flags |= FLOW_ALERTED;
		alert_write(w, p, &s->queue[i]);
	}
	if (s->trace)
		trace_alerts(w, p, count);
	s->queue_count = 0;
}
