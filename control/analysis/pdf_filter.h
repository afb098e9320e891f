/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Filters of PDF streams undone (ISO 32000-1, 7.4): Flate, LZW, both with predictors, ASCIIHex, ASCII85, RunLength, and
 * chains of them. Like readers it gives what could be decoded of what is broken.
 */
#ifndef CONTROL_ANALYSIS_PDF_FILTER_H
#define CONTROL_ANALYSIS_PDF_FILTER_H

#include <stdbool.h>
#include <stdint.h>

#include "dataplane/base/cursor.h"

#define PDF_FILTERS_MAX 8

enum pdf_filter {
	PDF_FLATE = 1,
	PDF_LZW,
	PDF_HEX,
	PDF_85,
	PDF_RUN,
	PDF_CRYPT, /* mostly Identity: the bytes are as they are */
	PDF_IMAGE, /* what holds nothing to look into */
};

/* Of a stream, in the order of its dictionary. One set of parameters is kept: readers use one predictor. */
struct pdf_chain {
	uint8_t count;
	uint8_t filter[PDF_FILTERS_MAX];
	bool too_many;
	bool late; /* LZW: codes grow one later */
	uint8_t colors, bits;
	uint16_t predictor;
	uint32_t columns;
};

/* The filter of that name, or 0. */
uint8_t pdf_filter_named(const char *name);
/* Undoes them into a new buffer (the caller frees out->data) of at most room bytes, as none between may have more. False: nothing
 * came out, or it cannot be done. *whole: false if there was no room for all. *work: bytes written in all. */
bool pdf_decode(struct bytes in, const struct pdf_chain *c, uint64_t room, struct bytes *out, bool *whole, uint64_t *work);

#endif
