/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What a list may not say: values that would make everything bad, or that cannot be met. Networks
 * of documentation (RFC 5737, RFC 3849) are let pass: nobody meets them, and examples need them.
 */
#include <ctype.h>
#include <libpsl.h>
#include <pthread.h>
#include <string.h>

#include "control/contact/kinds.h"
#include "control/intel/feed_private.h"
#include "control/intel/intel.h"
#include "dataplane/base/addr.h"

#define SUFFIX_LABELS_MAX 5

/* IANA's registries of special-purpose addresses. */
static const char *const reserved[] = {
	"0.0.0.0/8",      "10.0.0.0/8",    "100.64.0.0/10", "127.0.0.0/8",
	"169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24",  "192.168.0.0/16",
	"224.0.0.0/4",    "240.0.0.0/4",   "::/128",        "::1/128",
	"::ffff:0:0/96",  "fe80::/10",     "fc00::/7",      "ff00::/8",
};

static struct addr_prefix reserved_prefixes[sizeof(reserved) / sizeof(reserved[0])];
static pthread_once_t reserved_once = PTHREAD_ONCE_INIT;

static void parse_reserved(void)
{
	for (size_t i = 0; i < sizeof(reserved) / sizeof(reserved[0]); i++)
		addr_prefix_parse(reserved[i], &reserved_prefixes[i]);
}

static const char *address_objection(int version, const uint8_t *bytes)
{
	struct addr a = {{0}};

	pthread_once(&reserved_once, parse_reserved);
	memcpy(a.b, bytes, version == 4 ? 4 : 16);
	for (size_t i = 0; i < sizeof(reserved) / sizeof(reserved[0]); i++)
		if (addr_prefix_covers(&reserved_prefixes[i], &a, version))
			return "is a private or reserved address";
	return NULL;
}

static const char *network_objection(const uint8_t *key, size_t len)
{
	if (key[len - 1] == 0)
		return "is every address";
	if (key[len - 1] < (key[1] == 4 ? 8 : 16))
		return "is too large a network";
	return address_objection(key[1], key + 2) ? "is a private or reserved network" : NULL;
}

/* Form of a name: letters, digits, hyphens, underscores in labels of 1 to 63 bytes (RFC 1035,
 * 2.3.4; underscores are met). */
static const char *name_form(const char *v, size_t len, unsigned *labels, bool *number)
{
	size_t label = 0;

	*labels = 1;
	*number = true;
	if (len && v[len - 1] == '.')
		len--;
	if (!len || len > 253)
		return "is not a domain name";
	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)v[i];

		if (c >= 0x80)
			return "is not ASCII (a name is given in its xn-- form)";
		if (c == '.') {
			if (!label)
				return "is not a domain name";
			label = 0;
			*number = true;
			++*labels;
			continue;
		}
		if (!isalnum(c) && c != '-' && c != '_')
			return "is not a domain name";
		*number &= isdigit(c) != 0;
		if (++label > 63)
			return "is not a domain name";
	}
	return label ? NULL : "is not a domain name";
}

static bool is_suffix(const char *v, size_t len)
{
	char name[256];

	if (len && v[len - 1] == '.')
		len--;
	for (size_t i = 0; i < len; i++)
		name[i] = (char)tolower((unsigned char)v[i]);
	name[len] = '\0';
	/* Suffixes of the registries alone: a host of many people's pages may well be bad. */
	return psl_is_public_suffix2(psl_builtin(), name, PSL_TYPE_ICANN | PSL_TYPE_NO_STAR_RULE);
}

static const char *name_objection(const char *v, size_t len, bool allow)
{
	unsigned labels;
	bool number;
	const char *bad = name_form(v, len, &labels, &number);

	if (bad)
		return bad;
	if (number)
		return "is not a domain name";
	if (allow)
		return NULL;
	if (labels == 1)
		return "is a single label";
	/* No suffix has more labels. */
	return labels <= SUFFIX_LABELS_MAX && is_suffix(v, len) ? "is a public suffix" : NULL;
}

/* The host of a URL: a name or an address. */
static const char *url_objection(const char *v, bool allow)
{
	const char *scheme = strstr(v, "://"), *host = scheme ? scheme + 3 : v;
	size_t len = strcspn(host, "/?#");
	const char *at = memrchr(host, '@', len), *colon;
	char text[256];
	struct addr a;
	int version;

	if (at) {
		len -= (size_t)(at + 1 - host);
		host = at + 1;
	}
	if (len > 2 && host[0] == '[' && (colon = memchr(host, ']', len))) {
		host++;
		len = (size_t)(colon - host);
	} else if ((colon = memrchr(host, ':', len)) && memchr(host, ':', len) == colon) {
		len = (size_t)(colon - host);
	}
	if (!len || len >= sizeof(text))
		return "is not a URL with a host";
	memcpy(text, host, len);
	text[len] = '\0';
	version = addr_parse(text, &a);
	if (version)
		return allow ? NULL : address_objection(version, a.b);
	/* A whole site may be bad though a registry stands behind its name: no suffix test. */
	return name_objection(text, len, true) ? "is not a URL with a host"
	       : !allow && !strchr(text, '.')  ? "has a single label as its host"
					       : NULL;
}

static const char *mail_objection(const char *v)
{
	const char *at = strrchr(v, '@');
	unsigned labels;
	bool number;

	if (!at || at == v || strpbrk(v, " \t<>") || strchr(v, '@') != at ||
	    name_form(at + 1, strlen(at + 1), &labels, &number))
		return "is not a mail address";
	return NULL;
}

static const char *hash_objection(const char *v)
{
	static const char *const empty[] = {
		"d41d8cd98f00b204e9800998ecf8427e", "da39a3ee5e6b4b0d3255bfef95601890afd80709",
		"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"};

	for (size_t i = 0; i < 3; i++)
		if (strcasecmp(v, empty[i]) == 0)
			return "is the hash of an empty file";
	return NULL;
}

const char *value_objection(int kind, const char *value, const uint8_t *key, size_t key_len,
			    bool allow)
{
	size_t len = strlen(value);
	const char *bad = NULL;

	switch (kind) {
	case CONTACT_DOMAIN:
	case CONTACT_SNI:
		bad = name_objection(value, len, allow);
		break;
	case CONTACT_URL:
		bad = url_objection(value, allow);
		break;
	case CONTACT_EMAIL:
		bad = mail_objection(value);
		break;
	default:
		break;
	}
	if (bad)
		return bad;
	if (!key_len)
		return "is not a value of its kind";
	if (allow)
		return NULL;
	switch (kind) {
	case CONTACT_IP:
	case INDICATOR_IP_PORT:
		return address_objection(key[1], key + 2);
	case INDICATOR_CIDR:
		return network_objection(key, key_len);
	case CONTACT_FILE_MD5:
	case CONTACT_FILE_SHA1:
	case CONTACT_FILE_SHA256:
		return hash_objection(value);
	default:
		return NULL;
	}
}
