/* SPDX-License-Identifier: BSD-3-Clause */
#include "drivers/failopen.h"

#include <errno.h>
#include <linux/if_link.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "drivers/failopen_shared.h"
#include "drivers/port_driver.h"

#define PROGRAM_NAME "xsk_def_prog"
#define MAPS_MAX 8
#define CPUS_MAX 1024

/* failopen.bpf.c, compiled. */
static const unsigned char object[] = {
#include "failopen_object.h"
};

struct failopen {
	int ifindex;
	int program, state_map, count_map, flows_map; /* descriptors; -1: none */
	struct failopen_state *state;      /* the map's memory */
	size_t state_bytes;
	unsigned cpus;
};

/* ---- the program that is there ---- */

/* The maps of a program by name. */
static void find_maps(struct failopen *f, const struct bpf_prog_info *program, const uint32_t *ids)
{
	for (uint32_t i = 0; i < program->nr_map_ids; i++) {
		struct bpf_map_info info = {0};
		uint32_t len = sizeof(info);
		int fd = bpf_map_get_fd_by_id(ids[i]);

		if (fd < 0)
			continue;
		if (bpf_obj_get_info_by_fd(fd, &info, &len) != 0)
			close(fd);
		else if (strcmp(info.name, "failopen_state") == 0 && f->state_map < 0 &&
			 info.value_size == sizeof(struct failopen_state))
			f->state_map = fd;
		else if (strcmp(info.name, "failopen_count") == 0 && f->count_map < 0)
			f->count_map = fd;
		else if (strcmp(info.name, "failopen_flows") == 0 && f->flows_map < 0 &&
			 info.key_size == sizeof(struct port_flow) && info.value_size == sizeof(struct port_flow_count))
			f->flows_map = fd;
		else
			close(fd);
	}
}

/* Whether the interface has our program, of this layout. */
static bool take_over(struct failopen *f)
{
	struct bpf_prog_info info = {0};
	uint32_t ids[MAPS_MAX], id = 0, len = sizeof(info);

	if (bpf_xdp_query_id(f->ifindex, 0, &id) != 0 || !id)
		return false;
	f->program = bpf_prog_get_fd_by_id(id);
	info.nr_map_ids = MAPS_MAX;
	info.map_ids = (uintptr_t)ids;
	if (f->program < 0 || bpf_obj_get_info_by_fd(f->program, &info, &len) != 0 ||
	    strcmp(info.name, PROGRAM_NAME) != 0)
		return false;
	if (info.nr_map_ids > MAPS_MAX)
		info.nr_map_ids = MAPS_MAX;
	find_maps(f, &info, ids);
	return f->state_map >= 0 && f->count_map >= 0 && f->flows_map >= 0;
}

static void forget(struct failopen *f)
{
	int *const fds[] = {&f->program, &f->state_map, &f->count_map, &f->flows_map};

	for (int i = 0; i < 4; i++) {
		if (*fds[i] >= 0)
			close(*fds[i]);
		*fds[i] = -1;
	}
}

/* ---- a new one ---- */

static int load(struct failopen *f)
{
	LIBBPF_OPTS(bpf_object_open_opts, options, .object_name = "failopen");
	struct bpf_object *o = bpf_object__open_mem(object, sizeof(object), &options);
	struct bpf_program *p;
	int err = o ? bpf_object__load(o) : -errno;

	if (!err) {
		p = bpf_object__find_program_by_name(o, PROGRAM_NAME);
		f->program = p ? dup(bpf_program__fd(p)) : -1;
		f->state_map = dup(bpf_object__find_map_fd_by_name(o, "failopen_state"));
		f->count_map = dup(bpf_object__find_map_fd_by_name(o, "failopen_count"));
		f->flows_map = dup(bpf_object__find_map_fd_by_name(o, "failopen_flows"));
		if (f->program < 0 || f->state_map < 0 || f->count_map < 0 || f->flows_map < 0)
			err = -EINVAL;
	}
	bpf_object__close(o);
	return err;
}

static int map_state(struct failopen *f)
{
	long page = sysconf(_SC_PAGESIZE);

	f->state_bytes = (sizeof(struct failopen_state) + (size_t)page - 1) / (size_t)page * (size_t)page;
	f->state = mmap(NULL, f->state_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, f->state_map, 0);
	if (f->state != MAP_FAILED)
		return 0;
	f->state = NULL;
	return -errno;
}

/* Those of an engine that is gone. */
static void flows_forget(struct failopen *f)
{
	struct port_flow key;

	while (bpf_map_get_next_key(f->flows_map, NULL, &key) == 0 && bpf_map_delete_elem(f->flows_map, &key) == 0)
		;
}

static void begin(struct failopen *f, const struct failopen_options *o)
{
	unsigned peer = if_nametoindex(o->peer);

	__atomic_store_n(&f->state->beats, 0, __ATOMIC_RELEASE);
	f->state->version = FAILOPEN_VERSION;
	flows_forget(f);
	f->state->peer = o->closed ? 0 : peer;
	f->state->forward = o->forward ? peer : 0;
	f->state->max_age_ns = o->max_age_ns;
	memset(f->state->beat_ns, 0, sizeof(f->state->beat_ns));
	__atomic_store_n(&f->state->beats, o->beats, __ATOMIC_RELEASE);
}

/* old: the program that it takes the place of, or -1. */
static int attach(struct failopen *f, int old)
{
	LIBBPF_OPTS(bpf_xdp_attach_opts, options, .old_prog_fd = old);

	return bpf_xdp_attach(f->ifindex, f->program, old < 0 ? XDP_FLAGS_UPDATE_IF_NOEXIST : XDP_FLAGS_REPLACE,
			      old < 0 ? NULL : &options);
}

int failopen_open(struct failopen **out, const struct failopen_options *o, char *error)
{
	struct failopen *f = calloc(1, sizeof(*f));
	int cpus = libbpf_num_possible_cpus(), err = 0, old = -1;
	bool fresh = false;

	*out = NULL;
	if (!f || cpus < 1 || cpus > CPUS_MAX || o->beats > FAILOPEN_BEATS) {
		free(f);
		return port_fail(error, -ENOMEM, "no memory for the program on %s", o->interface);
	}
	f->cpus = (unsigned)cpus;
	f->program = f->state_map = f->count_map = f->flows_map = -1;
	f->ifindex = (int)if_nametoindex(o->interface);
	if (!take_over(f)) {
		/* Ours, of another layout: replaced, no frame is lost. */
		if (f->state_map >= 0)
			old = dup(f->program);
		forget(f);
		err = load(f);
		fresh = true;
	}
	if (!err)
		err = map_state(f);
	if (!err)
		begin(f, o); /* before it is attached: no frame meets an empty state */
	if (!err && fresh)
		err = attach(f, old);
	if (old >= 0)
		close(old);
	if (err) {
		port_fail(error, err, "the program that keeps the wire whole without the engine cannot be put on %s: "
			  "%s; is another XDP program on it (ip link show)? pair.fail_open: no goes without",
			  o->interface, strerror(-err));
		forget(f);
		free(f);
		return err;
	}
	*out = f;
	return 0;
}

void failopen_close(struct failopen *f)
{
	uint32_t id = 0;

	if (!f)
		return;
	__atomic_store_n(&f->state->beats, 0, __ATOMIC_RELEASE);
	/* Who closes AF_XDP sockets takes the program off. */
	if (bpf_xdp_query_id(f->ifindex, 0, &id) == 0 && !id)
		(void)bpf_xdp_attach(f->ifindex, f->program, XDP_FLAGS_UPDATE_IF_NOEXIST, NULL);
	munmap(f->state, f->state_bytes);
	forget(f);
	free(f);
}

void failopen_beat(struct failopen *f, unsigned thread, uint64_t monotonic_ns)
{
	__atomic_store_n(&f->state->beat_ns[thread], monotonic_ns, __ATOMIC_RELAXED);
}

int failopen_release(struct failopen *f, const struct port_flow *flow)
{
	static const struct port_flow_count none;

	return bpf_map_update_elem(f->flows_map, flow, &none, BPF_ANY) == 0 ? 0 : -errno;
}

int failopen_read(struct failopen *f, const struct port_flow *flow, struct port_flow_count *out)
{
	return bpf_map_lookup_elem(f->flows_map, flow, out) == 0 ? 0 : -errno;
}

int failopen_recall(struct failopen *f, const struct port_flow *flow, struct port_flow_count *out)
{
	return bpf_map_lookup_and_delete_elem(f->flows_map, flow, out) == 0 ? 0 : -errno;
}

void failopen_figures(struct failopen *f, struct failopen_figures *out)
{
	struct failopen_count *each = calloc(f->cpus, sizeof(*each));
	uint32_t zero = 0;

	*out = (struct failopen_figures){0};
	if (each && bpf_map_lookup_elem(f->count_map, &zero, each) == 0)
		for (unsigned i = 0; i < f->cpus; i++) {
			out->packets += each[i].packets;
			out->bytes += each[i].bytes;
		}
	free(each);
}
