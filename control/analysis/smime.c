/* SPDX-License-Identifier: BSD-3-Clause
 *
 * S/MIME (RFC 8551): the message that is signed or compressed becomes a part, one that is encrypted is locked. Signatures
 * are not verified.
 */
#include <stdlib.h>

#include "control/analysis/analyser.h"
#include "dataplane/base/cms.h"

#define PROBE_BYTES 64u

static void ignore(void *context, const uint8_t *data, uint32_t len)
{
}

bool smime_is(const struct part *p)
{
	struct cms c = {0};

	if (!bytes_begin(p->data, "\x30", 1))
		return false;
	cms_data(&c, p->data.data, p->data.len < PROBE_BYTES ? p->data.len : PROBE_BYTES, ignore, NULL);
	return c.kind != CMS_UNKNOWN && c.kind != CMS_OTHER;
}

struct content {
	uint8_t *data;
	uint32_t len;
};

/* There is room for as much as the part has. */
static void gather(void *context, const uint8_t *data, uint32_t len)
{
	struct content *c = context;

	memcpy(c->data + c->len, data, len);
	c->len += len;
}

void smime_run(struct analysis *a, struct part *p)
{
	static const char *const names[] = {[CMS_SIGNED] = "signed", [CMS_COMPRESSED] = "compressed", [CMS_ENCRYPTED] = "encrypted"};
	struct content content = {malloc(p->data.len), 0};
	struct bytes plain = {NULL, 0}, none = {p->data.data, 0};
	struct cms c = {0};
	enum reason_code code;
	bool whole = true;

	if (!content.data)
		return;
	cms_data(&c, p->data.data, p->data.len, gather, &content);
	p->traits |= PART_MAIL;
	part_fact(a, p, "format", "S/MIME, %s", names[c.kind]);
	if (c.kind == CMS_ENCRYPTED)
		part_reason(a, p, REASON_locked, "S/MIME");
	else if (!c.whole && content.len)
		part_reason(a, p, REASON_broken, "S/MIME");
	if (c.kind == CMS_SIGNED && content.len)
		part_add(a, p, none, "message/rfc822", (struct bytes){content.data, content.len});
	if (c.kind == CMS_COMPRESSED &&
	    bytes_inflate((struct bytes){content.data, content.len}, true, analysis_room(a, content.len, &code), &plain, &whole)) {
		part_add(a, p, none, "message/rfc822", plain);
		free((void *)(uintptr_t)plain.data);
	}
	free(content.data);
}
