/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Rules on transactions, bound to protocols: buffers by name to the protocol's proto_buffer, numbers
 * to its proto_value. A rule that names no protocol is bound to all that have what it asks for.
 * Runs in the main thread.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "dataplane/detect/bind.h"
#include "dataplane/detect/match.h"
#include "rules/arena.h"

#define CHECKS_MAX 128 /* conditions of one rule on values of transactions */

/* Chains of a rule's buffers are compiled once and shared by its bindings. */
struct app_rule {
	struct program_rule *r;
	struct chain *chains[ENGINES_MAX + 4];
	char reason[120]; /* why the last protocol would not do */
	/* Of the binding in the making, and those that are made. */
	struct buffer_check buffers[ENGINES_MAX];
	struct app_check checks[CHECKS_MAX];
	struct binding *bindings[2 * APP_PROTO_COUNT];
};

static bool speaks(const struct rule *rule, const struct proto *proto)
{
	const char *name = app_proto_names[proto->id];

	if (!rule->app || strcmp(rule->app, name) == 0)
		return true;
	if (strcmp(rule->app, "http") == 0)
		return strcmp(name, "http2") == 0;
	if (strcmp(rule->app, "dns") == 0 || strcmp(rule->app, "doh2") == 0) /* which travels in streams */
		return strcmp(name, "http2") == 0;
	if (strcmp(rule->app, "dcerpc") == 0) /* which travels in the other's pipes */
		return strcmp(name, "smb") == 0;
	return strcmp(rule->app, "http1") == 0 && strcmp(name, "http") == 0;
}

static bool carried_by(const struct rule *rule, const struct proto *proto)
{
	return (proto->over_tcp && (rule->ip_protos & RULE_TCP)) ||
	       (proto->over_udp && (rule->ip_protos & RULE_UDP));
}

static const struct proto_buffer *buffer_find(const struct proto *proto, const char *name)
{
	for (const struct proto_buffer *b = proto->buffers; b && b->name; b++)
		if (strcmp(b->name, name) == 0)
			return b;
	return NULL;
}

/* The same by the keyword that names it: looked for once. Frames have one keyword and many names. */
static const struct proto_buffer *buffer_known(struct binder *b, const struct proto *proto,
					       const struct rule_buffer *buffer)
{
	const struct proto_buffer **known = &b->buffers[proto->id][buffer->keyword];
	bool *asked = &b->asked[proto->id][buffer->keyword];

	if (buffer->keyword == KEYWORD_none || buffer->keyword == KEYWORD_frame)
		return buffer_find(proto, buffer->name);
	if (!*asked) {
		*known = buffer_find(proto, buffer->name);
		*asked = true;
	}
	return *known;
}

static const struct proto_value *value_find(const struct proto *proto, const char *name)
{
	for (const struct proto_value *v = proto->values; v && v->name; v++)
		if (strcmp(v->name, name) == 0)
			return v;
	return NULL;
}

bool rule_speaks(const struct rule *rule, const struct proto *proto)
{
	return speaks(rule, proto) && carried_by(rule, proto);
}

bool transforms_equal(const struct transforms *t, const struct rule_buffer *buffer)
{
	const struct transform *items = t->items;

	if (t->count != buffer->transform_count)
		return false;
	for (uint32_t i = 0; i < t->count; i++)
		if (items[i].kind != buffer->transforms[i].kind ||
		    items[i].argument.len != buffer->transforms[i].argument.len ||
		    (items[i].argument.len &&
		     memcmp(items[i].argument.data, buffer->transforms[i].argument.data,
			    items[i].argument.len) != 0))
			return false;
	return true;
}

const struct buffer_group *buffer_group_find(const struct detect_program *p, const struct rule_buffer *buffer,
					     const struct proto *proto, unsigned d)
{
	const struct buffer_group *common = NULL;
	const char *app = app_proto_names[proto->id];

	if (strcmp(app, "http2") == 0)
		app = "http";
	if (strcmp(app, "dcerpc") == 0)
		app = "smb";
	if (strncmp(buffer->name, "dns.", 4) == 0)
		app = "dns";
	for (uint32_t i = 0; i < p->groups->buffer_count; i++) {
		const struct buffer_group *g = &p->groups->buffers[i];
		const struct transforms key = {.items = g->transforms, .count = g->transform_count};

		if (g->direction != d || strcmp(g->buffer, buffer->name) != 0 ||
		    !transforms_equal(&key, buffer))
			continue;
		if (g->app && strcmp(g->app, app) == 0)
			return g;
		if (!g->app)
			common = g;
	}
	return common;
}

static uint8_t direction_progress(uint8_t to_server, uint8_t to_client, unsigned d)
{
	return d == TO_SERVER ? to_server : to_client;
}

static bool is_file_fact(const char *buffer)
{
	return strcmp(buffer, "file.name") == 0 || strcmp(buffer, "file.magic") == 0;
}

/* Index of the inspected buffer, made when it is new; -1 and a reason. */
static int program_buffer(struct binder *b, struct app_rule *a, const struct proto *proto,
			  const struct proto_buffer *source, const struct rule_buffer *buffer)
{
	struct program_proto **at = &b->program->protos[proto->id];
	struct program_buffer *pb;

	if (!*at)
		*at = calloc(1, sizeof(**at));
	if (!*at)
		return -1;
	(*at)->proto = proto;
	for (unsigned i = 0; i < (*at)->buffer_count; i++)
		if ((*at)->buffers[i].source == source &&
		    transforms_equal(&(*at)->buffers[i].transforms, buffer))
			return (int)i;
	snprintf(a->reason, sizeof(a->reason), "too many buffers");
	if ((*at)->buffer_count == BUFFERS_MAX)
		return -1;
	pb = &(*at)->buffers[(*at)->buffer_count];
	*pb = (struct program_buffer){.source = source,
				      .about_files = is_file_fact(source->name)};
	if (!transforms_make(&pb->transforms, buffer, a->reason, sizeof(a->reason)))
		return -1;
	for (unsigned d = 0; d < 2; d++) {
		unsigned i = (*at)->buffer_count;

		pb->group[d] = buffer_group_find(b->program, buffer, proto, d);
		if (pb->group[d])
			(*at)->scanned[d][i / 64] |= 1ull << i % 64;
		(*at)->progress[d][i] = direction_progress(source->to_server, source->to_client, d);
	}
	return (int)(*at)->buffer_count++;
}

static struct chain *chain_of(struct binder *b, struct app_rule *a, uint32_t at)
{
	if (!a->chains[at])
		a->chains[at] = rule_chain(b, a->r, &a->r->rule->buffers[at]);
	return a->chains[at];
}

/* One buffer of the rule into the binding. False: this protocol and direction cannot. */
static bool buffer_bind(struct binder *b, struct app_rule *a, const struct proto *proto,
			struct binding *binding, uint32_t at)
{
	const struct rule *rule = a->r->rule;
	const struct rule_buffer *buffer = &rule->buffers[at];
	const struct proto_buffer *source;
	struct buffer_check *check;
	uint8_t progress;
	int index;

	if (buffer->keyword == KEYWORD_base64_data || is_header_buffer(buffer->keyword))
		return true;
	if (buffer->keyword == KEYWORD_none) { /* the payload */
		binding->payload = chain_of(b, a, at);
		return binding->payload != NULL;
	}
	source = buffer_known(b, proto, buffer);
	if (!source) {
		snprintf(a->reason, sizeof(a->reason), "%s is not offered by the parser of %s",
			 buffer->name, proto->name);
		return false;
	}
	if (buffer->direction && buffer->direction != binding->direction + 1)
		return true;
	progress = direction_progress(source->to_server, source->to_client, binding->direction);
	if (!progress) {
		snprintf(a->reason, sizeof(a->reason), "%s is not seen in this direction",
			 buffer->name);
		return rule->flags & RULE_TRANSACTIONAL;
	}
	index = program_buffer(b, a, proto, source, buffer);
	if (index >= 0 && binding->buffer_count == ENGINES_MAX)
		snprintf(a->reason, sizeof(a->reason), "too many buffers");
	if (index < 0 || binding->buffer_count == ENGINES_MAX)
		return false;
	check = &binding->buffers[binding->buffer_count++];
	*check = (struct buffer_check){.buffer = (uint8_t)index, .progress = progress,
				       .prefilter = b->program->groups->prefilter[rule->index].buffer ==
						    buffer,
				       .chain = chain_of(b, a, at)};
	return check->chain != NULL;
}

static bool event_known(const struct proto *proto, const struct match *m)
{
	for (const char *const *e = proto->events; e && *e; e++)
		if (strcasecmp(*e, m->u.event.name) == 0)
			return true;
	return false;
}

/* >STATE: beyond it; <STATE: not there yet. */
static bool state_bind(struct app_rule *a, const struct proto *proto, unsigned d, const struct match *m,
		       struct app_check *check)
{
	const char *text = m->u.word.text;
	int progress = hook_progress(proto, text + 1, d);

	if (progress < 0) {
		if (!a->r->binding_count)
			snprintf(a->reason, sizeof(a->reason), "%s has no state %s", proto->name, text + 1);
		return false;
	}
	if (*text == '<')
		check->before = (uint8_t)progress;
	else
		check->progress = (uint8_t)(progress + 1);
	return *text != '<' || progress > 0;
}

static bool check_bind(struct app_rule *a, const struct proto *proto, struct binding *binding,
		       const struct match *m)
{
	struct app_check check = {.match = m};
	const struct proto_value *value = value_find(proto, keyword_text(m->keyword));

	if (m->keyword == KEYWORD_app_layer_event && !event_known(proto, m)) {
		snprintf(a->reason, sizeof(a->reason), "app-layer-event: %s: there is no event \"%s\"", proto->name, m->u.event.name);
		return false;
	}
	if (m->keyword == KEYWORD_filesize && m->u.number.which && m->u.number.which != binding->direction + 1)
		return true;
	check.run = match_function(m->keyword);
	if (m->keyword == KEYWORD_app_layer_state && !state_bind(a, proto, binding->direction, m, &check))
		return false;
	if (!check.run && (!value || !value_form_known(m->keyword))) {
		snprintf(a->reason, sizeof(a->reason), "%s cannot be judged by this engine",
			 keyword_text(m->keyword));
		return false;
	}
	if (!check.run) {
		check.value = value;
		check.indexed = value->get_multi && value_form_indexed(m->keyword);
		check.progress = direction_progress(value->to_server, value->to_client,
						    binding->direction);
		if (!check.progress) {
			snprintf(a->reason, sizeof(a->reason), "%s is not seen in this direction",
				 value->name);
			return a->r->rule->flags & RULE_TRANSACTIONAL;
		}
	}
	binding->checks[binding->check_count++] = check;
	return true;
}

/* The prefilter's buffer first, the others as they come to be there; last what changes a list. */
static bool runs_before(const struct buffer_check *a, const struct buffer_check *b)
{
	if (a->prefilter != b->prefilter)
		return a->prefilter;
	if (a->chain->changes != b->chain->changes)
		return b->chain->changes;
	return a->progress < b->progress;
}

static void buffers_order(struct binding *binding)
{
	for (unsigned i = 1; i < binding->buffer_count; i++) {
		struct buffer_check c = binding->buffers[i];
		unsigned k = i;

		for (; k > 0 && runs_before(&c, &binding->buffers[k - 1]); k--)
			binding->buffers[k] = binding->buffers[k - 1];
		binding->buffers[k] = c;
	}
}

/* Made, it is one block. */
static struct binding *binding_join(struct binder *b, const struct binding *draft)
{
	size_t buffers = draft->buffer_count * sizeof(*draft->buffers);
	size_t checks = draft->check_count * sizeof(*draft->checks);
	struct binding *joined = arena_alloc(b->program->arena, sizeof(*joined) + buffers + checks);

	if (joined) {
		*joined = *draft;
		joined->buffers = memcpy(joined + 1, draft->buffers, buffers);
		joined->checks = memcpy((uint8_t *)(joined + 1) + buffers, draft->checks, checks);
	}
	return joined;
}

static bool hook_bind(struct app_rule *a, const struct proto *proto, struct binding *binding)
{
	const char *hook = a->r->rule->hook;
	int progress = hook ? hook_progress(proto, hook, binding->direction) : 0;

	if (progress < 0 && !a->r->binding_count)
		snprintf(a->reason, sizeof(a->reason), "%s has no hook %s", proto->name, hook);
	binding->hook = (uint8_t)progress;
	return progress >= 0;
}

static bool file_there(const struct match_context *c, const struct match *m)
{
	return match_files(c) != NULL;
}

/* filestore and nothing else about transactions: those that have a file. */
static bool file_bind(const struct rule *rule, const struct proto *proto, struct binding *binding)
{
	const struct proto_buffer *data = buffer_find(proto, "file.data");
	uint8_t progress = data ? direction_progress(data->to_server, data->to_client, binding->direction) : 0;

	for (uint32_t i = 0; progress && i < rule->post_match_count; i++)
		if (rule->post_matches[i].keyword == KEYWORD_filestore) {
			binding->checks[binding->check_count++] = (struct app_check){
				.run = file_there, .match = &rule->post_matches[i], .progress = progress};
			return true;
		}
	return false;
}

/* What a file holds (file.data) is told of once a transaction, as any other content. */
static bool about_files(const struct rule *rule)
{
	bool files = rule->flags & RULE_FILESTORE;

	for (uint32_t i = 0; i < rule->buffer_count; i++)
		files |= is_file_fact(rule->buffers[i].name);
	for (uint32_t i = 0; i < rule->app_match_count; i++)
		files |= rule->app_matches[i].keyword == KEYWORD_filemd5 || rule->app_matches[i].keyword == KEYWORD_filesha1 ||
			 rule->app_matches[i].keyword == KEYWORD_filesha256 ||
			 rule->app_matches[i].keyword == KEYWORD_filesize;
	return files;
}

/* What the rule asks for of this protocol and direction, into the draft. False: it is not there. */
static bool binding_fill(struct binder *b, struct app_rule *a, const struct proto *proto, struct binding *binding)
{
	const struct rule *rule = a->r->rule;

	if (!hook_bind(a, proto, binding))
		return false;
	for (uint32_t i = 0; i < rule->buffer_count; i++)
		if (!buffer_bind(b, a, proto, binding, i))
			return false;
	for (uint32_t i = 0; i < rule->app_match_count; i++)
		if (!check_bind(a, proto, binding, &rule->app_matches[i]))
			return false;
	return binding->buffer_count || binding->check_count || rule->hook || file_bind(rule, proto, binding);
}

static struct binding *binding_make(struct binder *b, struct app_rule *a, const struct proto *proto,
				    unsigned d)
{
	const struct rule *rule = a->r->rule;
	struct binding binding = {.rule = rule->index, .app = (uint8_t)proto->id, .direction = (uint8_t)d,
				  .buffers = a->buffers, .checks = a->checks};

	if (rule->app && strcmp(rule->app, "doh2") == 0)
		binding.flow_app = APP_doh2;
	if (!binding_fill(b, a, proto, &binding))
		return NULL;
	binding.about_files = about_files(rule);
	buffers_order(&binding);
	binding.all = (1u << binding.buffer_count) - 1;
	if (binding.check_count)
		binding.all |= BINDING_CHECKS_BIT;
	if (binding.payload)
		binding.all |= BINDING_PAYLOAD_BIT;
	if (rule->hook)
		binding.all |= BINDING_HOOK_BIT;
	if (rule->flags & RULE_TRANSACTIONAL) {
		binding.first_half = d == TO_SERVER;
		binding.second_half = d == TO_CLIENT;
	}
	return binding_join(b, &binding);
}

/* Into the list of all. */
static bool binding_list(struct detect_program *p, struct binding *binding)
{
	if (p->binding_count == p->binding_cap) {
		uint32_t cap = p->binding_cap ? p->binding_cap * 2 : 1024;
		struct binding **list = realloc(p->bindings, cap * sizeof(struct binding *));

		if (!list)
			return false;
		p->bindings = list;
		p->binding_cap = cap;
	}
	p->bindings[p->binding_count++] = binding;
	return true;
}

static bool binding_keep(struct binder *b, struct app_rule *a, struct binding *binding)
{
	struct program_rule *r = a->r;

	if (!binding_list(b->program, binding))
		return false;
	if (r->binding_count == 0)
		r->near_app = binding->app;
	if (r->near_app == binding->app)
		r->near[binding->direction] = binding;
	a->bindings[r->binding_count++] = binding;
	return true;
}

/* Protocols by which a rule on this application can be carried: asked for once for each name. */
static const bool *speakers_of(struct binder *b, const struct rule *rule)
{
	const char *app = rule->app ? rule->app : "";
	struct app_speakers *s = b->speakers;

	for (; s < b->speakers + b->speaker_count; s++)
		if (strcmp(s->app, app) == 0)
			return s->protos;
	if (b->speaker_count == SPEAKERS_MAX)
		s--;
	else
		b->speaker_count++;
	s->app = app;
	for (unsigned i = 0; i < APP_PROTO_COUNT; i++)
		s->protos[i] = app_protos[i] && speaks(rule, app_protos[i]);
	return s->protos;
}

/* All protocols and directions that can fulfil the rule. */
static void bind_each(struct binder *b, struct app_rule *a)
{
	struct program_rule *r = a->r;
	const bool *speak = speakers_of(b, r->rule);

	for (unsigned i = 0; i < APP_PROTO_COUNT && !r->refused; i++) {
		const struct proto *proto = app_protos[i];

		if (!speak[i] || !carried_by(r->rule, proto))
			continue;
		for (unsigned d = 0; d < 2 && !r->refused; d++) {
			struct binding *binding =
				rule_has_direction(r->rule, d) ? binding_make(b, a, proto, d) : NULL;

			if (binding && !binding_keep(b, a, binding))
				rule_refuse(b, r, "not enough memory");
		}
	}
}

void rule_bind_app(struct binder *b, struct program_rule *r)
{
	struct app_rule a;
	const struct rule *rule = r->rule;

	if (rule->buffer_count > ENGINES_MAX || rule->app_match_count >= CHECKS_MAX) {
		rule_refuse(b, r, rule->buffer_count > ENGINES_MAX ? "too many buffers"
								   : "too many conditions on transactions");
		return;
	}
	a.r = r;
	memset(a.chains, 0, sizeof(a.chains));
	snprintf(a.reason, sizeof(a.reason), "protocol %s is not parsed by this engine",
		 rule->app ? rule->app : "of these conditions");
	bind_each(b, &a);
	if (!r->binding_count && !r->refused)
		rule_refuse(b, r, a.reason);
	r->bindings = r->binding_count ? arena_copy(b->program->arena, a.bindings,
						    r->binding_count * sizeof(*a.bindings))
				       : NULL;
	if (r->binding_count && !r->bindings) {
		r->binding_count = 0;
		rule_refuse(b, r, "not enough memory");
	}
}

/* Rules that no literal of this protocol and direction leads to are tried always. */
bool binder_finish(struct binder *b)
{
	struct detect_program *p = b->program;

	for (uint32_t i = 0; i < p->binding_count; i++) {
		struct binding *binding = p->bindings[i];
		struct program_proto *proto = p->protos[binding->app];
		unsigned d = binding->direction;
		uint32_t *always;

		if (binding->buffer_count && binding->buffers[0].prefilter &&
		    proto->buffers[binding->buffers[0].buffer].group[d])
			continue;
		if (!proto) {
			proto = p->protos[binding->app] = calloc(1, sizeof(*proto));
			if (!proto)
				return false;
			proto->proto = app_protos[binding->app];
		}
		always = realloc(proto->always[d],
				 (proto->always_count[d] + 1) * sizeof(*always));
		if (!always)
			return false;
		proto->always[d] = always;
		always[proto->always_count[d]++] = binding->rule;
	}
	return true;
}
