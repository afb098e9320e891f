/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Whose certificate a TLS client has shown (versions up to 1.2: later ones encrypt it): a mail
 * address among the alternative names is a user, a DNS name a host; without either the common name
 * is a host's if it looks like a domain name, else a user's. Runs in the worker.
 */
#include "dataplane/app/host.h"
#include "dataplane/app/tls_x509.h"
#include "dataplane/flow/flow.h"

static bool has(struct bytes text, char c)
{
	return text.len && memchr(text.data, c, text.len);
}

static bool is_address(struct bytes text)
{
	char word[ADDR_TEXT_MAX];
	struct addr a;

	if (text.len >= sizeof(word))
		return false;
	memcpy(word, text.data, text.len);
	word[text.len] = '\0';
	return addr_parse(word, &a) != 0;
}

/* The last CN of "C=US, O=Example, CN=example.com"; names that hold ", CN=" are cut there. */
static struct bytes common_name(const struct x509_text *subject)
{
	struct bytes found = {0};

	for (uint32_t i = 0; i + 3 <= subject->len; i++) {
		const char *at = subject->data + i;
		uint32_t len = 0;

		if (memcmp(at, "CN=", 3) != 0 || (i && (i < 2 || memcmp(at - 2, ", ", 2) != 0)))
			continue;
		while (i + 3 + len < subject->len && at[3 + len] != ',')
			len++;
		found = (struct bytes){(const uint8_t *)at + 3, len};
	}
	return found;
}

void host_certificate(struct worker *w, const struct flow *f, const struct x509 *x)
{
	struct host_fact fact = {.ip = f->client, .ip_version = f->ip_version, .source = HOST_TLS};
	struct bytes cn;

	for (uint32_t i = 0; i < x->alt_name_count; i++) {
		struct bytes name = {(const uint8_t *)x->alt_names[i].data, x->alt_names[i].len};

		if (has(name, '/') || has(name, ':') || is_address(name) || has(name, '*'))
			continue; /* a URI, an address, many hosts */
		if (has(name, '@') && !fact.user.len)
			fact.user = name;
		else if (!has(name, '@') && !fact.name.len)
			fact.name = name;
	}
	if (!fact.user.len && !fact.name.len) {
		cn = common_name(&x->subject);
		if (has(cn, '.') && !has(cn, ' ') && !has(cn, '@'))
			fact.name = cn;
		else
			fact.user = cn;
	}
	host_note(w, fact);
}
