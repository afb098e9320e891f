/* SPDX-License-Identifier: BSD-3-Clause
 *
 * See packed.h.
 */
#include "dataplane/app/packed.h"

#include "dataplane/app/mail.h"
#include "dataplane/app/tnef.h"
#include "dataplane/base/cms.h"

struct packed {
	struct worker *w;
	struct flow *f;
	struct tx *tx;
	enum direction direction;
	uint8_t depth;
	bool is_tnef;
	struct tnef tnef;
	struct cms cms;
	struct mail *mail; /* what is signed; NULL: nothing has come of it */
};

static struct packed *packed_new(uint8_t depth, struct worker *w, struct flow *f, struct tx *tx, enum direction d, uint8_t first)
{
	struct packed *p;

	if (depth >= PACKED_DEPTH_MAX || (first != TNEF_FIRST_BYTE && first != 0x30))
		return NULL;
	p = heap_zalloc(&w->heap, sizeof(*p));
	if (!p)
		return NULL;
	p->w = w;
	p->f = f;
	p->tx = tx;
	p->direction = d;
	p->depth = depth;
	p->is_tnef = first == TNEF_FIRST_BYTE;
	p->tnef.depth = depth;
	return p;
}

static void signed_take(void *context, const uint8_t *data, uint32_t len)
{
	struct packed *p = context;

	if (p->cms.kind != CMS_SIGNED)
		return;
	if (!p->mail)
		p->mail = mail_begin_inner(p->w, p->f, p->tx, p->direction, p->depth + 1);
	mail_data(p->mail, data, len);
}

void packed_data(struct packed **at, bool *over, uint8_t depth, struct worker *w, struct flow *f, struct tx *tx, enum direction d,
		 struct file *file, const uint8_t *data, uint32_t len)
{
	struct packed *p = *at;

	if (*over || !len)
		return;
	if (!p)
		p = *at = packed_new(depth, w, f, tx, d, data[0]);
	if (!p) {
		*over = true;
		return;
	}
	if (p->is_tnef) {
		tnef_data(&p->tnef, w, f, tx, d, data, len);
		*over = tnef_is_over(&p->tnef);
		return;
	}
	cms_data(&p->cms, data, len, signed_take, p);
	if (file && p->cms.kind == CMS_ENCRYPTED)
		file->flags |= FILE_ENCRYPTED;
	*over = cms_is_over(&p->cms);
}

void packed_gap(struct packed **at, bool *over, uint64_t len)
{
	struct packed *p = *at;

	if (!p) {
		*over = true; /* what it is cannot be told without its beginning */
		return;
	}
	if (*over)
		return;
	if (p->is_tnef)
		tnef_gap(&p->tnef, p->w, len);
	else if (cms_gap(&p->cms, len))
		mail_gap(p->mail, len);
}

void packed_end(struct packed **at, bool *over, bool complete)
{
	struct packed *p = *at;

	*over = false;
	if (!p)
		return;
	tnef_end(&p->tnef, p->w);
	mail_end(p->mail, complete && p->cms.whole);
	heap_free(&p->w->heap, p);
	*at = NULL;
}

void packed_drop(struct packed **at)
{
	struct packed *p = *at;

	if (!p)
		return;
	tnef_drop(&p->tnef, p->w);
	mail_drop(p->mail);
	heap_free(&p->w->heap, p);
	*at = NULL;
}
