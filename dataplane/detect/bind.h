/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Binding rules, shared by program.c and bind_app.c. Main thread.
 */
#ifndef DETECT_BIND_H
#define DETECT_BIND_H

#include "dataplane/detect/program.h"

#define SPEAKERS_MAX 64

struct binder {
	struct detect_program *program;
	uint32_t firewall_count; /* rules that are the firewall's, the first */
	struct alert_room {      /* in which each rule's alert is put together; alert.c */
		uint8_t *record;
		char *json;
	} room;
	/* What bind_app.c has found out of protocols. */
	struct app_speakers {
		const char *app;
		bool protos[APP_PROTO_COUNT];
	} speakers[SPEAKERS_MAX];
	unsigned speaker_count;
	const struct proto_buffer *buffers[APP_PROTO_COUNT][KEYWORD_COUNT];
	bool asked[APP_PROTO_COUNT][KEYWORD_COUNT];
};

void rule_refuse(struct binder *b, struct program_rule *r, const char *reason);
/* Compiled conditions on a buffer, owned by the rule; NULL: the rule has been refused. */
struct chain *rule_chain(struct binder *b, struct program_rule *r, const struct rule_buffer *buffer);
/* alert.c: the fixed part of the rule's alerts, in room that alert_room_make made once for all. False:
 * memory is out. */
bool alert_room_make(struct alert_room *room);
void alert_room_free(struct alert_room *room);
bool alert_encode(struct binder *b, struct program_rule *r);
/* A buffer of packet headers: judged with the conditions on the packet. */
bool is_header_buffer(unsigned keyword);
/* A rule on transactions: one binding for each protocol and direction that can fulfil it. */
void rule_bind_app(struct binder *b, struct program_rule *r);
/* bind_app.c, shared with frame.c. Is the rule about this protocol, as far as its head and its
 * keywords say? */
bool rule_speaks(const struct rule *rule, const struct proto *proto);
bool transforms_equal(const struct transforms *t, const struct rule_buffer *buffer);
/* The group that a scan of this buffer is about: the protocol's own, else that of rules for none. */
const struct buffer_group *buffer_group_find(const struct detect_program *p, const struct rule_buffer *buffer,
					     const struct proto *proto, unsigned d);
/* frame.c */
bool rule_on_frames(const struct rule *rule);
void rule_bind_frame(struct binder *b, struct program_rule *r);
/* hook.c: what a transaction of the protocol passes in a direction, in this order: at least one. */
#define HOOKS_MAX 16
struct hook {
	const char *name;
	uint8_t progress;
};
struct hook_list {
	unsigned count;
	struct hook hooks[HOOKS_MAX];
};
void hook_list_make(const struct proto *proto, unsigned d, struct hook_list *out);
/* Index in the list, by this name or another of it; -1: none. */
int hook_find(const struct proto *proto, const struct hook_list *l, const char *name, unsigned d);
/* The progress of a transaction that a hook stands for, in its direction; -1: the protocol has
 * no such hook there. */
int hook_progress(const struct proto *proto, const char *hook, unsigned d);
/* When all rules are bound. False: memory is out. */
bool binder_finish(struct binder *b);

#endif
