/* SPDX-License-Identifier: BSD-3-Clause
 *
 * DNS: options, see dns.h. At start.
 */
#include "dataplane/app/dns.h"
#include "dataplane/base/put.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static const char *next_word(const char *at, char *word, size_t size)
{
	struct put p = put_to(word, size);

	at += strspn(at, " ,[]\"'");
	while (*at && !strchr(" ,[]\"'", *at))
		p = put_char(p, *at++);
	return *word ? at : NULL;
}

/* "53", "[53, 1053]"; what is no port is left out. */
static void read_ports(const char *list, uint16_t ports[DNS_PORTS_MAX])
{
	unsigned n = 0;
	char word[32];

	if (!list)
		list = "53";
	while (n < DNS_PORTS_MAX && (list = next_word(list, word, sizeof(word)))) {
		unsigned long port = strtoul(word, NULL, 10);

		if (port && port <= UINT16_MAX)
			ports[n++] = (uint16_t)port;
	}
}

void dns_configure(const struct worker *w, void *memory)
{
	struct dns_config *c = memory;
	const char *v;
	char word[32];

	read_ports(app_option(w, APP_dns, "udp.detection_ports.dp"), c->ports[0]);
	read_ports(app_option(w, APP_dns, "tcp.detection_ports.dp"), c->ports[1]);
	c->requests = c->responses = c->detailed = c->grouped = true;
	if (!w->config)
		return;
	v = config_map_get(&w->config->eve_types, "dns.version");
	c->version_2 = v && strcmp(v, "2") == 0;
	v = config_map_get(&w->config->eve_types, "dns.formats");
	if (v) {
		c->detailed = strstr(v, "detailed") || !strstr(v, "grouped");
		c->grouped = strstr(v, "grouped") || !strstr(v, "detailed");
	}
	if (w->config->eve_files.count)
		return; /* each file may want others: the writer chooses */
	c->requests = config_map_bool(&w->config->eve_types, "dns.requests", true);
	c->responses = config_map_bool(&w->config->eve_types, "dns.responses", true);
	v = config_map_get(&w->config->eve_types, "dns.types");
	if (!v)
		return;
	while ((v = next_word(v, word, sizeof(word)))) {
		int type = strcasecmp(word, "any") == 0 ? 255 : dns_type_by_name(word);

		c->filtered = true;
		if (type >= 0)
			c->wanted[type / 8] |= (uint8_t)(1u << type % 8);
	}
}
