/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Telling people and machines of findings: webhook, mail, syslog, sightings to other sensors. What
 * is to be told is put into family outbox in the batch of the finding itself, and taken out when it
 * was delivered: at least once, whatever dies. The outbox: outbox.h.
 *
 * Thread: messenger (messenger.h); findings are put in by any.
 */
#ifndef CONTROL_COURIER_NOTIFY_H
#define CONTROL_COURIER_NOTIFY_H

#include <jansson.h>

#include "control/base/text.h"
#include "control/courier/courier.h"
#include "control/store/store.h"
#include "dataplane/event/config.h"

enum notify_way { NOTIFY_WEBHOOK = 1, NOTIFY_MAIL, NOTIFY_SYSLOG, NOTIFY_SHARE, NOTIFY_WAYS };

/* Puts the finding into the outbox, for each way that is configured; what is TLP:RED or
 * TLP:AMBER+STRICT goes to no other sensor. 0 or -errno. */
int notify_enqueue(struct store *s, struct store_batch *b, const struct config *c,
		   const json_t *finding);
struct notifier;

/* All borrowed. NULL: out of memory. */
struct notifier *notifier_new(struct store *s, const struct config *c, struct courier *k);
void notifier_free(struct notifier *n);
/* Sends what is due; what fails is tried again later, less and less often, for a week; a server
 * that does not answer keeps nothing from the others. Outside store_enter: it enters on its own,
 * and never while it waits for a server. 0, -ECANCELED, or -errno of the store. */
int notifier_flush(struct notifier *n, uint64_t now_ns, const atomic_bool *stop);

/* The messages (notify_format.c). findings: array. Each appends the whole body. */
void notify_webhook_body(struct text *out, const struct config *c, const json_t *findings);
/* RFC 5322, RFC 2047; lines end with CRLF. */
void notify_mail_body(struct text *out, const struct config *c, const json_t *findings,
		      uint64_t now_ns);
/* RFC 5424, one finding. */
void notify_syslog_body(struct text *out, const struct config *c, const json_t *finding,
			uint64_t now_ns);
/* A TAXII envelope with a STIX 2.1 sighting and the indicator that was sighted. */
void notify_share_body(struct text *out, const struct config *c, const json_t *findings);
/* How far a finding may go: enum intel_tlp. */
uint8_t notify_tlp(const json_t *finding);
/* Who speaks: sensor.name, or the host's name. */
const char *notify_sensor(const struct config *c);

#endif
