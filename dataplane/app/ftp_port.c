/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Where a data connection goes to: RFC 959, 4.1.2 and RFC 2428. Pure functions.
 */
#include "dataplane/app/ftp.h"

/* Digits at *at; false: none, or more than max. */
static bool number_read(struct bytes text, uint32_t *at, uint32_t max, uint32_t *out)
{
	uint32_t from = *at, v = 0;

	for (; *at < text.len && text.data[*at] >= '0' && text.data[*at] <= '9'; (*at)++) {
		v = v * 10 + (text.data[*at] - '0');
		if (v > max)
			return false;
	}
	*out = v;
	return *at > from;
}

uint16_t ftp_port_of_numbers(struct bytes text, struct addr *address)
{
	uint32_t at = 0, n[6];

	while (at < text.len && (text.data[at] < '0' || text.data[at] > '9'))
		at++;
	for (unsigned i = 0; i < 6; i++) {
		if (i && (at >= text.len || text.data[at++] != ','))
			return 0;
		if (!number_read(text, &at, 255, &n[i]))
			return 0;
	}
	if (address) {
		*address = (struct addr){0};
		for (unsigned i = 0; i < 4; i++)
			address->b[i] = (uint8_t)n[i];
	}
	return (uint16_t)(n[4] << 8 | n[5]);
}

uint16_t ftp_port_of_extended(struct bytes text)
{
	uint32_t at = 0, port = 0;
	unsigned bars = 0;
	uint8_t bar;

	while (at < text.len && (text.data[at] == ' ' || text.data[at] == '('))
		at++;
	if (at == text.len)
		return 0;
	bar = text.data[at];
	for (; at < text.len && bars < 3; at++)
		bars += text.data[at] == bar;
	if (bars < 3 || !number_read(text, &at, UINT16_MAX, &port) || at == text.len ||
	    text.data[at] != bar)
		return 0;
	return (uint16_t)port;
}
