/* SPDX-License-Identifier: BSD-3-Clause */
#include "control/courier/message.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static const char *const kinds[] = {"fetch", "post", "mail", "syslog"};

static void put(json_t *o, const char *key, const char *value)
{
	if (value)
		json_object_set_new(o, key, json_string(value));
}

static void put_list(json_t *o, const char *key, const char *const *list)
{
	json_t *a;

	if (!list)
		return;
	a = json_array();
	for (; *list; list++)
		json_array_append_new(a, json_string(*list));
	json_object_set_new(o, key, a);
}

static char *dump(json_t *o)
{
	char *text = json_dumps(o, JSON_COMPACT);

	json_decref(o);
	if (text && strlen(text) > MESSAGE_BYTES_MAX) {
		free(text);
		text = NULL;
	}
	return text;
}

char *message_of_request(const struct courier_request *r, uint64_t id, const char *ca)
{
	json_t *o = json_object();

	json_object_set_new(o, "id", json_integer((json_int_t)id));
	put(o, "kind", kinds[r->kind]);
	put(o, "url", r->url);
	put_list(o, "headers", r->headers);
	put(o, "etag", r->etag && *r->etag ? r->etag : NULL);
	put(o, "modified", r->modified && *r->modified ? r->modified : NULL);
	put(o, "user", r->user);
	put(o, "secret", r->secret);
	put(o, "token", r->token);
	put(o, "from", r->from);
	put_list(o, "to", r->to);
	put(o, "ca", ca && *ca ? ca : NULL);
	json_object_set_new(o, "max", json_integer((json_int_t)r->max_bytes));
	json_object_set_new(o, "timeout", json_integer(r->timeout_s));
	return dump(o);
}

static const char *text_of(const json_t *o, const char *key)
{
	return json_string_value(json_object_get(o, key));
}

static bool number_of(const json_t *o, const char *key, uint64_t most, uint64_t *out)
{
	const json_t *value = json_object_get(o, key);
	json_int_t n = json_integer_value(value);

	if (value && !json_is_integer(value))
		return false;
	*out = (uint64_t)n;
	return n >= 0 && (uint64_t)n <= most;
}

/* A list of texts without line breaks; false: it is not one, or has too many. */
static bool read_list(const json_t *o, const char *key, const char **out, size_t max)
{
	const json_t *list = json_object_get(o, key), *one;
	size_t i;

	if (!list)
		return true;
	if (!json_is_array(list) || json_array_size(list) > max)
		return false;
	json_array_foreach((json_t *)(uintptr_t)list, i, one) {
		out[i] = json_string_value(one);
		if (!out[i] || strpbrk(out[i], "\r\n"))
			return false;
	}
	return true;
}

/* Texts become lines of HTTP and SMTP: a line break within would begin another. */
static bool one_line(const json_t *o)
{
	static const char *const keys[] = {"url",   "etag", "modified", "user",
					   "token", "from", "ca"};

	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		const json_t *value = json_object_get(o, keys[i]);

		if (value && (!json_is_string(value) ||
			      strpbrk(json_string_value(value), "\r\n")))
			return false;
	}
	return true;
}

bool message_read_request(struct courier_order *o, const char *text, size_t len)
{
	uint64_t timeout;
	const char *kind;
	bool good = false;

	memset(o, 0, sizeof(*o));
	o->json = json_loadb(text, len, JSON_REJECT_DUPLICATES, NULL);
	kind = text_of(o->json, "kind");
	for (size_t i = 0; kind && i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		if (strcmp(kind, kinds[i]) == 0) {
			o->r.kind = (enum courier_kind)i;
			good = true;
		}
	}
	o->r.url = text_of(o->json, "url");
	o->r.etag = text_of(o->json, "etag");
	o->r.modified = text_of(o->json, "modified");
	o->r.user = text_of(o->json, "user");
	o->r.secret = text_of(o->json, "secret");
	o->r.token = text_of(o->json, "token");
	o->r.from = text_of(o->json, "from");
	o->ca = text_of(o->json, "ca");
	o->r.headers = o->headers;
	o->r.to = o->to;
	good = good && o->r.url && one_line(o->json) &&
	       read_list(o->json, "headers", o->headers, MESSAGE_HEADERS_MAX) &&
	       read_list(o->json, "to", o->to, MESSAGE_TO_MAX) &&
	       number_of(o->json, "id", INT64_MAX, &o->id) &&
	       number_of(o->json, "max", INT64_MAX, &o->r.max_bytes) &&
	       number_of(o->json, "timeout", 86400, &timeout);
	if (!good) {
		message_order_free(o);
		return false;
	}
	o->r.timeout_s = (unsigned)timeout;
	return true;
}

void message_order_free(struct courier_order *o)
{
	json_decref(o->json);
	o->json = NULL;
}

char *message_of_answer(const struct courier_answer *a, uint64_t id)
{
	json_t *o = json_object();

	json_object_set_new(o, "id", json_integer((json_int_t)id));
	json_object_set_new(o, "status", json_integer(a->status));
	json_object_set_new(o, "http", json_integer(a->http));
	json_object_set_new(o, "bytes", json_integer((json_int_t)a->bytes));
	/* Headers of a stranger may be no UTF-8: then they are left out. */
	put(o, "etag", a->etag);
	put(o, "modified", a->modified);
	put(o, "type", a->content_type);
	put(o, "next", a->next);
	put(o, "error", a->error);
	return dump(o);
}

static void copy(char *to, size_t size, const char *from)
{
	snprintf(to, size, "%s", from ? from : "");
}

bool message_read_answer(struct courier_answer *a, uint64_t *id, const char *text, size_t len)
{
	json_t *o = json_loadb(text, len, JSON_REJECT_DUPLICATES, NULL);
	json_int_t status = json_integer_value(json_object_get(o, "status"));
	uint64_t http;
	bool good;

	memset(a, 0, sizeof(*a));
	a->body_fd = -1;
	good = json_is_object(o) && number_of(o, "id", INT64_MAX, id) && status <= 0 &&
	       status > -4096 && number_of(o, "http", 999, &http) &&
	       number_of(o, "bytes", INT64_MAX, &a->bytes);
	if (good) {
		a->status = (int)status;
		a->http = (unsigned)http;
		copy(a->etag, sizeof(a->etag), text_of(o, "etag"));
		copy(a->modified, sizeof(a->modified), text_of(o, "modified"));
		copy(a->content_type, sizeof(a->content_type), text_of(o, "type"));
		copy(a->next, sizeof(a->next), text_of(o, "next"));
		copy(a->error, sizeof(a->error), text_of(o, "error"));
	}
	json_decref(o);
	return good;
}

union descriptor {
	struct cmsghdr head;
	char room[CMSG_SPACE(sizeof(int))];
};

int message_send(int channel, const char *text, int fd)
{
	union descriptor control = {.room = {0}};
	struct iovec iov = {(void *)(uintptr_t)text, strlen(text)};
	struct msghdr m = {.msg_iov = &iov, .msg_iovlen = 1};

	if (fd >= 0) {
		m.msg_control = &control;
		m.msg_controllen = sizeof(control);
		control.head = (struct cmsghdr){.cmsg_len = CMSG_LEN(sizeof(int)),
						.cmsg_level = SOL_SOCKET,
						.cmsg_type = SCM_RIGHTS};
		memcpy(CMSG_DATA(&control.head), &fd, sizeof(fd));
	}
	return sendmsg(channel, &m, MSG_NOSIGNAL) < 0 ? -errno : 0;
}

ssize_t message_receive(int channel, char *text, int *fd, int timeout_ms)
{
	union descriptor control;
	struct iovec iov = {text, MESSAGE_BYTES_MAX};
	struct msghdr m = {.msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control,
			   .msg_controllen = sizeof(control)};
	struct pollfd p = {.fd = channel, .events = POLLIN};
	int ready = poll(&p, 1, timeout_ms);
	ssize_t n;

	*fd = -1;
	if (ready <= 0)
		return ready == 0 || errno == EINTR ? -EAGAIN : -errno;
	n = recvmsg(channel, &m, MSG_CMSG_CLOEXEC);
	if (n < 0)
		return errno == EINTR ? -EAGAIN : -errno;
	for (struct cmsghdr *h = CMSG_FIRSTHDR(&m); h; h = CMSG_NXTHDR(&m, h)) {
		if (h->cmsg_level != SOL_SOCKET || h->cmsg_type != SCM_RIGHTS)
			continue;
		/* One is meant; of more none stays open but the last. */
		for (size_t at = 0; CMSG_LEN(at + sizeof(int)) <= h->cmsg_len; at += sizeof(int)) {
			if (*fd >= 0)
				close(*fd);
			memcpy(fd, CMSG_DATA(h) + at, sizeof(int));
		}
	}
	return n;
}
