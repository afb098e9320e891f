/* SPDX-License-Identifier: BSD-3-Clause
 *
 * eve.types and eve.files.NAME.types: which records an output has and what they carry. Names of
 * options are those of Suricata's eve-log, with '-' or '_'.
 */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "control/ingest/eve.h"

/* Off unless asked for, as in Suricata's shipped configuration. */
static const char *const off_by_default[] = {"drop", "frame", "arp", "pgsql", "netflow",
					     "metadata", "modbus", "dnp3", "enip", "engine", "stream_tcp"};

/* Suricata configures these under other names. */
static const struct {
	enum record_type type;
	const char *name;
} other_names[] = {{RECORD_fileinfo, "files"}, {RECORD_stream_tcp, "stream"}};

struct scope {
	const struct config_map *map;
	char prefix[128]; /* "NAME.types." in eve.files, "" in eve.types */
};

static bool same_name(const char *a, const char *b)
{
	for (; *a && *b; a++, b++)
		if ((*a == '-' ? '_' : *a) != (*b == '-' ? '_' : *b))
			return false;
	return *a == *b;
}

static const char *find(const struct scope *s, const char *path)
{
	size_t n = strlen(s->prefix);

	for (size_t i = 0; i < s->map->count; i++)
		if (strncmp(s->map->keys[i], s->prefix, n) == 0 &&
		    same_name(s->map->keys[i] + n, path))
			return s->map->values[i];
	return NULL;
}

static bool truth(const char *v, bool otherwise)
{
	static const char *const yes[] = {"yes", "true", "on", "1"},
				 *const no[] = {"no", "false", "off", "0"};

	for (int i = 0; v && i < 4; i++) {
		if (strcasecmp(v, yes[i]) == 0)
			return true;
		if (strcasecmp(v, no[i]) == 0)
			return false;
	}
	return otherwise;
}

static bool option(const struct scope *s, const char *path, bool otherwise)
{
	return truth(find(s, path), otherwise);
}

/* Any key at all for this type: in a further file that is how it is asked for. */
static bool is_named(const struct scope *s, const char *type)
{
	size_t n = strlen(s->prefix), len = strlen(type);

	for (size_t i = 0; i < s->map->count; i++) {
		const char *key = s->map->keys[i];

		if (strncmp(key, s->prefix, n) == 0 && strncmp(key + n, type, len) == 0 &&
		    (key[n + len] == '.' || !key[n + len]))
			return true;
	}
	return false;
}

static bool names_any_type(const struct scope *s)
{
	size_t n = strlen(s->prefix);

	for (size_t i = 0; i < s->map->count; i++)
		if (strncmp(s->map->keys[i], s->prefix, n) == 0)
			return true;
	return false;
}

static bool type_default(const char *type)
{
	for (size_t i = 0; i < sizeof(off_by_default) / sizeof(off_by_default[0]); i++)
		if (strcmp(off_by_default[i], type) == 0)
			return false;
	return true;
}

/* main file: all but those off by default; a further file that names types: only those. */
static bool type_enabled(const struct scope *s, const char *type, bool only_named)
{
	char path[80];
	bool otherwise = only_named ? is_named(s, type) : type_default(type);

	if (option(s, "others", true) == false)
		otherwise = is_named(s, type);
	snprintf(path, sizeof(path), "%s.enabled", type);
	return truth(find(s, path), truth(find(s, type), otherwise));
}

static void read_types(struct eve_options *o, const struct scope *s, bool only_named)
{
	for (int t = 0; t < RECORD_COUNT; t++) {
		const char *name = record_rows[t].name;

		if (record_rows[t].record_class == CLASS_CONTROL ||
		    record_rows[t].record_class == CLASS_CONTACT || t == RECORD_top)
			continue;
		o->enabled[t] = type_enabled(s, name, only_named);
	}
	for (size_t i = 0; i < sizeof(other_names) / sizeof(other_names[0]); i++)
		if (!is_named(s, record_rows[other_names[i].type].name) && is_named(s, other_names[i].name))
			o->enabled[other_names[i].type] = type_enabled(s, other_names[i].name, only_named);
	o->stats = type_enabled(s, "stats", only_named);
	o->stats_no_zeros = !option(s, "stats.null_values", true);
	o->enabled[RECORD_packet] = o->enabled[RECORD_alert] && option(s, "alert.tagged_packets", true);
}

static uint64_t size_option(const struct scope *s, const char *path, uint64_t otherwise)
{
	const char *v = find(s, path);
	char *end;
	uint64_t n;

	if (!v || !isdigit((unsigned char)*v))
		return otherwise;
	n = strtoull(v, &end, 10);
	while (*end == ' ')
		end++;
	switch (*end | 0x20) {
	case 'k':
		return n << 10;
	case 'm':
		return n << 20;
	case 'g':
		return n << 30;
	default:
		return n;
	}
}

static void read_alert(struct eve_options *o, const struct scope *s)
{
	bool metadata = option(s, "alert.metadata", true);

	o->payload = option(s, "alert.payload", false);
	o->payload_printable = option(s, "alert.payload_printable", false);
	o->http_body = option(s, "alert.http_body", false);
	o->http_body_printable = option(s, "alert.http_body_printable", false);
	o->packet = option(s, "alert.packet", false);
	o->payload_max = size_option(s, "alert.payload_buffer_size", 4096);
	o->verdict = option(s, "alert.verdict", false);
	o->anomaly_packet = option(s, "anomaly.packethdr", false);
	o->anomaly_decode = option(s, "anomaly.types.decode", false);
	o->anomaly_stream = option(s, "anomaly.types.stream", false);
	o->anomaly_applayer = option(s, "anomaly.types.applayer", true);
	o->drop_verdict = option(s, "drop.verdict", false);
	o->app_layer = option(s, "alert.metadata.app_layer", metadata);
	o->flow = option(s, "alert.metadata.flow", metadata);
	o->rule_metadata = option(s, "alert.metadata.rule.metadata", metadata);
	o->rule_reference = option(s, "alert.metadata.rule.reference", false);
}

static int read_dns(struct eve_options *o, const struct scope *s)
{
	const char *types = find(s, "dns.types");

	o->dns_requests = option(s, "dns.requests", true);
	o->dns_responses = option(s, "dns.responses", true);
	o->dns_types = types ? strdup(types) : NULL;
	return types && !o->dns_types ? -1 : 0;
}

/* xff.… of a type comes before that of all. */
static void read_xff(struct eve_options *o, const struct scope *s, enum record_type type,
		     const char *name)
{
	char key[48];
	const char *mode, *deployment;
	bool own;

	snprintf(key, sizeof(key), "%s.xff.enabled", name);
	own = find(s, key) != NULL;
	if (!option(s, own ? key : "xff.enabled", false))
		return;
	snprintf(key, sizeof(key), "%s.xff.mode", name);
	mode = find(s, own ? key : "xff.mode");
	snprintf(key, sizeof(key), "%s.xff.deployment", name);
	deployment = find(s, own ? key : "xff.deployment");
	o->xff[type].mode = mode && strcasecmp(mode, "overwrite") == 0 ? EVE_XFF_OVERWRITE : EVE_XFF_EXTRA;
	o->xff[type].reverse = !deployment || strcasecmp(deployment, "forward") != 0;
}

/* "afxdp:eth1" is eth1; of other ports the whole name after the kind, or the kind. */
static char *interface_name(const char *uri)
{
	const char *colon = strchr(uri, ':');

	return strdup(colon && colon[1] ? colon + 1 : uri);
}

static int read_interfaces(struct eve_options *o, const struct config *c)
{
	bool pair = c->mode == MODE_INLINE && c->pair_a && c->pair_a[0];
	size_t count = pair ? 2 : c->ports.count;

	o->interfaces = calloc(count + 1, sizeof(*o->interfaces));
	if (!o->interfaces)
		return -1;
	for (size_t i = 0; i < count; i++) {
		const char *uri = pair ? (i ? c->pair_b : c->pair_a) : c->ports.items[i];

		o->interfaces[i] = interface_name(uri);
		if (!o->interfaces[i])
			return -1;
		o->interface_count++;
	}
	return 0;
}

static int read_host(struct eve_options *o, const struct config *c, bool live)
{
	char name[256];

	if (c->sensor_name && c->sensor_name[0]) {
		o->host = strdup(c->sensor_name);
	} else if (live && gethostname(name, sizeof(name)) == 0) {
		name[sizeof(name) - 1] = '\0';
		o->host = strdup(name);
	} else {
		return 0;
	}
	return o->host ? 0 : -1;
}

struct eve_options *eve_options_new(const struct config *c, const char *name, bool live)
{
	struct eve_options *o = calloc(1, sizeof(*o));
	struct scope s = {.map = name ? &c->eve_files : &c->eve_types};

	if (!o)
		return NULL;
	if (name)
		snprintf(s.prefix, sizeof(s.prefix), "%s.types.", name);
	read_types(o, &s, name && names_any_type(&s));
	read_alert(o, &s);
	read_xff(o, &s, RECORD_alert, "alert");
	read_xff(o, &s, RECORD_http, "http");
	read_xff(o, &s, RECORD_fileinfo, "files");
	o->community_id = c->eve_community_id;
	o->community_id_seed = (uint16_t)c->eve_community_id_seed;
	o->ethernet = c->eve_ethernet;
	o->pcap_filename = c->eve_pcap_filename;
	o->suricata_version = c->eve_suricata_version;
	if (name) {
		struct scope file = {.map = &c->eve_files};

		snprintf(file.prefix, sizeof(file.prefix), "%s.", name);
		o->community_id = option(&file, "community_id", o->community_id);
		o->ethernet = option(&file, "ethernet", o->ethernet);
		o->pcap_filename = option(&file, "pcap_filename", o->pcap_filename);
		o->suricata_version = option(&file, "suricata_version", o->suricata_version);
		o->community_id_seed =
			(uint16_t)size_option(&file, "community_id_seed", o->community_id_seed);
	}
	if (read_dns(o, &s) != 0 || (live && read_interfaces(o, c) != 0) || read_host(o, c, live) != 0) {
		eve_options_free(o);
		return NULL;
	}
	return o;
}

void eve_options_free(struct eve_options *o)
{
	if (!o)
		return;
	for (unsigned i = 0; i < o->interface_count; i++)
		free(o->interfaces[i]);
	free(o->interfaces);
	free(o->dns_types);
	free(o->host);
	free(o);
}

bool eve_options_same_lines(const struct eve_options *a, const struct eve_options *b)
{
	return a->community_id == b->community_id && a->ethernet == b->ethernet &&
	       a->pcap_filename == b->pcap_filename && a->anomaly_packet == b->anomaly_packet &&
	       a->community_id_seed == b->community_id_seed && a->payload == b->payload &&
	       a->payload_printable == b->payload_printable && a->packet == b->packet &&
	       a->verdict == b->verdict && a->payload_max == b->payload_max &&
	       a->drop_verdict == b->drop_verdict && a->app_layer == b->app_layer &&
	       a->suricata_version == b->suricata_version && a->http_body == b->http_body &&
	       a->http_body_printable == b->http_body_printable &&
	       memcmp(a->xff, b->xff, sizeof(a->xff)) == 0 &&
	       a->flow == b->flow && a->rule_metadata == b->rule_metadata &&
	       a->rule_reference == b->rule_reference;
}
