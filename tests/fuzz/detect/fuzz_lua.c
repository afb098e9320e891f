/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Any text as a script: it is loaded, and where it can be, run on a packet. First byte: with which
 * memory limit. What must hold: it ends, nothing outside its memory is touched, all of it comes back.
 */
#include <stdlib.h>
#include <string.h>

#include "dataplane/detect/script.h"

bool match_lua(const struct match_context *c, const struct match *m);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct config *config;
	static struct counters counters;
	struct rule rule = {.sid = 1, .gid = 1, .msg = "m"};
	struct script_use use = {.name = "x.lua", .rule = &rule};
	struct ruleset set = {.scripts = &use, .script_count = 1};
	struct detect_program program = {.set = &set};
	struct detect_state *s = calloc(1, sizeof(*s));
	struct worker w = {.counters = &counters};
	struct packet p = {.flags = PACKET_IP | PACKET_L4, .ip_version = 4, .ip_proto = 17, .payload = data,
			   .payload_len = (uint32_t)size};
	struct match_context c = {.w = &w, .s = s, .p = &p};
	struct match m = {.u.script.use = &use};

	if (!config) {
		config = config_new();
		config->lua_max_instructions = 20000;
	}
	if (!size || size > 4096 || !s || heap_init(&w.heap, 1 << 20)) {
		free(s);
		return 0;
	}
	config->lua_max_bytes = 40000 + 1000u * data[0];
	program.config = config;
	w.config = config;
	use.text = (struct bytes){data + 1, (uint32_t)size - 1};
	scripts_new(&w, s, &program);
	for (int i = 0; i < 2; i++)
		match_lua(&c, &m);
	scripts_free(&w, s);
	if (w.heap.used_bytes)
		abort();
	heap_fini(&w.heap);
	free(s);
	return 0;
}
