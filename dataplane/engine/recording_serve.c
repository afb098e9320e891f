/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/engine/recording_serve.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define NAME_OF_CONFIGURED "metsuke"

int recording_serve_first(struct engine *e)
{
	struct recording_order *o;
	struct recording *r = NULL;
	char error[256] = "";
	int err;

	if (!e->config->capture_enabled)
		return 0;
	o = malloc(sizeof(*o));
	err = o ? recording_order_make(o, e->config, NAME_OF_CONFIGURED, e->config->capture_filter, error, sizeof(error))
		: -ENOMEM;
	if (err) {
		engine_error(e, "capture.filter: %s", *error ? error : strerror(-err));
	} else {
		r = recording_new(o, e->lane_count);
		atomic_store(&e->recordings, r ? recordings_new(NULL, e->lane_count, r, NULL) : NULL);
		if (!atomic_load(&e->recordings)) {
			engine_error(e, "there is no memory for the packets before an alert; lower capture.recent");
			recording_free(r);
			err = -ENOMEM;
		}
	}
	free(o);
	return err;
}

static int order_check(const struct engine *e, const struct recording_order *o, char *error, size_t error_size)
{
	const struct recordings *s = atomic_load(&e->recordings);

	if (recordings_find(s, o->name)) {
		snprintf(error, error_size, "a capture named %s runs already; stop it, or name this one", o->name);
		return -EEXIST;
	}
	if (s && s->count == RECORDINGS_MAX) {
		snprintf(error, error_size, "%d captures run already; stop one of them", RECORDINGS_MAX);
		return -EBUSY;
	}
	return 0;
}

int recording_serve_order(struct engine *e, int fd, struct recording **out, char *error, size_t error_size)
{
	struct recording_order *o = malloc(sizeof(*o));
	int err = o ? recording_order_read(o, fd) : -ENOMEM;

	if (err == -EINVAL)
		snprintf(error, error_size, "what came with the command is not an order for a capture");
	if (!err)
		err = order_check(e, o, error, error_size);
	if (!err) {
		*out = recording_new(o, e->lane_count);
		if (!*out) {
			snprintf(error, error_size, "there is no memory for the packets before an alert; lower "
				 "capture.recent");
			err = -ENOMEM;
		}
	}
	free(o);
	return err;
}

struct recording *recording_serve_expired(const struct engine *e, uint64_t now_ns)
{
	const struct recordings *s = atomic_load(&e->recordings);

	for (unsigned i = 0; s && i < s->count; i++) {
		uint64_t end = recording_order(s->at[i])->expires_ns;

		if (end && end <= now_ns)
			return s->at[i];
	}
	return NULL;
}

int recording_serve_rows(const struct engine *e, uint64_t *count)
{
	const struct recordings *s = atomic_load(&e->recordings);
	int fd = memfd_create("metsuke-recordings", 0);

	*count = 0;
	if (fd < 0)
		return -errno;
	for (unsigned i = 0; s && i < s->count; i++) {
		struct recording_row row;

		recording_row(s->at[i], s->workers, &row);
		if (write(fd, &row, sizeof(row)) != (ssize_t)sizeof(row)) {
			close(fd);
			return -ENOMEM;
		}
		++*count;
	}
	return fd;
}

void recording_serve_end(struct engine *e)
{
	struct recordings *s = (struct recordings *)(uintptr_t)atomic_exchange(&e->recordings, NULL);

	for (unsigned i = 0; s && i < s->count; i++)
		recording_free(s->at[i]);
	recordings_free(s);
}
