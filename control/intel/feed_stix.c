/* SPDX-License-Identifier: BSD-3-Clause
 *
 * STIX 2.1: a bundle, a TAXII 2.1 envelope, or an array of objects. Two passes over the objects,
 * each parsed by itself: what is named (malware, actors, markings) and which indicator it belongs
 * to, then the indicators. A revoked indicator is refused as "revoked": a list that is taken as a
 * whole loses it so; where lists grow, it ends by its valid_until or by INTEL_REMOVE.
 */
#include <errno.h>
#include <string.h>
#include <strings.h>

#include "control/intel/feed_private.h"

#define NAMES_MAX 200000 /* malware, actors, markings, relations kept of one document */

struct stix {
	struct reader *r;
	json_t *names;     /* id → {"name", "type"} */
	json_t *markings;  /* id → TLP as a number */
	json_t *relations; /* id of an indicator → id of what it indicates */
	size_t kept;
};

static struct slice text_at(const json_t *object, const char *key)
{
	const json_t *v = json_object_get(object, key);

	return (struct slice){json_string_value(v) ? json_string_value(v) : "",
			      json_string_length(v)};
}

static bool type_is(const json_t *object, const char *type)
{
	return slice_is(text_at(object, "type"), type);
}

static void keep_marking(struct stix *s, const json_t *o)
{
	struct slice tlp = text_at(json_object_get(o, "definition"), "tlp");
	const char *key;
	json_t *extension;

	if (!tlp.len)
		json_object_foreach(json_object_get(o, "extensions"), key,
				    extension) if (text_at(extension, "tlp_2_0").len) tlp =
			text_at(extension, "tlp_2_0");
	if (!tlp.len)
		tlp = text_at(o, "name");
	if (feed_tlp(tlp))
		json_object_set_new(s->markings, text_at(o, "id").data,
				    json_integer(feed_tlp(tlp)));
}

static int first_pass(void *arg, uint64_t index, struct slice item)
{
	struct stix *s = arg;
	json_t *o;

	/* Most objects are indicators: those wait for the second pass. */
	if (s->kept >= NAMES_MAX)
		return 0;
	o = json_loadb(item.data, item.len, 0, NULL);
	if (!json_is_object(o) || !text_at(o, "id").len) {
		json_decref(o);
		return 0;
	}
	if (type_is(o, "malware") || type_is(o, "threat-actor") || type_is(o, "intrusion-set") ||
	    type_is(o, "campaign") || type_is(o, "tool")) {
		json_object_set_new(s->names, text_at(o, "id").data,
				    json_pack("{s:s s:s}", "name", text_at(o, "name").data, "type",
					      text_at(o, "type").data));
		s->kept++;
	} else if (type_is(o, "marking-definition")) {
		keep_marking(s, o);
		s->kept++;
	} else if (type_is(o, "relationship") &&
		   slice_is(text_at(o, "relationship_type"), "indicates") &&
		   text_at(o, "source_ref").len && text_at(o, "target_ref").len) {
		json_object_set(s->relations, text_at(o, "source_ref").data,
				json_object_get(o, "target_ref"));
		s->kept++;
	}
	json_decref(o);
	return 0;
}

static uint8_t marking_of(const struct stix *s, const json_t *o)
{
	uint8_t most = TLP_NONE;
	json_t *ref;
	size_t i;

	json_array_foreach(json_object_get(o, "object_marking_refs"), i, ref)
	{
		struct slice id = {json_string_value(ref), json_string_length(ref)};
		uint8_t tlp = id.data ? tlp_of_marking(id.data, id.len) : TLP_NONE;

		if (!tlp && id.data)
			tlp = (uint8_t)json_integer_value(json_object_get(s->markings, id.data));
		if (tlp > most)
			most = tlp;
	}
	return most;
}

static void describe(const struct stix *s, const json_t *o, struct intel_entry *e)
{
	const json_t *target = json_object_get(s->relations, text_at(o, "id").data);
	const json_t *named = target ? json_object_get(s->names, json_string_value(target)) : NULL;
	const json_t *confidence = json_object_get(o, "confidence");
	const json_t *types = json_object_get(o, "indicator_types");
	uint8_t tlp = marking_of(s, o);
	uint64_t t;

	if (text_at(o, "name").len)
		e->threat = text_at(o, "name");
	if (named && text_at(named, "name").len) {
		if (type_is(named, "malware") || type_is(named, "tool"))
			e->family = text_at(named, "name");
		else
			e->threat = text_at(named, "name");
	}
	if (json_string_value(json_array_get(types, 0)))
		e->category = slice_of(json_string_value(json_array_get(types, 0)));
	if (text_at(o, "description").len)
		e->note = text_at(o, "description");
	if (json_is_integer(confidence) && json_integer_value(confidence) >= 0 &&
	    json_integer_value(confidence) <= 100)
		e->confidence = (uint8_t)json_integer_value(confidence);
	if (tlp)
		e->tlp = tlp;
	t = feed_time(text_at(o, "valid_from"));
	if (t)
		e->first_seen_ns = t;
	t = feed_time(text_at(o, "valid_until"));
	if (t)
		e->valid_until_ns = t;
}

static int give_pattern(struct stix *s, uint64_t index, const json_t *o)
{
	struct intel_entry e = s->r->o->defaults;
	struct slice text = text_at(o, "pattern");
	const char *reason;
	struct pattern p;
	int err = pattern_read(&p, text, &reason);

	if (err == -EPROTO || (!err && !p.count))
		err = feed_refuse(s->r, index, text, reason ? reason : "is an empty pattern");
	else if (!err)
		describe(s, o, &e);
	for (size_t i = 0; i < p.count && !err && !reason; i++) {
		const struct pattern_term *t = &p.terms[i];
		struct intel_entry one = e;

		if (t->reason) {
			err = feed_refuse(s->r, index, text, t->reason);
			continue;
		}
		one.kind = t->kind;
		one.below |= t->below;
		err = feed_value(s->r, index, slice_of(t->value), &one);
	}
	pattern_free(&p);
	return err;
}

static int second_pass(void *arg, uint64_t index, struct slice item)
{
	struct stix *s = arg;
	json_error_t at;
	json_t *o = json_loadb(item.data, item.len, 0, &at);
	struct slice type = text_at(o, "pattern_type"), id = text_at(o, "id");
	int err = 0;

	if (!o)
		err = feed_refuse(s->r, index, item, "is not a JSON object that can be read");
	else if (!json_is_object(o) || !text_at(o, "type").len)
		err = feed_refuse(s->r, index, item, "is not a STIX object");
	else if (!type_is(o, "indicator"))
		err = 0;
	else if (json_is_true(json_object_get(o, "revoked")))
		err = feed_refuse(s->r, index, id, "is revoked");
	else if (type.len && !slice_is(type, "stix"))
		err = feed_refuse(s->r, index, id, "has a pattern that is not a STIX pattern");
	else
		err = give_pattern(s, index, o);
	json_decref(o);
	return err;
}

int feed_read_stix(struct reader *r)
{
	struct stix s = {r, json_object(), json_object(), json_object(), 0};
	struct slice text = trim(r->bytes);
	int err = s.names && s.markings && s.relations ? 0 : -ENOMEM;

	if (!err)
		err = json_items(r->bytes, "objects", first_pass, &s, r->why);
	if (!err)
		err = json_items(r->bytes, "objects", second_pass, &s, r->why);
	if (err == 1) {
		/* An envelope with nothing in it is {} (TAXII 2.1, 3.7). */
		json_t *top = json_loadb(text.data, text.len, 0, NULL);

		err = json_is_object(top) &&
				      (json_object_size(top) == 0 || type_is(top, "bundle") ||
				       json_object_get(top, "more"))
			      ? 0
			      : -EPROTO;
		json_decref(top);
		if (err)
			snprintf(r->why, WHY_BYTES,
				 "it is no STIX bundle or TAXII envelope: it has no \"objects\"");
	}
	json_decref(s.names);
	json_decref(s.markings);
	json_decref(s.relations);
	return err;
}
