/* SPDX-License-Identifier: BSD-3-Clause
 *
 * dataplane/event/filter.c: any steps that are called sane end over any packet; any text is compiled or refused
 */
#include <stdlib.h>
#include <string.h>

#include "dataplane/event/filter.h"

#define STEPS_BYTES (64 * sizeof(struct bpf_insn))

static struct filter f;

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void run_steps(const uint8_t *data, size_t size)
{
	size_t steps = size < STEPS_BYTES ? size : STEPS_BYTES;
	uint8_t *packet;

	memset(&f, 0, sizeof(f));
	f.count = 1;
	f.program[0].link_type = 1;
	f.program[0].count = (uint32_t)(steps / sizeof(struct bpf_insn));
	memcpy(f.program[0].steps, data, f.program[0].count * sizeof(struct bpf_insn));
	if (!filter_sane(&f))
		return;
	packet = malloc(size - steps + 1);
	memcpy(packet, data + steps, size - steps);
	filter_match(&f, 1, packet, (uint32_t)(size - steps), 1500);
	free(packet);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char error[256], text[256] = "";

	if (!size)
		return 0;
	if (data[0] & 1) {
		run_steps(data + 1, size - 1);
		return 0;
	}
	/* no letters beyond those of the language's words that need no name service */
	for (size_t i = 1; i < size && i < sizeof(text); i++)
		text[i - 1] = " udptcihoszrnemlk0123456789.[]()&|!=<>+-*/:"[data[i] % 43];
	if (filter_compile(&f, text, error, sizeof(error)) == 0 && !filter_sane(&f))
		abort();
	return 0;
}
