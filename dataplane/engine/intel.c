/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/engine/intel.h"

#include <stdio.h>
#include <string.h>

#include "dataplane/app/app.h"
#include "dataplane/base/cursor.h"
#include "dataplane/base/hex.h"
#include "dataplane/engine/emit.h"
#include "dataplane/event/indicator.h"

#define SID_BASE 2900000000u /* + kind of the entry */
#define TEXT_MAX 1024        /* of an entry or value, as it is told */
#define PROTO_TCP 6
#define PROTO_UDP 17

static const char *kind_name(int kind)
{
	static const char *const names[] = {
		[CONTACT_DOMAIN] = "domain",
		[CONTACT_IP] = "ip",
		[CONTACT_URL] = "url",
		[CONTACT_SNI] = "sni",
		[CONTACT_JA3] = "ja3",
		[CONTACT_JA4] = "ja4",
		[CONTACT_CERT_SHA1] = "cert_sha1",
		[CONTACT_CERT_SHA256] = "cert_sha256",
		[CONTACT_FILE_MD5] = "file_md5",
		[CONTACT_FILE_SHA1] = "file_sha1",
		[CONTACT_FILE_SHA256] = "file_sha256",
		[CONTACT_EMAIL] = "email",
		[CONTACT_USER_AGENT] = "user_agent",
		[INDICATOR_NET] = "cidr",
		[INDICATOR_ENDPOINT] = "ip_port",
	};

	return kind > 0 && kind <= INDICATOR_ENDPOINT && names[kind] ? names[kind] : "unknown";
}

/* ---- values ---- */

/* Bytes of the hash that the kind is; 0: it is no hash. */
static unsigned hash_bytes(int kind)
{
	switch (kind) {
	case CONTACT_JA3:
	case CONTACT_FILE_MD5:
		return 16;
	case CONTACT_CERT_SHA1:
	case CONTACT_FILE_SHA1:
		return 20;
	case CONTACT_CERT_SHA256:
	case CONTACT_FILE_SHA256:
		return 32;
	default:
		return 0;
	}
}

static int digit(uint8_t c)
{
	return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Hex digits to bytes. 0: that is no hash of this many bytes. */
static size_t unhex(const uint8_t *text, size_t len, unsigned want, uint8_t out[32])
{
	if (len != 2 * (size_t)want)
		return 0;
	for (unsigned i = 0; i < want; i++) {
		int high = digit(text[2 * i]), low = digit(text[2 * i + 1]);

		if (high < 0 || low < 0)
			return 0;
		out[i] = (uint8_t)(high << 4 | low);
	}
	return want;
}

/* A contact's value as the table has it (indicator.h): points into the value, or into hash. */
static size_t canonical(unsigned kind, const uint8_t **value, size_t len, uint8_t hash[32])
{
	unsigned bytes = hash_bytes((int)kind);

	if (bytes) {
		len = unhex(*value, len, bytes, hash);
		*value = hash;
	} else if (kind == CONTACT_DOMAIN || kind == CONTACT_SNI) {
		while (len && (*value)[len - 1] == '.')
			len--;
	}
	return len;
}

/* A value or entry for people. Returns its length. */
static size_t value_text(int kind, const uint8_t *v, size_t len, char text[TEXT_MAX])
{
	bool address = kind == CONTACT_IP || kind == INDICATOR_NET || kind == INDICATOR_ENDPOINT;
	char number[ADDR_TEXT_MAX];
	struct addr a = {0};
	int version;

	if (hash_bytes(kind) == len && len) {
		hex_put(text, v, len);
		return 2 * len;
	}
	if (!address) {
		len = len < TEXT_MAX ? len : TEXT_MAX;
		memcpy(text, v, len);
		return len;
	}
	version = len >= 16 ? 6 : 4;
	if (len < 4)
		return 0;
	memcpy(a.b, v, version == 6 ? 16 : 4);
	addr_format(&a, version, number);
	v += version == 6 ? 16 : 4;
	len -= version == 6 ? 16 : 4;
	if (kind == INDICATOR_NET && len >= 1)
		return (size_t)snprintf(text, TEXT_MAX, "%s/%u", number, v[0]);
	if (kind == INDICATOR_ENDPOINT && len >= 2)
		return (size_t)snprintf(text, TEXT_MAX, version == 6 ? "[%s]:%u" : "%s:%u", number,
					get_be16(v));
	return (size_t)snprintf(text, TEXT_MAX, "%s", number);
}

/* ---- once for each flow and entry ---- */

/* False: this flow was told of it already. Without memory for notes one alert is all. */
static bool is_first(struct worker *w, struct flow *f, const struct indicator_hit *hit)
{
	uint32_t hash = (uint32_t)indicator_hash(0, (unsigned)hit->kind, hit->value, hit->len) | 1;
	struct flow_notes *n = flow_notes(w, f);

	if (!n) {
		bool first = !(f->flags & FLOW_INDICATOR_TOLD);

		f->flags |= FLOW_INDICATOR_TOLD;
		return first;
	}
	for (unsigned i = 0; i < FLOW_INDICATORS; i++)
		if (n->indicators[i] == hash)
			return false;
	n->indicators[n->next++ % FLOW_INDICATORS] = hash;
	return true;
}

/* ---- in the wire ---- */

/* The packet whose bytes made the contact; NULL: it was noticed at the flow's end. */
static struct packet *packet_in_hand(const struct worker *w, const struct flow *f)
{
	return w->packet && w->packet->flow == f ? w->packet : NULL;
}

/* True: it goes no farther. */
static bool act(struct worker *w, struct flow *f, struct packet *p, unsigned kind, unsigned action)
{
	bool reject = action == INTEL_REJECT;

	if (!w->in_the_wire || !p || !(reject || action == INTEL_DROP) || f->flags & FLOW_PASS)
		return false;
	if (p->verdict == VERDICT_ACCEPT) {
		packet_drop(p, DROP_indicator);
		if (reject) {
			p->verdict = VERDICT_REJECT;
			p->reject = f->ip_proto == PROTO_TCP ? REJECT_BOTH : REJECT_SOURCE;
			w->counters->detect_indicator_rejected++;
		} else {
			w->counters->detect_indicator_dropped++;
		}
	}
	if (f->ip_proto == PROTO_UDP && kind == CONTACT_DOMAIN)
		return true;
	f->flags |= FLOW_DROP | (reject ? FLOW_REJECT : 0);
	f->drop_reason = DROP_indicator;
	return true;
}

/* ---- the alert ---- */

static void put_text(struct recorder *r, enum field_id field, const struct indicator_image *image,
		     uint32_t at)
{
	const char *text = indicator_text(image, at);

	if (*text)
		rec_text(r, field, text);
}

static void intel_object(struct recorder *r, const struct indicator_image *image,
			 const struct indicator_hit *hit, const char *entry, size_t entry_len,
			 const char *contacted, size_t contacted_len)
{
	rec_open(r, F_alert_intel);
	rec_text(r, F_alert_intel_kind, kind_name(hit->kind));
	rec_bytes(r, F_alert_intel_indicator, entry, entry_len);
	if (entry_len != contacted_len || memcmp(entry, contacted, entry_len) != 0)
		rec_bytes(r, F_alert_intel_contacted, contacted, contacted_len);
	put_text(r, F_alert_intel_source, image, hit->cls->source);
	put_text(r, F_alert_intel_threat, image, hit->cls->threat);
	put_text(r, F_alert_intel_family, image, hit->cls->family);
	put_text(r, F_alert_intel_category, image, hit->cls->category);
	rec_uint(r, F_alert_intel_score, hit->cls->score);
	rec_uint(r, F_alert_intel_version, image->version);
	rec_close(r);
}

/* "METSUKE known bad domain: Emotet (evil.example)" */
static void signature(struct recorder *r, const struct indicator_hit *hit, const char *threat,
		      const char *entry, size_t entry_len)
{
	char text[TEXT_MAX + 256];
	int n = snprintf(text, 200, "METSUKE known bad %s%s%s (", kind_name(hit->kind),
			 *threat ? ": " : "", threat);
	size_t at = n < 200 ? (size_t)n : 199;

	memcpy(text + at, entry, entry_len);
	at += entry_len;
	text[at++] = ')';
	rec_bytes(r, F_alert_signature, text, at);
}

/* What else alerts show: the transaction that the contact is part of, as far as it is known, and
 * the flow. */
static void surroundings(struct worker *w, struct flow *f, const struct packet *p, unsigned kind,
			 struct recorder *r)
{
	const struct config_map *types = &w->config->eve_types;
	struct tx *tx = kind != CONTACT_IP && f->app && f->app->proto ? f->app->last : NULL;

	if (tx && f->app->proto->alert_context &&
	    config_map_bool(types, "alert.app-layer",
			    config_map_bool(types, "alert.metadata.app-layer", true))) {
		((struct record_head *)(void *)r->at)->tx_id = tx->id;
		f->app->proto->alert_context(w, f, tx, r);
	}
	if (config_map_bool(types, "alert.flow", true)) {
		rec_open(r, F_top_flow);
		flow_record_brief(r, f);
		rec_close(r);
	}
	if (p)
		emit_tunnel(r, p);
}

static void alert_write(struct worker *w, struct flow *f, const struct packet *p, unsigned kind,
			const uint8_t *value, size_t len, const struct indicator_hit *hit,
			bool blocked)
{
	const struct indicator_image *image = w->indicators;
	char entry[TEXT_MAX], contacted[TEXT_MAX];
	size_t entry_len = value_text(hit->kind, hit->value, hit->len, entry);
	size_t contacted_len = value_text((int)kind, value, len, contacted);
	struct recorder *r = p ? emit_packet(w, RECORD_alert, p)
			       : emit_flow(w, RECORD_alert, f, TO_SERVER, RECORD_NO_TX, NULL);

	rec_open(r, F_alert_alert);
	rec_text(r, F_alert_action, blocked ? "blocked" : "allowed");
	rec_uint(r, F_alert_gid, 1);
	rec_uint(r, F_alert_signature_id, SID_BASE + (unsigned)hit->kind);
	rec_uint(r, F_alert_rev, 1);
	signature(r, hit, indicator_text(image, hit->cls->threat), entry, entry_len);
	rec_text(r, F_alert_category, indicator_text(image, hit->cls->category));
	rec_uint(r, F_alert_severity, hit->cls->severity);
	intel_object(r, image, hit, entry, entry_len, contacted, contacted_len);
	rec_close(r);
	surroundings(w, f, p, kind, r);
	emit_end(w);
	f->flags |= FLOW_ALERTED;
	w->counters->detect_alert++;
}

void intel_contact(struct worker *w, struct flow *f, unsigned kind, const void *value, size_t len,
		   uint16_t port)
{
	const uint8_t *v = value;
	struct indicator_hit hit;
	struct packet *p;
	uint8_t hash[32];
	bool blocked;

	w->counters->detect_indicator_lookups++;
	len = canonical(kind, &v, len, hash);
	if (!len || !indicator_find(w->indicators, kind, v, len, port, &hit))
		return;
	w->counters->detect_indicator_hits++;
	p = packet_in_hand(w, f);
	blocked = act(w, f, p, kind, hit.cls->action);
	if (is_first(w, f, &hit))
		alert_write(w, f, p, kind, v, len, &hit, blocked);
}
