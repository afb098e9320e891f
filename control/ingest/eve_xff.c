/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Who the client is when a proxy speaks for it: the address in X-Forwarded-For of the request that
 * the record tells of. Ingest thread.
 */
#include <arpa/inet.h>
#include <string.h>

#include "control/ingest/eve.h"

#define LIST_MAX 256 /* bytes of a header that is looked at */

/* "client, proxy, proxy": the first, or the last. */
static struct bytes choose(struct bytes list, bool reverse)
{
	const uint8_t *comma = memchr(list.data, ',', list.len);
	uint32_t i = list.len;

	if (!reverse) {
		if (comma)
			list.len = (uint32_t)(comma - list.data);
		return list;
	}
	while (i && list.data[i - 1] != ' ' && list.data[i - 1] != ',')
		i--;
	return (struct bytes){list.data + i, list.len - i};
}

bool eve_xff(char room[EVE_XFF_MAX], const struct eve_options *o, const struct record_head *head)
{
	const struct eve_xff_options *xff = &o->xff[head->type];
	uint8_t address[16];
	struct bytes one;
	struct value v;

	if (xff->mode == EVE_XFF_OFF || !record_find(head, F_http_xff, &v) || v.body.len >= LIST_MAX)
		return false;
	one = choose(v.body, xff->reverse);
	if (!one.len || one.len >= EVE_XFF_MAX)
		return false;
	memcpy(room, one.data, one.len);
	room[one.len] = '\0';
	return inet_pton(AF_INET, room, address) == 1 || inet_pton(AF_INET6, room, address) == 1;
}
