/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/engine/command_serve.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include <rte_rcu_qsbr.h>

#include "dataplane/engine/block.h"
#include "dataplane/engine/engine.h"
#include "dataplane/engine/flowdump.h"
#include "dataplane/engine/image.h"
#include "dataplane/engine/offload.h"
#include "dataplane/engine/recording_serve.h"
#include "dataplane/engine/ruleload.h"
#include "dataplane/engine/rulestats.h"
#include "dataplane/event/command.h"
#include "dataplane/event/rule_stat.h"

#define RETIRED_MAX 64

struct serve {
	struct engine *engine;
	struct ruleload *rules;
	struct block_list blocks;
	struct command reload;   /* requests that wait for their end; type 0: none */
	struct command dump;
	struct flowdump *flows;
	struct retired {         /* what a worker may still read */
		struct block_table *blocks;
		const struct indicator_image *image;
		struct limit *limits;
		struct recordings *recordings;
		struct recording *recording;
		uint64_t token;
		uint64_t version;        /* of the image that came for it … */
		struct command request;  /* … and who waits until it is in use; type 0: nobody */
	} retired[RETIRED_MAX];
	unsigned retired_count;
};

struct serve *serve_new(struct engine *e, struct ruleload *rules)
{
	const struct timeval patience = {.tv_usec = 100000};
	struct serve *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	s->engine = e;
	s->rules = rules;
	s->blocks.lanes = e->lane_count;
	/* A control process that reads no replies must not stop the heartbeat. */
	setsockopt(e->boot->dataplane_channel, SOL_SOCKET, SO_SNDTIMEO, &patience,
		   sizeof(patience));
	return s;
}

static void retired_free(const struct retired *r)
{
	free(r->blocks);
	block_limits_free(r->limits);
	image_close(r->image);
	recordings_free(r->recordings);
	recording_free(r->recording);
}

/* The workers have ended. */
void serve_free(struct serve *s)
{
	uint64_t count;
	int fd;

	if (!s)
		return;
	if (s->flows) {
		fd = flowdump_finish(s->flows, &count);
		if (fd >= 0)
			close(fd);
	}
	for (unsigned i = 0; i < s->retired_count; i++)
		retired_free(&s->retired[i]);
	recording_serve_end(s->engine);
	free((void *)(uintptr_t)atomic_exchange(&s->engine->blocks, NULL));
	block_list_clear(&s->blocks);
	free(s);
}

/* Takes no fd; the receiver gets its own. */
static void answer(struct serve *s, const struct command *request, int status, uint64_t value,
		   const char *text, int fd)
{
	struct command reply = *request;

	reply.reply = 1;
	reply.status = status;
	reply.value = value;
	snprintf(reply.text, sizeof(reply.text), "%s", text);
	/* Control may be gone; its next incarnation asks again. */
	(void)command_send(s->engine->boot->dataplane_channel, &reply, fd);
}

static uint64_t wall_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	return (uint64_t)t.tv_sec * 1000000000ull + (uint64_t)t.tv_nsec;
}

void serve_hello(struct serve *s)
{
	struct command hello = {.magic = COMMAND_MAGIC, .type = COMMAND_ping, .value = s->engine->boot->dataplane_starts};

	answer(s, &hello, 0, hello.value, "", -1);
}

/* ---- what workers may still read ---- */

/* In order: an older request is answered before a newer one. */
static void retire_poll(struct serve *s)
{
	unsigned kept = 0;

	for (unsigned i = 0; i < s->retired_count; i++) {
		struct retired *r = &s->retired[i];

		if (rte_rcu_qsbr_check(s->engine->rcu, r->token, false) != 1) {
			s->retired[kept++] = *r;
			continue;
		}
		retired_free(r);
		if (r->request.type) {
			s->engine->shared->status.indicator_version = r->version;
			answer(s, &r->request, 0, r->version, "", -1);
		}
	}
	s->retired_count = kept;
}

/* There must be room (RETIRED_MAX). What is in r is freed when no worker reads it any more. */
static void retire(struct serve *s, struct retired r)
{
	r.token = rte_rcu_qsbr_start(s->engine->rcu);
	s->retired[s->retired_count++] = r;
}

/* ---- blocks ---- */

static int blocks_publish(struct serve *s)
{
	struct block_table *fresh = NULL, *old;

	retire_poll(s);
	if (s->retired_count == RETIRED_MAX)
		return -EAGAIN;
	if (s->blocks.count) {
		fresh = block_table_new(&s->blocks);
		if (!fresh)
			return -ENOMEM;
	}
	old = (struct block_table *)(uintptr_t)atomic_exchange(&s->engine->blocks, fresh);
	if (s->engine->offload)
		offload_recall_all(s->engine->offload);
	if (old)
		retire(s, (struct retired){.blocks = old, .limits = block_list_take_gone(&s->blocks)});
	return 0;
}

static void serve_block(struct serve *s, const struct command *c)
{
	bool absent;
	int err;

	if (s->engine->config->mode != MODE_INLINE) {
		answer(s, c, -EOPNOTSUPP, 0, "this sensor listens on a tap and cannot block; "
		       "run it in the wire (mode: inline)", -1);
		return;
	}
	if (c->flow.ip_version)
		err = c->type == COMMAND_block ? block_flow_add(&s->blocks, &c->flow, c->expires_ns, c->rate_bps)
					       : block_flow_remove(&s->blocks, &c->flow);
	else
		err = c->type == COMMAND_block ? block_add(&s->blocks, &c->prefix, c->expires_ns, c->rate_bps)
					       : block_remove(&s->blocks, &c->prefix);
	/* One that was started anew may not have been told yet: control knows whether there was such a block. */
	absent = err == -ENOENT;
	if (!err)
		err = blocks_publish(s);
	answer(s, c, absent ? 0 : err, s->blocks.count,
	       absent           ? COMMAND_ABSENT
	       : err == 0       ? ""
	       : err == -ENOSPC ? "the list of blocks is full"
	       : err == -ERANGE ? "a limit is from 8k to 1000g bits a second"
				: strerror(-err), -1);
}

/* ---- indicators ---- */

/* Answered when every worker uses the new table. */
static void serve_indicators(struct serve *s, const struct command *c, int fd)
{
	char error[sizeof(c->text)];
	const struct indicator_image *image, *old;

	retire_poll(s);
	if (fd < 0 || s->retired_count == RETIRED_MAX) {
		answer(s, c, fd < 0 ? -EINVAL : -EAGAIN, 0,
		       fd < 0 ? "no indicator table came with the command"
			      : "the workers are still taking over earlier tables; ask again", -1);
		return;
	}
	image = image_open(fd, error, sizeof(error));
	if (!image) {
		answer(s, c, -EINVAL, 0, error, -1);
		return;
	}
	old = atomic_exchange(&s->engine->indicators, image);
	retire(s, (struct retired){.image = old, .version = image->version, .request = *c});
}

/* ---- recordings ---- */

/* What is replaced is freed when no worker writes to it any more. */
static int recordings_publish(struct serve *s, struct recording *more, struct recording *gone)
{
	const struct recordings *old = atomic_load(&s->engine->recordings);
	struct recordings *fresh = NULL;

	retire_poll(s);
	if (s->retired_count == RETIRED_MAX)
		return -EAGAIN;
	if (more || old->count > 1) {
		fresh = recordings_new(old, s->engine->lane_count, more, gone);
		if (!fresh)
			return -ENOMEM;
	}
	atomic_store(&s->engine->recordings, fresh);
	if (s->engine->offload)
		offload_recall_all(s->engine->offload);
	retire(s, (struct retired){.recordings = (struct recordings *)(uintptr_t)old, .recording = gone});
	return 0;
}

static void serve_recording_start(struct serve *s, const struct command *c, int fd)
{
	char error[sizeof(c->text)] = "";
	struct recording *more = NULL;
	int err = recording_serve_order(s->engine, fd, &more, error, sizeof(error));

	if (!err)
		err = recordings_publish(s, more, NULL);
	if (err)
		recording_free(more);
	answer(s, c, err, 0, !err ? recording_order(more)->name : *error ? error : strerror(-err), -1);
}

static void serve_recording_stop(struct serve *s, const struct command *c)
{
	struct recording *gone = recordings_find(atomic_load(&s->engine->recordings), c->text);
	int err = gone ? recordings_publish(s, NULL, gone) : -ENOENT;

	answer(s, c, err, 0, err == -ENOENT ? "no capture of this name runs" : err ? strerror(-err) : "", -1);
}

static void serve_recordings(struct serve *s, const struct command *c)
{
	uint64_t count = 0;
	int fd = recording_serve_rows(s->engine, &count);

	answer(s, c, fd < 0 ? fd : 0, count, fd < 0 ? strerror(-fd) : "", fd);
	if (fd >= 0)
		close(fd);
}

static void recordings_expire(struct serve *s)
{
	struct recording *gone = recording_serve_expired(s->engine, wall_ns());

	if (gone)
		(void)recordings_publish(s, NULL, gone);
}

/* ---- the others ---- */

static void serve_reload(struct serve *s, const struct command *c)
{
	int err = s->reload.type ? -EBUSY : ruleload_start(s->rules);

	if (err)
		answer(s, c, err, 0, err == -EBUSY ? "the rules are being loaded already"
						   : strerror(-err), -1);
	else
		s->reload = *c;
}

static void serve_dump(struct serve *s, const struct command *c)
{
	if (s->flows) {
		answer(s, c, -EBUSY, 0, "the flows are being listed already", -1);
		return;
	}
	s->flows = flowdump_start(s->engine, c->value);
	if (!s->flows)
		answer(s, c, -ENOMEM, 0, strerror(ENOMEM), -1);
	else
		s->dump = *c;
}

static void serve_rule_stats(struct serve *s, const struct command *c)
{
	uint64_t count = 0;
	int fd = rule_stats_create(), err = fd < 0 ? fd : rulestats_write(s->engine, fd, &count);

	answer(s, c, err, count,
	       err == -EOPNOTSUPP ? "the rules are not profiled; set detect.profile: yes and start the "
				    "engine again"
	       : err              ? strerror(-err)
				  : "", err ? -1 : fd);
	if (fd >= 0)
		close(fd);
}

static void serve_one(struct serve *s, const struct command *c, int fd)
{
	switch (c->type) {
	case COMMAND_ping:
		answer(s, c, 0, s->engine->shared->status.ruleset_version, "", -1);
		break;
	case COMMAND_reload_rules:
		serve_reload(s, c);
		break;
	case COMMAND_block:
	case COMMAND_unblock:
		serve_block(s, c);
		break;
	case COMMAND_dump_flows:
		serve_dump(s, c);
		break;
	case COMMAND_rule_stats:
		serve_rule_stats(s, c);
		break;
	case COMMAND_recording_start:
		serve_recording_start(s, c, fd);
		break;
	case COMMAND_recording_stop:
		serve_recording_stop(s, c);
		break;
	case COMMAND_recordings:
		serve_recordings(s, c);
		break;
	case COMMAND_shutdown:
		atomic_store(&s->engine->stop, true);
		answer(s, c, 0, 0, "", -1);
		break;
	case COMMAND_swap_indicators:
		serve_indicators(s, c, fd);
		break;
	default:
		answer(s, c, -ENOSYS, 0, "this dataplane does not know the command", -1);
		break;
	}
}

static void finish_pending(struct serve *s)
{
	char text[sizeof(s->reload.text)];
	uint64_t value = 0;
	int status;

	if (ruleload_poll(s->rules, &status, &value, text, sizeof(text)) && s->reload.type) {
		answer(s, &s->reload, status, value, text, -1);
		s->reload.type = COMMAND_none;
	}
	if (s->flows && flowdump_ready(s->flows)) {
		status = flowdump_finish(s->flows, &value);
		s->flows = NULL;
		answer(s, &s->dump, status < 0 ? status : 0, value,
		       status < 0 ? strerror(-status) : "", status);
		if (status >= 0)
			close(status);
		s->dump.type = COMMAND_none;
	}
}

void serve_step(struct serve *s, int timeout_ms)
{
	struct command c;
	int fd, got;

	/* A short wait while somebody waits for us. */
	if (s->reload.type || s->flows || s->retired_count)
		timeout_ms = 1;
	while ((got = command_receive(s->engine->boot->dataplane_channel, &c, &fd, timeout_ms)) != 0) {
		if (got < 0 && got != -EPROTO)
			break;
		if (got == 1 && !c.reply)
			serve_one(s, &c, fd);
		if (fd >= 0)
			close(fd);
		timeout_ms = 0;
	}
	/* A channel that cannot be read must not make this loop spin. */
	if (got < 0 && timeout_ms > 0)
		nanosleep(&(struct timespec){.tv_nsec = 20000000}, NULL);
	finish_pending(s);
	retire_poll(s);
	if (block_expire(&s->blocks, wall_ns()))
		(void)blocks_publish(s);
	block_list_deal(&s->blocks);
	recordings_expire(s);
}
