/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Conditions on requests of industrial protocols that look at several of their fields at once. Runs
 * in the workers.
 */
#include "dataplane/app/enip.h"
#include "dataplane/app/modbus.h"
#include "dataplane/detect/match.h"

/* The condition asks for one number, or for what lies below, above or between (rule.h). */
static bool in_range(const struct match_range *r, uint32_t first, uint32_t last)
{
	if (r->low == r->high)
		return r->low >= first && r->low <= last;
	if (r->low == 0)
		return first < r->high;
	if (r->high == UINT16_MAX)
		return last > r->low;
	return last > r->low && first < r->high;
}

static bool access_holds(const struct match_modbus *m, const struct modbus_message *request)
{
	static const uint8_t tables[] = {
		[MODBUS_TABLE_ANY] = 0xff,
		[MODBUS_TABLE_DISCRETES] = MODBUS_DISCRETES,
		[MODBUS_TABLE_COILS] = MODBUS_COILS,
		[MODBUS_TABLE_INPUT] = MODBUS_INPUT,
		[MODBUS_TABLE_HOLDING] = MODBUS_HOLDING,
	};
	uint32_t first, last;
	uint16_t value;

	if (!(request->access & (m->writes ? MODBUS_WRITE : MODBUS_READ)) || !(request->access & tables[m->table]))
		return false;
	if (!m->address.there)
		return true;
	if (!modbus_range(request, &first, &last) || !in_range(&m->address, first, last))
		return false;
	if (!m->value.there)
		return true;
	return modbus_written(request, m->address.low, &value) && in_range(&m->value, value, value);
}

bool match_modbus(const struct match_context *c, const struct match *match)
{
	const struct match_modbus *m = &match->u.modbus;
	const struct modbus_message *request = c->tx ? &modbus_of(c->tx)->request : NULL;

	if (!request || !request->there || c->p->direction != TO_SERVER)
		return false;
	if (m->unit.there && !in_range(&m->unit, request->unit, request->unit))
		return false;
	if (m->by_access)
		return access_holds(m, request);
	if (m->categories)
		return request->category & m->categories;
	if (!m->function)
		return true;
	if (m->function != request->function)
		return false;
	return !m->has_subfunction ||
	       (request->kind == MODBUS_IS_DIAGNOSTIC && request->code == m->subfunction);
}

static bool has_class(const struct cip_message *cip, uint32_t number)
{
	struct cursor path = cip->path;
	struct cip_segment segment;

	for (unsigned i = 0; i < ENIP_SEGMENTS_MAX && cip_segment_next(&path, &segment); i++)
		if (segment.type >> 2 == CIP_CLASS && segment.value == number)
			return true;
	return false;
}

/* In the path, or in the list of a service that takes one. */
static bool has_attribute(const struct cip_message *cip, uint32_t number)
{
	struct cursor path = cip->path;
	struct cip_segment segment;
	uint32_t listed;

	for (unsigned i = 0; i < ENIP_SEGMENTS_MAX && cip_segment_next(&path, &segment); i++)
		if (segment.type >> 2 == CIP_ATTRIBUTE && segment.value == number)
			return true;
	for (uint32_t i = 0; cip_listed_attribute(cip, i, &listed); i++)
		if (listed == number)
			return true;
	return false;
}

/* One service of the message, packed ones too. */
bool match_cip_service(const struct match_context *c, const struct match *match)
{
	const struct match_cip_service *m = &match->u.cip_service;
	struct cip_message cip;
	struct cip_walk k;
	unsigned depth;

	if (!c->tx)
		return false;
	k = cip_walk(enip_message_of(c->tx, c->p->direction & 1));
	while (cip_walk_next(&k, &cip, &depth))
		if (cip.service == m->service && (!m->has_class || has_class(&cip, m->cip_class)) &&
		    (!m->has_attribute || has_attribute(&cip, m->attribute)))
			return true;
	return false;
}
