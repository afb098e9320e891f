/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What goes over the courier's channel: one JSON object a message, at most MESSAGE_BYTES_MAX, and
 * at most one descriptor. Both sides check what they get; what is not right is no message.
 *   request  {"id","kind","url","headers":[…],"etag","modified","user","secret","token","from",
 *             "to":[…],"ca","max","timeout"}, body: a memfd
 *   answer   {"id","status","http","bytes","etag","modified","type","next","error"}, body: a memfd
 * A courier that died is told of by the supervisor, in its place: an answer with MESSAGE_GONE_ID, to
 * all that was asked.
 */
#ifndef CONTROL_COURIER_MESSAGE_H
#define CONTROL_COURIER_MESSAGE_H

#include <jansson.h>

#include "control/courier/courier.h"

#define MESSAGE_BYTES_MAX 65536
#define MESSAGE_GONE_ID 0 /* no request has it */
#define MESSAGE_HEADERS_MAX 16
#define MESSAGE_TO_MAX 64

/* A request as the courier has it; texts borrowed from json. */
struct courier_order {
	struct courier_request r;
	uint64_t id;
	const char *ca;
	const char *headers[MESSAGE_HEADERS_MAX + 1], *to[MESSAGE_TO_MAX + 1];
	json_t *json; /* owned */
};

/* The request's text: new, free(); NULL: out of memory, or too much for a message. */
char *message_of_request(const struct courier_request *r, uint64_t id, const char *ca);
/* False: not a request. Else message_order_free later. */
bool message_read_request(struct courier_order *o, const char *text, size_t len);
void message_order_free(struct courier_order *o);
char *message_of_answer(const struct courier_answer *a, uint64_t id);
bool message_read_answer(struct courier_answer *a, uint64_t *id, const char *text, size_t len);

/* Sends text and fd (-1: none). 0 or -errno. */
int message_send(int channel, const char *text, int fd);
/* Receives into text (MESSAGE_BYTES_MAX). Length; 0: the other end is gone; -EAGAIN: nothing within
 * timeout_ms; -errno. *fd: owned by the caller, or -1. */
ssize_t message_receive(int channel, char *text, int *fd, int timeout_ms);

#endif
