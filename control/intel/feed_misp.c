/* SPDX-License-Identifier: BSD-3-Clause
 *
 * MISP: an event ({"Event": …}), an array of events, or the answer of a search ({"response": […]}).
 * Attributes of the event and of its objects; those that are not for detection (to_ids) are
 * refused. https://github.com/MISP/misp-rfc (core format).
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "control/intel/feed_private.h"

#define EVENT_BYTES_MAX (64u << 20) /* one event is parsed as a whole */

struct misp {
	struct reader *r;
	struct intel_entry event; /* what the event says of all its attributes */
	uint64_t index;           /* of attributes, over all events */
	bool any;
};

static struct slice text_at(const json_t *object, const char *key)
{
	const json_t *v = json_object_get(object, key);

	return (struct slice){json_string_value(v) ? json_string_value(v) : "",
			      json_string_length(v)};
}

/* Numbers stand as numbers or as strings. */
static json_int_t number_at(const json_t *object, const char *key)
{
	const json_t *v = json_object_get(object, key);

	return json_is_string(v) ? atoll(json_string_value(v)) : json_integer_value(v);
}

static bool true_at(const json_t *object, const char *key)
{
	const json_t *v = json_object_get(object, key);

	return json_is_true(v) || number_at(object, key) == 1;
}

/* The value inside 'misp-galaxy:malpedia="Name"'. */
static struct slice galaxy_name(struct slice tag)
{
	const char *b = tag.data, *quote = memchr(b, '"', tag.len);
	const char *end = quote ? memrchr(b, '"', tag.len) : NULL;

	if (tag.len < 12 || strncasecmp(b, "misp-galaxy:", 12) != 0 || !quote || end <= quote)
		return (struct slice){"", 0};
	return (struct slice){quote + 1, (size_t)(end - quote - 1)};
}

static void read_tags(const json_t *of, struct intel_entry *e)
{
	json_t *item, *cluster;
	size_t i, k;

	json_array_foreach(json_object_get(of, "Tag"), i, item)
	{
		struct slice name = text_at(item, "name"), galaxy = galaxy_name(name);
		uint8_t tlp = name.len > 4 && strncasecmp(name.data, "tlp:", 4) == 0
				      ? feed_tlp(name)
				      : TLP_NONE;

		if (tlp)
			e->tlp = tlp;
		if (galaxy.len)
			e->family = galaxy;
	}
	json_array_foreach(json_object_get(of, "Galaxy"), i, item)
		json_array_foreach(json_object_get(item, "GalaxyCluster"), k,
				   cluster) if (text_at(cluster, "value").len)
			e->family = text_at(cluster, "value");
}

/* "a|b" in its two parts; false: it has only one. */
static bool split(struct slice s, struct slice *left, struct slice *right)
{
	const char *bar = s.len ? memchr(s.data, '|', s.len) : NULL;

	*left = s;
	*right = (struct slice){"", 0};
	if (!bar)
		return false;
	left->len = (size_t)(bar - (const char *)s.data);
	*right = (struct slice){bar + 1, s.len - left->len - 1};
	return true;
}

static int give_endpoint(struct misp *m, struct slice address, struct slice port,
			 struct intel_entry *e)
{
	char joined[96];

	if (address.len > 64 || port.len > 5)
		return feed_refuse(m->r, m->index, address, "is not an address and a port");
	snprintf(joined, sizeof(joined),
		 memchr(address.data, ':', address.len) ? "[%.*s]:%.*s" : "%.*s:%.*s",
		 (int)address.len, (const char *)address.data, (int)port.len,
		 (const char *)port.data);
	e->kind = INDICATOR_IP_PORT;
	return feed_value(m->r, m->index, slice_of(joined), e);
}

static int give_value(struct misp *m, struct slice type, struct slice value, struct intel_entry *e)
{
	struct slice left_type, right_type, left, right;
	bool pair = split(type, &left_type, &right_type) && split(value, &left, &right);
	int err;

	if (slice_is(type, "malware-sample")) {
		left_type = slice_of("filename");
		right_type = slice_of("md5");
		pair = split(value, &left, &right);
	}
	if (pair && slice_is(right_type, "port") && feed_kind(left_type) == CONTACT_IP)
		return give_endpoint(m, left, right, e);
	if (pair && slice_is(left_type, "domain") && slice_is(right_type, "ip")) {
		e->kind = CONTACT_DOMAIN;
		err = feed_value(m->r, m->index, left, e);
		e->kind = CONTACT_IP;
		return err ? err : feed_value(m->r, m->index, right, e);
	}
	if (pair) {
		/* "filename|md5", "hostname|port": the part that can be looked for. */
		bool is_left = feed_kind(left_type) != 0;

		type = is_left ? left_type : right_type;
		value = is_left ? left : right;
	}
	e->kind = feed_kind(type);
	if (!e->kind)
		return feed_refuse(m->r, m->index, value, "is of a type that is not looked for");
	return feed_value(m->r, m->index, value, e);
}

static int give_attribute(struct misp *m, const json_t *a)
{
	struct intel_entry e = m->event;
	struct slice value = text_at(a, "value"), type = text_at(a, "type");
	uint64_t t = feed_time(text_at(a, "first_seen"));

	m->index++;
	if (!json_is_object(a) || !value.len || !type.len)
		return feed_refuse(m->r, m->index, value,
				   "is not an attribute with type and value");
	if (true_at(a, "deleted"))
		return feed_refuse(m->r, m->index, value, "is deleted");
	if (!true_at(a, "to_ids"))
		return feed_refuse(m->r, m->index, value, "is not for detection (to_ids is false)");
	read_tags(a, &e);
	if (text_at(a, "category").len)
		e.category = text_at(a, "category");
	if (text_at(a, "comment").len)
		e.note = text_at(a, "comment");
	if (t || number_at(a, "timestamp") > 0)
		e.first_seen_ns = t ? t : (uint64_t)number_at(a, "timestamp") * 1000000000u;
	return give_value(m, type, value, &e);
}

static int give_attributes(struct misp *m, const json_t *list)
{
	json_t *a;
	size_t i;
	int err = 0;

	json_array_foreach(list, i, a)
	{
		err = give_attribute(m, a);
		if (err)
			break;
	}
	return err;
}

static int give_event(struct misp *m, const json_t *event)
{
	json_int_t level = number_at(event, "threat_level_id");
	json_t *object;
	size_t i;
	int err;

	m->any = true;
	m->event = m->r->o->defaults;
	m->event.threat = text_at(event, "info").len ? text_at(event, "info") : m->event.threat;
	if (level >= 1 && level <= 3)
		m->event.severity = (uint8_t)level;
	read_tags(event, &m->event);
	err = give_attributes(m, json_object_get(event, "Attribute"));
	json_array_foreach(json_object_get(event, "Object"), i, object)
	{
		if (err)
			break;
		err = give_attributes(m, json_object_get(object, "Attribute"));
	}
	return err;
}

static int read_item(void *arg, uint64_t index, struct slice item)
{
	struct misp *m = arg;
	json_error_t at;
	json_t *j = item.len <= EVENT_BYTES_MAX ? json_loadb(item.data, item.len, 0, &at) : NULL;
	const json_t *event = json_object_get(j, "Event");
	int err;

	if (!event && json_object_get(j, "Attribute"))
		event = j;
	if (event)
		err = give_event(m, event);
	else
		err = feed_refuse(m->r, index, item,
				  item.len > EVENT_BYTES_MAX ? "is too large an event"
							     : "is not a MISP event");
	json_decref(j);
	return err;
}

/* {"response": {"Attribute": […]}}: what a search for attributes answers. */
static int read_object(struct misp *m)
{
	struct slice b = m->r->bytes;
	json_error_t at;
	json_t *j, *attributes;
	int err = -EPROTO;

	if (b.len > EVENT_BYTES_MAX) {
		snprintf(m->r->why, WHY_BYTES, "one event has more than %u MiB",
			 EVENT_BYTES_MAX >> 20);
		return -EPROTO;
	}
	j = json_loadb(b.data, b.len, 0, &at);
	attributes = json_object_get(json_object_get(j, "response"), "Attribute");
	if (!j) {
		snprintf(m->r->why, WHY_BYTES, "it is not JSON: line %d: %.160s", at.line, at.text);
	} else if (attributes) {
		m->event = m->r->o->defaults;
		err = give_attributes(m, attributes);
	} else if (json_is_object(json_object_get(j, "Event"))) {
		err = give_event(m, json_object_get(j, "Event"));
	} else if (json_is_array(json_object_get(j, "Attribute"))) {
		err = give_event(m, j);
	} else {
		snprintf(m->r->why, WHY_BYTES,
			 "it is no MISP event (the manifest of a feed only names "
			 "its events, which are files beside it)");
	}
	json_decref(j);
	return err;
}

int feed_read_misp(struct reader *r)
{
	struct misp m = {.r = r};
	int err = json_items(r->bytes, "response", read_item, &m, r->why);

	return err == 1 ? read_object(&m) : err;
}

static bool is_uuid(const char *s)
{
	return strlen(s) == 36 && strspn(s, "0123456789abcdefABCDEF-") == 36;
}

int feed_misp_manifest(struct slice bytes,
		       int (*call)(void *arg, const char *uuid, uint64_t timestamp), void *arg,
		       char *why)
{
	json_error_t at;
	json_t *j = bytes.len <= EVENT_BYTES_MAX ? json_loadb(bytes.data, bytes.len, 0, &at) : NULL;
	const char *uuid;
	json_t *event;
	int err = json_is_object(j) ? 0 : -EPROTO;

	/* All of it before the first callback: a manifest is right or it is none. */
	json_object_foreach(j, uuid, event) if (!is_uuid(uuid) || !json_is_object(event)) err =
		-EPROTO;
	if (err)
		snprintf(why, WHY_BYTES,
			 "it is no manifest of a MISP feed: not an object of event by UUID");
	json_object_foreach(j, uuid, event)
	{
		if (err)
			break;
		err = call(arg, uuid, (uint64_t)number_at(event, "timestamp"));
	}
	json_decref(j);
	return err;
}
