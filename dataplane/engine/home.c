/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/engine/home.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rules/ruleset.h"

#define TEXT_MAX 65536u

/* "[a,b,!c]" of a list's items, or otherwise when it has none. Returns new, or NULL. */
static char *list_text(const struct config_list *l, const char *otherwise)
{
	char *text = malloc(TEXT_MAX);
	size_t n = 0;

	if (!text)
		return NULL;
	if (!l->count) {
		snprintf(text, TEXT_MAX, "%s", otherwise);
		return text;
	}
	for (size_t i = 0; i < l->count; i++) {
		int more = snprintf(text + n, TEXT_MAX - n, "%c%s", i ? ',' : '[', l->items[i]);

		if (more < 0 || (size_t)more + 2 > TEXT_MAX - n) {
			free(text);
			return NULL;
		}
		n += (size_t)more;
	}
	text[n] = ']';
	text[n + 1] = '\0';
	return text;
}

static int read_list(const struct config *c, const char *key, const struct config_list *l,
		     const char *otherwise, struct addr_range **ranges, uint32_t *count,
		     char *error, size_t error_size)
{
	const struct ruleset_variables v = {
		.address_names = (const char *const *)c->address_vars.keys,
		.address_values = (const char *const *)c->address_vars.values,
		.address_count = c->address_vars.count,
	};
	char *text = list_text(l, otherwise), reason[400];
	int err = -1;

	if (!text)
		snprintf(error, error_size, "%s has more than %u characters, or memory is out", key,
			 TEXT_MAX);
	else if ((err = ruleset_addresses(&v, text, ranges, count, reason, sizeof(reason))) != 0)
		snprintf(error, error_size, "%s: %s", key, reason);
	free(text);
	return err;
}

static void few_ranges(struct home *h)
{
	for (uint32_t i = 0; i < h->inside_count; i++) {
		const struct addr_range *r = &h->inside[i];

		if (r->ip_version != 4)
			continue;
		if (h->inside4_count < HOME_RANGES_FEW)
			h->inside4[h->inside4_count] = (struct home_range4){get_be32(r->low.b), get_be32(r->high.b)};
		h->inside4_count++;
	}
}

struct home *home_new(const struct config *c, char *error, size_t error_size)
{
	struct home *h = calloc(1, sizeof(*h));

	if (!h) {
		snprintf(error, error_size, "out of memory");
		return NULL;
	}
	/* Without a HOME_NET nothing is inside; rules that name it say so. */
	if ((c->home_nets.count || config_map_get(&c->address_vars, "HOME_NET")) &&
	    read_list(c, "home_nets", &c->home_nets, "$HOME_NET", &h->inside, &h->inside_count,
		      error, error_size) != 0)
		goto fail;
	if (c->contacts_proxies.count &&
	    read_list(c, "contacts.proxies", &c->contacts_proxies, "", &h->proxies,
		      &h->proxy_count, error, error_size) != 0)
		goto fail;
	few_ranges(h);
	return h;
fail:
	home_free(h);
	return NULL;
}

void home_free(struct home *h)
{
	if (!h)
		return;
	free(h->inside);
	free(h->proxies);
	free(h);
}
