/* SPDX-License-Identifier: BSD-3-Clause
 *
 * CMS as S/MIME sends it (RFC 5652, RFC 8551: application/pkcs7-mime, smime.p7m), read as it comes, in pieces of any size:
 * which kind it is, and what is signed or compressed in it (eContent), without its signature being looked at. Lengths may be
 * indefinite and octets in pieces (BER, as mail programs write it). Time is linear, memory that of the struct. Any thread.
 */
#ifndef BASE_CMS_H
#define BASE_CMS_H

#include "dataplane/base/cursor.h"

#define CMS_DEPTH_MAX 12
#define CMS_OID_MAX 11

enum cms_kind {
	CMS_UNKNOWN,    /* so far, or no CMS */
	CMS_SIGNED,
	CMS_COMPRESSED, /* its content is a zlib stream (RFC 3274) */
	CMS_ENCRYPTED,  /* nothing comes out */
	CMS_OTHER,      /* nothing comes out */
};

/* All zeros: it begins. */
struct cms {
	uint8_t kind;     /* enum cms_kind */
	uint8_t state;
	uint8_t head_len, oid_len;
	uint8_t head[6], oid[CMS_OID_MAX];
	uint8_t depth;    /* elements that are open */
	uint8_t on_path;  /* of them, those that lead to the content */
	bool whole;       /* the end of the content was seen */
	bool takes;       /* the element in hand is a piece of it */
	uint64_t at;      /* bytes taken */
	uint64_t left;    /* bytes of the element in hand that has no others in it */
	uint16_t child;   /* elements before the next one, in the innermost open one */
	struct cms_open {
		uint64_t end; /* 0: indefinite */
		uint16_t child;
	} open[CMS_DEPTH_MAX];
};

typedef void cms_content(void *context, const uint8_t *data, uint32_t len);

/* What comes of the content is given to take, in order. */
void cms_data(struct cms *c, const uint8_t *data, uint32_t len, cms_content *take, void *context);
/* So many bytes are missing; true: bytes of the content. Elsewhere the rest cannot be read. */
bool cms_gap(struct cms *c, uint64_t len);
/* It cannot be CMS, or all of it that matters was seen. */
bool cms_is_over(const struct cms *c);

#endif
