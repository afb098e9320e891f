/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A frame while its rules are run: what frame.c and trace_frame.c share.
 */
#ifndef DETECT_FRAME_RUN_H
#define DETECT_FRAME_RUN_H

#include "dataplane/app/frame.h"
#include "dataplane/detect/program.h"

struct frame_run {
	struct worker *w;
	struct detect_state *s;
	struct packet *p;
	struct flow *f;
	const struct frame_program *program;
	const struct app_frame *frame;
	struct tx *tx;
	enum direction d;
	uint64_t from; /* of the stream: what is shown of a frame that grows */
};

/* A part of the frame as rules see it; false: there is none. */
bool frame_part(struct frame_run *t, const struct frame_kind *k, unsigned part, struct buffer_view *view);
/* The rule's first condition on frames, an index of frame_checks; those of a rule stand together. */
uint32_t frame_checks_find(const struct detect_program *p, uint32_t rule);

#endif
