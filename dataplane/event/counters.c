/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/event/counters.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "dataplane/event/config.h"

#define COUNTERS_MAGIC 0x3172746e756f634dull

const struct counter_row counter_rows[] = {
#define COUNTER(member, path, doc) {path, doc, offsetof(struct counters, member)},
#include "dataplane/event/counters.def"
#undef COUNTER
	{NULL, NULL, 0},
};

const struct drop_row drop_rows[DROP_COUNT] = {
#define DROP(id, name, doc) [DROP_##id] = {name, doc},
#include "dataplane/event/drops.def"
#undef DROP
};

const char *const flow_state_names[FLOW_STATES] = {"new", "established", "closed", "local_bypassed"};

const char *const flow_tcp_state_names[FLOW_TCP_STATES] = {
	"none", "syn_sent", "syn_recv", "established", "fin_wait1", "fin_wait2",
	"closing", "close_wait", "last_ack", "time_wait", "closed",
};

const char *const exception_target_names[EXCEPTION_TARGETS] = {
	[EXCEPTION_FLOW_MEMCAP] = "flow.memcap",
	[EXCEPTION_REASSEMBLY_MEMCAP] = "tcp.reassembly",
	[EXCEPTION_MIDSTREAM] = "tcp.midstream",
	[EXCEPTION_APP_ERROR] = "app_layer.error",
};

const char *const exception_policy_names[EXCEPTION_POLICIES] = {
	[EXCEPTION_IGNORE] = "ignore",
	[EXCEPTION_PASS] = "pass_flow",
	[EXCEPTION_PASS_PACKET] = "pass_packet",
	[EXCEPTION_BYPASS] = "bypass",
	[EXCEPTION_DROP] = "drop_flow",
	[EXCEPTION_DROP_PACKET] = "drop_packet",
	[EXCEPTION_REJECT] = "reject",
};

static size_t shared_bytes(unsigned workers)
{
	return sizeof(struct counters_shared) + workers * sizeof(struct counters);
}

int counters_create(unsigned workers)
{
	struct counters_shared head = {
		.magic = COUNTERS_MAGIC,
		.worker_count = workers,
		.counters_bytes = sizeof(struct counters),
	};
	int fd = memfd_create("metsuke-counters", 0), err;

	if (fd < 0)
		return -errno;
	if (ftruncate(fd, (off_t)shared_bytes(workers)) != 0 ||
	    pwrite(fd, &head, sizeof(head), 0) != (ssize_t)sizeof(head)) {
		err = -errno;
		close(fd);
		return err;
	}
	return fd;
}

struct counters_shared *counters_attach(int fd)
{
	struct counters_shared head, *c;
	struct stat st;

	if (pread(fd, &head, sizeof(head), 0) != (ssize_t)sizeof(head) || fstat(fd, &st) != 0)
		return NULL;
	if (head.magic != COUNTERS_MAGIC || head.counters_bytes != sizeof(struct counters) ||
	    head.worker_count > MAX_WORKERS ||
	    (size_t)st.st_size < shared_bytes(head.worker_count)) {
		errno = EPROTO;
		return NULL;
	}
	c = mmap(NULL, shared_bytes(head.worker_count), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	return c == MAP_FAILED ? NULL : c;
}

void counters_sum(const struct counters_shared *c, struct counters *out)
{
	uint64_t *sum = (uint64_t *)(void *)out;

	memset(out, 0, sizeof(*out));
	for (unsigned i = 0; i < c->worker_count; i++) {
		const uint64_t *one = (const uint64_t *)(const void *)&c->worker[i];

		for (size_t k = 0; k < sizeof(*out) / sizeof(uint64_t); k++)
			sum[k] += __atomic_load_n(&one[k], __ATOMIC_RELAXED);
	}
}
