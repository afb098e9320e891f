/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The courier's messages from either side; bodies of notifications from any JSON. No body of a
 * syslog line has a line break, whatever the finding holds.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "control/courier/message.h"
#include "control/courier/notify.h"

static struct config config = {.sensor_name = "sensor", .notify_mail_from = "m@example.org"};

static void bodies(const json_t *findings)
{
	const json_t *f;
	struct text t = {0};
	size_t i;

	notify_webhook_body(&t, &config, findings);
	notify_mail_body(&t, &config, findings, 1);
	notify_share_body(&t, &config, findings);
	text_free(&t);
	json_array_foreach((json_t *)(uintptr_t)findings, i, f)
	{
		t = (struct text){0};
		notify_syslog_body(&t, &config, f, 1);
		if (memchr(t.data, '\n', t.len) || memchr(t.data, '\r', t.len))
			abort();
		text_free(&t);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct courier_order o;
	struct courier_answer a;
	uint64_t id;
	json_t *json;

	if (message_read_request(&o, (const char *)data, size)) {
		free(message_of_request(&o.r, o.id, o.ca));
		message_order_free(&o);
	}
	if (message_read_answer(&a, &id, (const char *)data, size))
		free(message_of_answer(&a, id));
	json = json_loadb((const char *)data, size, 0, NULL);
	if (json_is_array(json))
		bodies(json);
	json_decref(json);
	return 0;
}
