/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Reading lists: which format it is, and what all formats share.
 */
#include "control/intel/feed.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "control/intel/feed_private.h"
#include "control/intel/intel.h"

static const struct {
	const char *name;
	int (*read)(struct reader *r);
} formats[] = {
	[FEED_AUTO] = {"auto", NULL},
	[FEED_PLAIN] = {"plain", feed_read_plain},
	[FEED_HOSTS] = {"hosts", feed_read_hosts},
	[FEED_CSV] = {"csv", feed_read_csv},
	[FEED_STIX] = {"stix", feed_read_stix},
	[FEED_MISP] = {"misp", feed_read_misp},
};

#define FORMATS (sizeof(formats) / sizeof(formats[0]))

int feed_format_by_name(const char *name)
{
	for (size_t i = 0; i < FORMATS; i++)
		if (strcmp(formats[i].name, name) == 0)
			return (int)i;
	return -1;
}

const char *feed_format_name(enum feed_format f)
{
	return (size_t)f < FORMATS ? formats[f].name : "unknown";
}

struct slice trim(struct slice s)
{
	const char *b = s.data;

	while (s.len && isspace((unsigned char)b[s.len - 1]))
		s.len--;
	while (s.len && isspace((unsigned char)*b)) {
		b++;
		s.len--;
	}
	s.data = b;
	return s;
}

bool slice_is(struct slice s, const char *word)
{
	return s.len == strlen(word) && strncasecmp(s.data, word, s.len) == 0;
}

bool lines_next(struct lines *l, struct slice *line)
{
	const char *b = l->rest.data, *end;

	if (!l->rest.len)
		return false;
	end = memchr(b, '\n', l->rest.len);
	line->data = b;
	line->len = end ? (size_t)(end - b) : l->rest.len;
	l->rest.data = b + line->len + (end != NULL);
	l->rest.len -= line->len + (end != NULL);
	l->number++;
	if (line->len && b[line->len - 1] == '\r')
		line->len--;
	return true;
}

int feed_refuse(struct reader *r, uint64_t where, struct slice item, const char *reason)
{
	return r->sink->refused(r->sink->arg, where, item, reason);
}

/* ---- words ---- */

int feed_kind(struct slice name)
{
	static const struct {
		const char *name;
		int kind;
	} words[] = {
		{"hostname", CONTACT_DOMAIN},
		{"fqdn", CONTACT_DOMAIN},
		{"host", CONTACT_DOMAIN},
		{"domain-name", CONTACT_DOMAIN},
		{"ipv4", CONTACT_IP},
		{"ipv6", CONTACT_IP},
		{"ipv4-addr", CONTACT_IP},
		{"ipv6-addr", CONTACT_IP},
		{"ip-src", CONTACT_IP},
		{"ip-dst", CONTACT_IP},
		{"address", CONTACT_IP},
		{"ip_address", CONTACT_IP},
		{"network", INDICATOR_CIDR},
		{"netblock", INDICATOR_CIDR},
		{"subnet", INDICATOR_CIDR},
		{"ip:port", INDICATOR_IP_PORT},
		{"ip_port", INDICATOR_IP_PORT},
		{"ip-dst|port", INDICATOR_IP_PORT},
		{"ip-src|port", INDICATOR_IP_PORT},
		{"uri", CONTACT_URL},
		{"link", CONTACT_URL},
		{"md5", CONTACT_FILE_MD5},
		{"md5_hash", CONTACT_FILE_MD5},
		{"filehash-md5", CONTACT_FILE_MD5},
		{"sha1", CONTACT_FILE_SHA1},
		{"sha1_hash", CONTACT_FILE_SHA1},
		{"filehash-sha1", CONTACT_FILE_SHA1},
		{"sha256", CONTACT_FILE_SHA256},
		{"sha256_hash", CONTACT_FILE_SHA256},
		{"filehash-sha256", CONTACT_FILE_SHA256},
		{"email-src", CONTACT_EMAIL},
		{"email-dst", CONTACT_EMAIL},
		{"email-addr", CONTACT_EMAIL},
		{"email_address", CONTACT_EMAIL},
		{"user-agent", CONTACT_USER_AGENT},
		{"useragent", CONTACT_USER_AGENT},
		{"ja3-fingerprint-md5", CONTACT_JA3},
		{"ja3_md5", CONTACT_JA3},
		{"x509-fingerprint-sha1", CONTACT_CERT_SHA1},
		{"x509-fingerprint-sha256", CONTACT_CERT_SHA256},
		{"ssl_cert_sha1", CONTACT_CERT_SHA1},
	};
	char own[32];

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (slice_is(name, words[i].name))
			return words[i].kind;
	if (name.len >= sizeof(own))
		return 0;
	for (size_t i = 0; i < name.len; i++)
		own[i] = (char)tolower(((const unsigned char *)name.data)[i]);
	own[name.len] = '\0';
	return indicator_kind_by_name(own);
}

uint8_t feed_severity(struct slice s)
{
	static const char *const words[4][4] = {{"1", "high", "critical", "severe"},
						{"2", "medium", "moderate", "med"},
						{"3", "low", "minor", "low"},
						{"4", "information", "info", "informational"}};

	for (uint8_t i = 0; i < 4; i++)
		for (size_t k = 0; k < 4; k++)
			if (slice_is(s, words[i][k]))
				return (uint8_t)(i + 1);
	return 0;
}

uint8_t feed_tlp(struct slice s)
{
	uint8_t tlp = TLP_NONE;

	if (s.len > 4 && strncasecmp(s.data, "tlp:", 4) == 0)
		s = (struct slice){(const char *)s.data + 4, s.len - 4};
	if (!s.len)
		return TLP_NONE;
	return tlp_read(s.data, s.len, &tlp) ? tlp : TLP_RED;
}

uint64_t feed_time(struct slice s)
{
	char text[40], *end;
	struct tm tm = {0};
	double fraction = 0;
	long offset = 0;
	time_t t;

	if (s.len < 4 || s.len >= sizeof(text))
		return 0;
	memcpy(text, s.data, s.len);
	text[s.len] = '\0';
	if (strspn(text, "0123456789") == s.len)
		return s.len <= 10 ? strtoull(text, NULL, 10) * 1000000000u : 0;
	end = strptime(text, "%Y-%m-%d", &tm);
	if (!end)
		return 0;
	if (*end == 'T' || *end == ' ')
		end = strptime(end + 1, "%H:%M:%S", &tm);
	if (!end)
		return 0;
	if (*end == '.')
		fraction = strtod(end, &end);
	if ((*end == '+' || *end == '-') && isdigit((unsigned char)end[1]))
		offset = (strtol(end + 1, NULL, 10) * 3600 +
			  (strlen(end) == 6 ? strtol(end + 4, NULL, 10) * 60 : 0)) *
			 (*end == '-' ? -1 : 1);
	t = timegm(&tm) - offset;
	return t > 0 ? (uint64_t)t * 1000000000u + (uint64_t)(fraction * 1e9) : 0;
}

/* ---- values ---- */

/* How people write values that nobody shall click on. */
static size_t refang(char *v, size_t len)
{
	static const struct {
		const char *from, *to;
	} pairs[] = {{"[.]", "."}, {"(.)", "."},     {"{.}", "."}, {"[dot]", "."}, {"(dot)", "."},
		     {"[:]", ":"}, {"[://]", "://"}, {"[@]", "@"}, {"[at]", "@"},  {"(at)", "@"}};
	size_t out = 0, in = 0;

	if (len > 7 && strncasecmp(v, "hxxp", 4) == 0)
		memcpy(v + 1, "tt", 2);
	if (!strpbrk(v, "[({"))
		return len;
	while (in < len) {
		size_t k = 0;

		while (k < sizeof(pairs) / sizeof(pairs[0]) &&
		       (len - in < strlen(pairs[k].from) ||
			strncasecmp(v + in, pairs[k].from, strlen(pairs[k].from)) != 0))
			k++;
		if (k == sizeof(pairs) / sizeof(pairs[0])) {
			v[out++] = v[in++];
			continue;
		}
		memcpy(v + out, pairs[k].to, strlen(pairs[k].to));
		out += strlen(pairs[k].to);
		in += strlen(pairs[k].from);
	}
	return out;
}

static void cut(char *v, size_t *len, size_t from_start)
{
	memmove(v, v + from_start, *len - from_start + 1);
	*len -= from_start;
}

/* "*.x", ".x", "||x^": the domain and all below it. True if it is written so. */
static bool strip_below(char *v, size_t *len)
{
	char *end;

	if (*len > 2 && memcmp(v, "||", 2) == 0) {
		cut(v, len, 2);
		end = strpbrk(v, "^$/");
		if (end && *end != '/') {
			*end = '\0';
			*len = (size_t)(end - v);
		}
		return true;
	}
	if (*len > 2 && memcmp(v, "*.", 2) == 0) {
		cut(v, len, 2);
		return true;
	}
	if (*len > 1 && v[0] == '.' && v[1] != '/') {
		cut(v, len, 1);
		return true;
	}
	return false;
}

/* What it is, where the list says nothing or something near. */
static int settle_kind(int kind, const char *v, size_t len)
{
	uint8_t key[INTEL_KEY_MAX];
	size_t n;

	if (!kind)
		kind = intel_key(INDICATOR_IP_PORT, v, len, key) ? INDICATOR_IP_PORT
								 : indicator_guess(v);
	if ((kind == CONTACT_DOMAIN || kind == INDICATOR_IP_PORT || kind == INDICATOR_CIDR) &&
	    intel_key(CONTACT_IP, v, len, key))
		return CONTACT_IP;
	if (kind == CONTACT_IP && strchr(v, '/'))
		kind = INDICATOR_CIDR;
	else if (kind == CONTACT_IP && intel_key(INDICATOR_IP_PORT, v, len, key))
		kind = INDICATOR_IP_PORT;
	n = kind == INDICATOR_CIDR ? intel_key(kind, v, len, key) : 0;
	return n && key[n - 1] == (key[1] == 4 ? 32 : 128) ? CONTACT_IP : kind;
}

static const char *has_control(const char *v, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if ((unsigned char)v[i] < 0x20 || v[i] == 0x7f)
			return "has control characters";
	return NULL;
}

int feed_value(struct reader *r, uint64_t where, struct slice value,
	       const struct intel_entry *given)
{
	struct intel_entry e = *given;
	char v[VALUE_BYTES_MAX + 1], *slash;
	uint8_t key[INTEL_KEY_MAX];
	const char *reason = NULL;
	size_t len, key_len;

	value = trim(value);
	if (!value.len)
		return feed_refuse(r, where, value, "is empty");
	if (value.len > VALUE_BYTES_MAX)
		return feed_refuse(r, where, value, "is too long");
	memcpy(v, value.data, value.len);
	v[value.len] = '\0';
	reason = has_control(v, value.len);
	if (reason)
		return feed_refuse(r, where, value, reason);
	len = e.kind == CONTACT_USER_AGENT ? value.len : refang(v, value.len);
	v[len] = '\0';
	if (!e.kind || e.kind == CONTACT_DOMAIN)
		e.below |= strip_below(v, &len);
	e.kind = settle_kind(e.kind, v, len);
	if (e.kind == CONTACT_IP && (slash = strchr(v, '/'))) {
		*slash = '\0';
		len = (size_t)(slash - v);
	}
	if (!e.kind)
		return feed_refuse(r, where, value, "is nothing of a known kind");
	if (e.kind == CONTACT_DOMAIN || e.kind == CONTACT_SNI)
		e.below |= r->o->below;
	else
		e.below = false;
	key_len = intel_key(e.kind, v, len, key);
	reason = value_objection(e.kind, v, key, key_len, e.allow);
	if (reason)
		return feed_refuse(r, where, value, reason);
	e.value = (struct slice){v, len};
	return r->sink->entry(r->sink->arg, &e);
}

/* ---- which format ---- */

static bool contains(struct slice s, const char *word)
{
	return memmem(s.data, s.len, word, strlen(word)) != NULL;
}

/* "0.0.0.0 evil.com": a sink's address, then a name. */
static bool begins_as_hosts(struct slice line)
{
	static const char *const sinks[] = {"0.0.0.0", "127.0.0.1", "::", "::1"};
	const char *b = line.data;
	size_t n = 0;

	while (n < line.len && !isspace((unsigned char)b[n]))
		n++;
	line = trim((struct slice){b + n, line.len - n});
	for (size_t i = 0; i < 4; i++)
		if (slice_is((struct slice){b, n}, sinks[i]))
			return line.len && isalnum(((const unsigned char *)line.data)[0]);
	return false;
}

static enum feed_format look(struct slice bytes)
{
	struct lines l = {.rest = bytes};
	struct slice line = trim(bytes), start;

	start = (struct slice){line.data, line.len < 65536 ? line.len : 65536};
	if (line.len &&
	    (((const char *)line.data)[0] == '{' || ((const char *)line.data)[0] == '['))
		return contains(start, "\"Event\"") || contains(start, "\"Attribute\"") ? FEED_MISP
		       : contains(start, "\"objects\"") || contains(start, "\"bundle\"") ||
				       contains(start, "\"indicator\"") ||
				       contains(start, "\"more\"") || line.len < 10
			       ? FEED_STIX
			       : FEED_MISP;
	while (lines_next(&l, &line)) {
		line = trim(line);
		if (!line.len || strchr("#;!/", ((const char *)line.data)[0]))
			continue;
		if (begins_as_hosts(line))
			return FEED_HOSTS;
		if (((const char *)line.data)[0] == '"' ||
		    (contains(line, ",") && !contains(line, "://")) || contains(line, "\",\"") ||
		    (contains(line, ",http")))
			return FEED_CSV;
		return FEED_PLAIN;
	}
	return FEED_PLAIN;
}

int feed_read(const struct feed_options *o, struct slice bytes, const struct feed_sink *sink,
	      char *why)
{
	struct reader r = {o, sink, bytes, why};
	enum feed_format format = o->format;

	why[0] = '\0';
	if (bytes.len > FEED_BYTES_MAX) {
		snprintf(why, WHY_BYTES, "it has more than %u MiB", FEED_BYTES_MAX >> 20);
		return -EPROTO;
	}
	if (bytes.len >= 3 && memcmp(bytes.data, "\xef\xbb\xbf", 3) == 0)
		r.bytes = (struct slice){(const char *)bytes.data + 3, bytes.len - 3};
	if (format == FEED_AUTO)
		format = look(r.bytes);
	if ((size_t)format >= FORMATS || !formats[format].read)
		return -EPROTO;
	return formats[format].read(&r);
}
