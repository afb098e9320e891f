/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Makes a program from a rule set: settings, address sets, what every rule is checked with. A rule
 * of which any condition cannot be judged here is refused with a reason (detect_refusals), so that
 * none silently matches too much or never. Runs in the main thread.
 */
#include "dataplane/detect/program.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "dataplane/app/file.h"
#include "dataplane/base/cursor.h"
#include "dataplane/detect/bind.h"
#include "dataplane/detect/firewall.h"
#include "dataplane/detect/script.h"
#include "rules/addresses.h"
#include "rules/arena.h"

#define REASON_MAX 120

void rule_refuse(struct binder *b, struct program_rule *r, const char *reason)
{
	struct detect_program *p = b->program;
	struct detect_refusal *refusal;

	r->refused = true;
	refusal = realloc(p->refusals, (p->refusal_count + 1) * sizeof(*refusal));
	if (!refusal)
		return;
	p->refusals = refusal;
	refusal = &refusal[p->refusal_count++];
	*refusal = (struct detect_refusal){.rule = r->rule->index, .sid = r->rule->sid,
					   .line = r->rule->line, .file = r->rule->file};
	snprintf(refusal->reason, sizeof(refusal->reason), "%s", reason);
}

/* ---- address sets ---- */

struct set_table {
	uint32_t *slots; /* index into program.sets; 0: empty */
	uint32_t mask;
};

static uint32_t set_number(struct detect_program *p, struct set_table *t, const struct addr_set *s)
{
	uint32_t at;

	if (s->any)
		return 0;
	for (at = (uint32_t)addr_set_hash(s) & t->mask; t->slots[at]; at = (at + 1) & t->mask)
		if (addr_set_same(p->sets[t->slots[at]], s))
			return t->slots[at];
	p->sets[p->set_count] = s;
	t->slots[at] = p->set_count;
	return p->set_count++;
}

static bool sets_make(struct detect_program *p)
{
	struct set_table t = {.mask = 1};

	while (t.mask < p->rule_count * 4)
		t.mask = t.mask << 1 | 1;
	t.slots = calloc((size_t)t.mask + 1, sizeof(*t.slots));
	p->sets = calloc(p->rule_count * 2 + 1, sizeof(*p->sets));
	if (!t.slots || !p->sets) {
		free(t.slots);
		return false;
	}
	p->set_count = 1;
	for (uint32_t i = 0; i < p->rule_count; i++) {
		struct program_rule *r = &p->rules[i];

		r->src_set = set_number(p, &t, &r->rule->src);
		r->dst_set = set_number(p, &t, &r->rule->dst);
	}
	free(t.slots);
	return true;
}

/* ---- one rule ---- */

static struct packet_check *checks_of(struct binder *b, struct program_rule *r,
				      const struct match *matches, uint32_t count, bool post,
				      uint16_t *out_count)
{
	struct packet_check *checks = arena_alloc(b->program->arena, (count ? count : 1) * sizeof(*checks));
	char reason[REASON_MAX];

	for (uint32_t i = 0; checks && i < count; i++) {
		struct packet_check *c = &checks[*out_count];

		/* What flow says stands in the rule's flags. */
		if (matches[i].keyword == KEYWORD_flow)
			continue;
		c->match = &matches[i];
		c->run = post ? post_function(matches[i].keyword) : match_function(matches[i].keyword);
		if (!c->run) {
			snprintf(reason, sizeof(reason), "%s cannot be judged by this engine",
				 keyword_text(matches[i].keyword));
			rule_refuse(b, r, reason);
			break;
		}
		(*out_count)++;
	}
	return checks;
}

struct chain *rule_chain(struct binder *b, struct program_rule *r, const struct rule_buffer *buffer)
{
	struct detect_program *p = b->program;
	char error[REASON_MAX];
	const struct rule_buffer *base64 = NULL;
	struct chain *chain;

	for (uint32_t i = 0; i < r->rule->buffer_count; i++)
		if (r->rule->buffers[i].keyword == KEYWORD_base64_data)
			base64 = &r->rule->buffers[i];
	chain = chain_compile(buffer, base64, p->arena, p->expressions, error, sizeof(error));
	if (!chain)
		rule_refuse(b, r, error);
	return chain;
}

bool is_header_buffer(unsigned keyword)
{
	return keyword == KEYWORD_ipv4_hdr || keyword == KEYWORD_ipv6_hdr ||
	       keyword == KEYWORD_tcp_hdr || keyword == KEYWORD_udp_hdr ||
	       keyword == KEYWORD_icmpv4_hdr || keyword == KEYWORD_icmpv6_hdr ||
	       keyword == KEYWORD_ip_src || keyword == KEYWORD_ip_dst;
}

/* Room for as many as there are; NULL: none, or memory is out. */
static struct header_check *headers_room(struct binder *b, const struct rule *rule)
{
	size_t count = 0;

	for (uint32_t i = 0; i < rule->buffer_count; i++)
		count += is_header_buffer(rule->buffers[i].keyword);
	return count ? arena_alloc(b->program->arena, count * sizeof(struct header_check)) : NULL;
}

/* Buffers of packets: headers, and the payload of rules that are not on transactions. */
static void packet_buffers_bind(struct binder *b, struct program_rule *r)
{
	const struct rule *rule = r->rule;
	char reason[REASON_MAX];

	r->headers = headers_room(b, rule);
	for (uint32_t i = 0; i < rule->buffer_count && !r->refused; i++) {
		const struct rule_buffer *buffer = &rule->buffers[i];

		if (is_header_buffer(buffer->keyword) && !r->headers) {
			rule_refuse(b, r, "not enough memory");
		} else if (is_header_buffer(buffer->keyword)) {
			struct header_check *h = &r->headers[r->header_count++];

			*h = (struct header_check){.keyword = buffer->keyword, .buffer = buffer};
			if (!transforms_make(&h->transforms, buffer, reason, sizeof(reason)))
				rule_refuse(b, r, reason);
			else
				h->chain = rule_chain(b, r, buffer);
		} else if (buffer->keyword == KEYWORD_none) { /* the payload */
			if (rule->flags & RULE_HAS_APP)
				continue;
			if (r->payload || buffer->transform_count)
				rule_refuse(b, r, r->payload ? "more than one payload buffer"
							     : "transforms of the payload are not "
							       "supported");
			else
				r->payload = rule_chain(b, r, buffer);
		} else if (!(rule->flags & RULE_HAS_APP) && buffer->keyword != KEYWORD_base64_data) {
			snprintf(reason, sizeof(reason), "%s is not inspected by this engine",
				 buffer->name);
			rule_refuse(b, r, reason);
		}
	}
}

static bool app_known(const char *name, uint8_t *app)
{
	if (strcmp(name, "http1") == 0)
		name = "http";
	*app = (uint8_t)app_proto_by_name(name);
	return *app != APP_UNKNOWN;
}

static void wants_note(struct detect_program *p, const struct rule *rule)
{
	for (uint32_t i = 0; i < rule->buffer_count; i++)
		if (rule->buffers[i].keyword == KEYWORD_file_magic)
			p->file_wants |= FILE_WANT_MAGIC;
	for (uint32_t i = 0; i < rule->app_match_count; i++) {
		if (rule->app_matches[i].keyword == KEYWORD_filemd5)
			p->file_wants |= FILE_WANT_MD5;
		if (rule->app_matches[i].keyword == KEYWORD_filesha1)
			p->file_wants |= FILE_WANT_SHA1;
		if (rule->app_matches[i].keyword == KEYWORD_filesha256)
			p->file_wants |= FILE_WANT_SHA256;
	}
	if (rule->flags & RULE_FILESTORE)
		p->file_wants |= FILE_WANT_STORE;
}

static bool is_protocol_only(const struct program_rule *r)
{
	const struct rule *rule = r->rule;

	if (!rule->packet_match_count || r->payload || r->header_count || r->app != APP_UNKNOWN ||
	    (rule->flags & RULE_HAS_APP))
		return false;
	for (uint32_t i = 0; i < rule->packet_match_count; i++)
		if (rule->packet_matches[i].keyword != KEYWORD_app_layer_protocol)
			return false;
	return true;
}

static void rule_bind(struct binder *b, struct program_rule *r)
{
	const struct rule *rule = r->rule;
	char reason[REASON_MAX];

	r->flags = rule->flags;
	r->ip_protos = rule->ip_protos;
	r->ip_versions = rule->ip_versions;
	r->ports_any = rule->sport.any && rule->dport.any;
	r->payload_use = (uint8_t)rule_payload_use(rule);
	r->threshold_count = (int16_t)rule->threshold_count;
	for (uint32_t i = 0; i < rule->threshold_count && i < UINT8_MAX; i++)
		if (rule->thresholds[i].u.threshold.type == THRESHOLD_RATE_LIMIT)
			r->rate_limit = (uint8_t)(i + 1);
	if (rule->variable_count > RULE_VARIABLES_MAX)
		rule_refuse(b, r, "too many variables");
	if (!r->refused)
		r->packet_checks = checks_of(b, r, rule->packet_matches, rule->packet_match_count,
					     false, &r->packet_check_count);
	for (uint32_t i = 0; !r->refused && i < rule->packet_match_count; i++)
		if (rule->packet_matches[i].keyword == KEYWORD_app_layer_event &&
		    app_event_find(rule->packet_matches[i].u.event.name) < 0)
			rule_refuse(b, r, "app-layer-event: there is no event of that name"); /* the language says so before */
	if (!r->refused)
		r->posts = checks_of(b, r, rule->post_matches, rule->post_match_count, true,
				     &r->post_count);
	if (!r->refused && rule->app && !(rule->flags & RULE_HAS_APP) &&
	    !app_known(rule->app, &r->app)) {
		snprintf(reason, sizeof(reason), "protocol %s is not parsed by this engine",
			 rule->app);
		rule_refuse(b, r, reason);
	}
	if (!r->refused)
		packet_buffers_bind(b, r);
	if (!r->refused && rule_on_frames(rule))
		rule_bind_frame(b, r);
	else if (!r->refused && (rule->flags & RULE_HAS_APP))
		rule_bind_app(b, r);
	if (r->refused)
		return;
	r->protocol_only = is_protocol_only(r);
	wants_note(b->program, rule);
	if (!alert_encode(b, r))
		rule_refuse(b, r, "not enough memory");
}

/* ---- names that outlive a reload ---- */

uint64_t program_rule_key(const struct rule *rule)
{
	return (uint64_t)rule->gid << 32 | rule->sid;
}

static int key_order(const void *a, const void *b)
{
	const struct rule_number_key *x = a, *y = b;

	return x->key < y->key ? -1 : x->key > y->key;
}

static int bit_order(const void *a, const void *b)
{
	const struct bit_name *x = a, *y = b;

	return x->key < y->key ? -1 : x->key > y->key;
}

int64_t program_rule_find(const struct detect_program *p, uint64_t key)
{
	const struct rule_number_key wanted = {.key = key};
	const struct rule_number_key *at =
		bsearch(&wanted, p->by_sid, p->rule_count, sizeof(*at), key_order);

	return at ? (int64_t)at->rule : -1;
}

static bool keys_make(struct detect_program *p, const struct ruleset *set)
{
	p->by_sid = calloc(p->rule_count + 1, sizeof(*p->by_sid));
	p->bit_keys = calloc(set->flowbit_count + 1, sizeof(*p->bit_keys));
	p->bit_names = calloc(set->flowbit_count + 1, sizeof(*p->bit_names));
	if (!p->by_sid || !p->bit_keys || !p->bit_names)
		return false;
	for (uint32_t i = 0; i < p->rule_count; i++)
		p->by_sid[i] = (struct rule_number_key){program_rule_key(set->rules[i]), i};
	qsort(p->by_sid, p->rule_count, sizeof(*p->by_sid), key_order);
	for (uint32_t i = 0; i < set->flowbit_count; i++) {
		const char *name = set->flowbit_names ? set->flowbit_names[i] : NULL;

		p->bit_keys[i] = name ? (uint32_t)XXH3_64bits(name, strlen(name)) : i;
		p->bit_names[i] = (struct bit_name){p->bit_keys[i], name};
	}
	p->bit_count = set->flowbit_count;
	qsort(p->bit_names, p->bit_count, sizeof(*p->bit_names), bit_order);
	return true;
}

/* ---- the program ---- */

static void settings_read(struct detect_program *p, const struct config *c)
{
	const struct config_map *m = &c->eve_types;

	p->config = c;
	p->alerts_max = c->alerts_per_packet < ALERT_QUEUE_MAX ? (unsigned)c->alerts_per_packet
							       : ALERT_QUEUE_MAX;
	p->log_payload = config_map_bool(m, "alert.payload", false) ||
			 config_map_bool(m, "alert.payload-printable", false) ||
			 config_map_bool(m, "alert.payload_printable", false);
	p->log_payload_length = config_map_bool(m, "alert.payload-length", false) ||
				config_map_bool(m, "alert.payload_length", false);
	p->log_packet = config_map_bool(m, "alert.packet", false);
	p->log_flow = config_map_bool(m, "alert.flow", true);
	/* further files may ask for it, and X-Forwarded-For is read from it */
	p->log_app = config_map_bool(m, "alert.app-layer", config_map_bool(m, "alert.metadata.app-layer", true)) ||
		     c->eve_files.count || config_map_bool(m, "alert.xff.enabled", false) ||
		     config_map_bool(m, "xff.enabled", false);
	p->log_metadata = config_map_bool(m, "alert.metadata", true);
	p->log_variables = config_map_bool(m, "metadata", config_map_bool(m, "metadata.enabled", true));
	p->log_captures = config_eve_wants(c, "metadata");
	p->log_verdict = config_map_bool(m, "alert.verdict", false);
	p->log_drop_verdict = config_map_bool(m, "drop.verdict", false);
	p->log_drop_alerts = config_map_bool(m, "drop.alerts", false);
	p->log_references = config_map_bool(m, "alert.metadata.rule.reference", false);
	p->payload_bytes_max = (uint32_t)config_map_size(m, "alert.payload-buffer-size", 4096);
}

static void inside_make(struct detect_program *p)
{
	const struct addr_set *set = &p->groups->inside;

	for (uint32_t i = 0; i < set->count; i++) {
		const struct addr_range *r = &set->ranges[i];

		if (r->ip_version != 4)
			continue;
		if (p->inside_count < INSIDE_RANGES_MAX)
			p->inside[p->inside_count] = (struct inside_range){
				get_be32(r->low.b), get_be32(r->high.b) - get_be32(r->low.b)};
		p->inside_count++;
	}
}

static bool scratch_make(struct detect_program *p)
{
	for (uint32_t i = 0; i < p->groups->database_count; i++)
		if (hs_alloc_scratch(p->groups->databases[i], &p->scratch) != HS_SUCCESS)
			return false;
	return true;
}

/* Rules whose scripts cannot be run. */
static void scripts_refuse(struct binder *b, const struct ruleset *set)
{
	char error[REASON_MAX];

	for (const struct script_use *use = set->scripts; use; use = use->next) {
		int64_t at = program_rule_find(b->program, program_rule_key(use->rule));

		/* of an older version of the rule otherwise */
		if (at >= 0 && set->rules[at] == use->rule && !b->program->rules[at].refused &&
		    !script_check(use, b->program->config, error, sizeof(error)))
			rule_refuse(b, &b->program->rules[at], error);
	}
}

/* What a program is made of, before its rules are bound. False: memory is out. */
static bool program_begin(struct detect_program *p, const struct config *c, const struct ruleset *set)
{
	p->groups = set->groups;
	if (!port_classes_make(p))
		return false;
	p->rule_count = (uint32_t)set->rule_count;
	p->expressions = expressions_new();
	p->arena = arena_new(0);
	p->rules = aligned_alloc(64, (p->rule_count + 1) * sizeof(*p->rules));
	if (!p->rules || !p->expressions || !p->arena)
		return false;
	memset(p->rules, 0, (p->rule_count + 1) * sizeof(*p->rules));
	settings_read(p, c);
	for (uint32_t i = 0; i < p->rule_count; i++)
		p->rules[i].rule = set->rules[i];
	inside_make(p);
	return sets_make(p) && scratch_make(p) && keys_make(p, set);
}

static bool rules_bind(struct binder *b, const struct ruleset *set)
{
	struct detect_program *p = b->program;

	if (!alert_room_make(&b->room))
		return false;
	scripts_refuse(b, set);
	for (uint32_t i = 0; i < p->rule_count; i++)
		rule_bind(b, &p->rules[i]);
	return binder_finish(b) && early_rules_make(p);
}

/* False: nothing in error, memory is out; or a sentence. */
static bool program_make(struct binder *b, const struct config *c, const struct ruleset *set, char *error,
			 size_t error_size)
{
	struct detect_program *p = b->program;

	if (!set->groups) {
		snprintf(error, error_size, "the rule set has no pattern groups");
		return false;
	}
	if (!program_begin(p, c, set) || !rules_bind(b, set))
		return false;
	p->ip_only = ip_only_new(p);
	return p->ip_only && (!set->firewall || firewall_make(b, error, error_size));
}

struct detect_program *detect_program_new(const struct config *c, struct ruleset *set,
					  uint64_t version, char *error, size_t error_size)
{
	struct detect_program *p = calloc(1, sizeof(*p));
	struct binder *b = calloc(1, sizeof(*b));
	bool made = false;

	*error = '\0';
	if (p && b) {
		p->version = version;
		b->program = p;
		b->firewall_count = set->firewall_count;
		made = program_make(b, c, set, error, error_size);
		alert_room_free(&b->room);
	}
	free(b);
	if (made) {
		p->set = set;
		return p;
	}
	if (!*error)
		snprintf(error, error_size, "not enough memory for the rules");
	detect_program_free(p);
	return NULL;
}

static void rule_free(struct program_rule *r)
{
	for (unsigned i = 0; i < r->header_count; i++)
		transforms_free(&r->headers[i].transforms);
}

void detect_program_free(struct detect_program *p)
{
	if (!p)
		return;
	for (uint32_t i = 0; p->rules && i < p->rule_count; i++)
		rule_free(&p->rules[i]);
	free(p->port_class);
	free(p->bindings);
	expressions_free(p->expressions);
	for (unsigned i = 0; i < APP_PROTO_COUNT; i++) {
		if (!p->protos[i])
			continue;
		for (unsigned k = 0; k < p->protos[i]->buffer_count; k++)
			transforms_free(&p->protos[i]->buffers[k].transforms);
		free(p->protos[i]->always[0]);
		free(p->protos[i]->always[1]);
		free(p->protos[i]);
	}
	for (unsigned i = 0; i < APP_PROTO_COUNT; i++)
		frame_program_free(p->frames[i]);
	free(p->frame_checks);
	ip_only_free(p->ip_only);
	firewall_free(p->firewall);
	for (unsigned i = 0; i < DETECT_EARLY_COUNT; i++)
		free(p->early[i].rules);
	if (p->scratch)
		hs_free_scratch(p->scratch);
	free(p->profiles);
	free(p->by_sid);
	free(p->bit_keys);
	free(p->bit_names);
	free(p->sets);
	free(p->rules);
	free(p->refusals);
	arena_free(p->arena);
	if (p->set)
		ruleset_free(p->set);
	free(p);
}

size_t detect_program_refusals(const struct detect_program *p, const struct detect_refusal **out)
{
	*out = p->refusals;
	return p->refusal_count;
}

const struct ruleset *detect_program_ruleset(const struct detect_program *p)
{
	return p->set;
}
