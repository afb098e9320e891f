/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/app/netbios.h"

#include "dataplane/base/put.h"

bool netbios_decode(struct bytes encoded, uint8_t *name)
{
	if (encoded.len < NETBIOS_ENCODED_BYTES ||
	    (encoded.len > NETBIOS_ENCODED_BYTES && encoded.data[NETBIOS_ENCODED_BYTES] != '.'))
		return false;
	for (unsigned i = 0; i < NETBIOS_NAME_BYTES; i++) {
		unsigned high = encoded.data[2 * i] - 'A', low = encoded.data[2 * i + 1] - 'A';

		if (high > 15 || low > 15)
			return false;
		name[i] = (uint8_t)(high << 4 | low);
	}
	return true;
}

struct bytes netbios_trimmed(const uint8_t *name)
{
	uint32_t len = NETBIOS_NAME_BYTES - 1;

	while (len && (name[len - 1] == ' ' || !name[len - 1]))
		len--;
	return (struct bytes){name, len};
}

uint32_t netbios_text(const uint8_t *name, char *text)
{
	struct bytes trimmed = netbios_trimmed(name);
	struct put p;

	memcpy(text, trimmed.data, trimmed.len);
	p = put_to(text + trimmed.len, NETBIOS_TEXT_BYTES - trimmed.len);
	p = put_char(put_hex(put_char(p, '<'), name[NETBIOS_NAME_BYTES - 1], 2), '>');
	return (uint32_t)(p.at - text);
}

/* Microsoft, "NetBIOS Name Suffixes"; [MS-BRWS], 2.1.1. */
static const struct {
	uint8_t suffix;
	const char *unique, *group;
} services[] = {
	{0x00, "workstation", "workgroup"},
	{0x01, "browsers", "browsers"},
	{0x03, "messenger", "messenger"},
	{0x06, "ras_server", NULL},
	{0x1b, "domain_master_browser", NULL},
	{0x1c, "domain_controllers", "domain_controllers"},
	{0x1d, "master_browser", NULL},
	{0x1e, "browser_elections", "browser_elections"},
	{0x1f, "netdde", NULL},
	{0x20, "file_server", NULL},
	{0x21, "ras_client", NULL},
	{0xbe, "network_monitor_agent", NULL},
	{0xbf, "network_monitor", NULL},
};

const char *netbios_service(uint8_t suffix, bool group)
{
	for (size_t i = 0; i < sizeof(services) / sizeof(services[0]); i++)
		if (services[i].suffix == suffix)
			return group ? services[i].group : services[i].unique;
	return NULL;
}
