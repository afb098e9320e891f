/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Carrying out one request. Courier process, a thread for each.
 */
#ifndef CONTROL_COURIER_REQUEST_H
#define CONTROL_COURIER_REQUEST_H

#include "control/courier/message.h"

/* body: the request's, or -1. Fills the answer; its body_fd is the caller's. */
void request_carry_out(const struct courier_order *o, int body, struct courier_answer *a);
/* COURIER_SYSLOG: one message (RFC 5424), over UDP (RFC 5426) or TCP with octet counting (RFC 6587,
 * 3.4.1). url: udp://HOST:PORT, tcp://HOST:PORT. */
void syslog_send(const char *url, int body, unsigned timeout_s, struct courier_answer *a);

#endif
