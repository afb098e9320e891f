/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/event/filter.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <pcap/pcap.h>

#define SNAPLEN_MAX 262144
#define LINK_RAW 101

/* LINKTYPE_* and what libpcap calls it inside (DLT_*), where they differ. Ethernet first: its refusal is told. */
static const struct {
	uint16_t link_type;
	uint16_t dlt;
} links[FILTER_LINKS] = {
	{1, DLT_EN10MB}, {0, DLT_NULL}, {9, DLT_PPP}, {51, DLT_PPP_ETHER}, {LINK_RAW, DLT_RAW}, {104, DLT_C_HDLC},
	{108, DLT_LOOP}, {113, DLT_LINUX_SLL}, {228, DLT_IPV4}, {229, DLT_IPV6}, {276, DLT_LINUX_SLL2},
};

static int compile_one(struct filter *f, unsigned link, char *error, size_t error_size)
{
	pcap_t *p = pcap_open_dead(links[link].dlt, SNAPLEN_MAX);
	struct bpf_program program;
	int err = p ? 0 : -ENOMEM;

	if (err)
		return err;
	if (pcap_compile(p, &program, f->text, 1, PCAP_NETMASK_UNKNOWN) != 0) {
		snprintf(error, error_size, "the filter \"%.200s\" is not understood: %s", f->text, pcap_geterr(p));
		pcap_close(p);
		return -EINVAL;
	}
	if (program.bf_len > FILTER_STEPS_MAX) {
		snprintf(error, error_size, "the filter \"%.200s\" takes %u steps; at most %d are possible", f->text,
			 program.bf_len, FILTER_STEPS_MAX);
		err = -E2BIG;
	} else {
		f->program[f->count].link_type = links[link].link_type;
		f->program[f->count].count = program.bf_len;
		memcpy(f->program[f->count].steps, program.bf_insns, program.bf_len * sizeof(struct bpf_insn));
		f->count++;
	}
	pcap_freecode(&program);
	pcap_close(p);
	return err;
}

int filter_compile(struct filter *f, const char *text, char *error, size_t error_size)
{
	char ignored[512];
	int first = 0;

	memset(f, 0, sizeof(*f));
	if (strlen(text) >= sizeof(f->text)) {
		snprintf(error, error_size, "the filter is longer than %zu bytes", sizeof(f->text) - 1);
		return -E2BIG;
	}
	memcpy(f->text, text, strlen(text));
	for (unsigned i = 0; i < FILTER_LINKS && *text; i++) {
		int err = compile_one(f, i, i ? ignored : error, i ? sizeof(ignored) : error_size);

		if (err == -E2BIG || err == -ENOMEM)
			return err;
		if (i == 0)
			first = err;
	}
	return *text && !f->count ? first : 0;
}

/* What the interpreter knows. bpf_validate looks at jumps, memory and division, but lets codes pass at which
 * bpf_filter aborts. */
static bool step_known(uint16_t code)
{
	uint16_t op = code & ~(BPF_SRC(0xff));

	switch (BPF_CLASS(code)) {
	case BPF_RET:
		return code == (BPF_RET | BPF_K) || code == (BPF_RET | BPF_A);
	case BPF_LD:
		return code == (BPF_LD | BPF_IMM) || code == (BPF_LD | BPF_MEM) || code == (BPF_LD | BPF_W | BPF_LEN) ||
		       ((code & ~(BPF_SIZE(0xff) | BPF_MODE(0xff))) == BPF_LD && BPF_SIZE(code) != BPF_SIZE(0xff) &&
			(BPF_MODE(code) == BPF_ABS || BPF_MODE(code) == BPF_IND));
	case BPF_LDX:
		return code == (BPF_LDX | BPF_IMM) || code == (BPF_LDX | BPF_MEM) || code == (BPF_LDX | BPF_W | BPF_LEN) ||
		       code == (BPF_LDX | BPF_MSH | BPF_B);
	case BPF_ST:
		return code == BPF_ST;
	case BPF_STX:
		return code == BPF_STX;
	case BPF_JMP:
		return code == (BPF_JMP | BPF_JA) || op == (BPF_JMP | BPF_JGT) || op == (BPF_JMP | BPF_JGE) ||
		       op == (BPF_JMP | BPF_JEQ) || op == (BPF_JMP | BPF_JSET);
	case BPF_ALU:
		return code == (BPF_ALU | BPF_NEG) || (!(code & 0xff00) && BPF_OP(code) != BPF_NEG && BPF_OP(code) <= BPF_XOR);
	case BPF_MISC:
		return code == (BPF_MISC | BPF_TAX) || code == (BPF_MISC | BPF_TXA);
	}
	return false;
}

static bool steps_known(const struct bpf_insn *steps, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++)
		if (!step_known(steps[i].code))
			return false;
	return true;
}

bool filter_sane(const struct filter *f)
{
	if (f->count > FILTER_LINKS || !memchr(f->text, '\0', sizeof(f->text)) || (*f->text && !f->count))
		return false;
	for (unsigned i = 0; i < f->count; i++)
		if (!f->program[i].count || f->program[i].count > FILTER_STEPS_MAX ||
		    !steps_known(f->program[i].steps, f->program[i].count) ||
		    !bpf_validate(f->program[i].steps, (int)f->program[i].count))
			return false;
	return true;
}

bool filter_match(const struct filter *f, unsigned link_type, const uint8_t *data, uint32_t len, uint32_t wire_len)
{
	if (!f->count)
		return true;
	if (link_type == 12 || link_type == 14) /* raw IP in files of older programs */
		link_type = LINK_RAW;
	for (unsigned i = 0; i < f->count; i++)
		if (f->program[i].link_type == link_type)
			return bpf_filter(f->program[i].steps, data, wire_len, len) != 0;
	return false;
}
