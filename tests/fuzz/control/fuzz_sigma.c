/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Any bytes as a text of Sigma rules: reading, joining; then records against whatever loaded.
 * Every problem has a line inside the text and a reason; what matches was not passed over.
 */
#include <stdlib.h>
#include <string.h>

#include "control/behaviour/sigma.h"

#define DNS                                                                                        \
	"{\"event_type\":\"dns\",\"src_ip\":\"10.0.0.5\",\"src_port\":54524,"                      \
	"\"dest_ip\":\"2001:db8::1\",\"dns\":{\"type\":\"request\",\"rd\":true,"                   \
	"\"rcode\":\"NXDOMAIN\",\"queries\":[{\"rrname\":\"aaaaaaaaaa.bbbb.example\","             \
	"\"rrtype\":\"A\"},{\"rrname\":\"a*b?c\",\"rrtype\":null}],\"answers\":[]}}"
#define HTTP                                                                                       \
	"{\"event_type\":\"http\",\"src_ip\":\"10.0.0.5\",\"http\":{\"hostname\":\"192.0.2.1\","   \
	"\"url\":\"/a.exe\",\"http_user_agent\":\"curl \xe2\x80\x93 x\",\"status\":200,"           \
	"\"length\":1.5}}"
#define ALERT                                                                                      \
	"{\"event_type\":\"alert\",\"alert\":{\"signature\":\"x\",\"metadata\":{\"a\":[[[\"b\"]]]" \
	"}}}"

static const char *const records[] = {DNS, HTTP, ALERT};
static json_t *events[3];

static void must(bool what)
{
	if (!what)
		abort();
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	for (size_t i = 0; i < 3; i++)
		must((events[i] = json_loads(records[i], 0, NULL)) != NULL);
	return 0;
}

static void see(void *arg, const struct sigma_hit *h)
{
	must(h->event && h->rule && !h->rule->quiet);
}

static uint32_t lines(const uint8_t *data, size_t size)
{
	uint32_t n = 1;

	for (size_t i = 0; i < size; i++)
		n += data[i] == '\n' || data[i] == '\r' || data[i] == 0x85 || data[i] == 0xa8 ||
		     data[i] == 0xa9; /* YAML's other line breaks */
	return n;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct sigma_state_limits limits = {.groups = 16, .memory_bytes = 1 << 16};
	struct sigma_set *set = sigma_new();
	struct sigma_state *state;

	must(set != NULL);
	must(sigma_read(set, "a.yml", (const char *)data, size) == 0);
	must(sigma_finish(set) == 0);
	for (uint32_t i = 0; i < sigma_problem_count(set); i++) {
		const struct sigma_problem *p = sigma_problem(set, i);

		must(p->reason[0] && p->line >= 1 && p->line <= lines(data, size) + 1);
	}
	for (uint32_t i = 0; i < 3 * sigma_count(set); i++) {
		const struct sigma_rule *rule = sigma_rule(set, i / 3);
		const char *type = json_string_value(json_object_get(events[i % 3], "event_type"));
		enum record_type t = sigma_type(type, strlen(type));

		if ((rule->types >> t & 1) && sigma_match(rule, events[i % 3]))
			must(sigma_may_match(set, t, records[i % 3], strlen(records[i % 3])));
	}
	state = sigma_state_new(set, &limits);
	must(state != NULL);
	for (uint64_t ts = 1; ts < 20; ts++) {
		const char *type = json_string_value(json_object_get(events[ts % 3], "event_type"));

		sigma_state_event(state, ts * 7000000000ull, sigma_type(type, strlen(type)),
				  events[ts % 3], see, NULL);
	}
	sigma_state_time(state, UINT64_MAX, see, NULL);
	sigma_state_free(state);
	sigma_free(set);
	return 0;
}
