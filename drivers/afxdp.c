/* SPDX-License-Identifier: BSD-3-Clause
 *
 * afxdp:INTERFACE a kernel interface through AF_XDP sockets, one a queue of the interface. The
 * kernel's own spreading over queues need not keep a flow's directions together, so its queues
 * are never given to different workers.
 */
#include <errno.h>
#include <net/if.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <bpf/libbpf.h>
#include <linux/if_xdp.h>
#include <xdp/libxdp.h>

#include "drivers/eal.h"
#include "drivers/failopen.h"
#include "drivers/port_driver.h"

#define DESCRIPTORS_MAX 4096

/* Their warnings become part of our own sentence when something fails; the rest is noise. */
static int bpf_print(enum libbpf_print_level level, const char *format, va_list args)
{
	if (level == LIBBPF_WARN)
		eal_note_error(format, args);
	return 0;
}

static int xdp_print(enum libxdp_print_level level, const char *format, va_list args)
{
	if (level == LIBXDP_WARN)
		eal_note_error(format, args);
	return 0;
}

static unsigned interface_queues(const char *interface)
{
	char path[128];
	unsigned n = 0;

	for (; n < 64; n++) {
		snprintf(path, sizeof(path), "/sys/class/net/%.16s/queues/rx-%u", interface, n);
		if (access(path, F_OK) != 0)
			break;
	}
	return n ? n : 1;
}

static unsigned interface_mtu(const char *interface)
{
	char path[128];
	unsigned mtu = 0;
	FILE *f;

	snprintf(path, sizeof(path), "/sys/class/net/%.16s/mtu", interface);
	f = fopen(path, "re");
	if (f && fscanf(f, "%u", &mtu) != 1)
		mtu = 0;
	if (f)
		fclose(f);
	return mtu;
}

/* The program goes on first: libxdp finds it and adds its sockets. */
static int keep_wire_whole(struct port *p, const char *interface, const struct port_config *c, char *error)
{
	struct failopen_options o = {
		.interface = interface,
		.closed = c->fail_closed,
		.forward = c->forwards,
		.beats = c->beats,
		.max_age_ns = c->beat_max_age_ns,
	};
	struct port_uri peer;
	struct failopen *f;
	int err;

	if (!c->peer || port_uri_parse(c->peer, &peer, error) != 0 || strcmp(peer.scheme, "afxdp") != 0)
		return 0;
	o.peer = peer.target;
	err = failopen_open(&f, &o, error);
	p->own = err ? NULL : f;
	p->kernel_forwards = p->own != NULL;
	return err;
}

/* The sockets that DPDK has opened since: it does not say which they are. seen: descriptors that are not asked about;
 * those found are added. */
static void find_sockets(struct port *p, bool seen[DESCRIPTORS_MAX])
{
	for (int fd = 0; fd < DESCRIPTORS_MAX; fd++) {
		int domain = 0;
		socklen_t len = sizeof(domain);

		if (seen[fd] || getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &len) != 0 || domain != AF_XDP)
			continue;
		seen[fd] = true;
		if (p->wait_fd_count < PORT_QUEUES_MAX)
			p->wait_fds[p->wait_fd_count++] = fd;
	}
}

static int afxdp_open(struct port *p, const struct port_uri *u, const struct port_config *c,
		      char *error)
{
	const char *queue = port_uri_option(u, "queue"), *queues = port_uri_option(u, "queues");
	const char *copy = port_uri_option(u, "copy");
	bool seen[DESCRIPTORS_MAX] = {false};
	struct port_config all = *c;
	char name[32], args[160], what[64];
	int err;

	if (!u->target[0] || if_nametoindex(u->target) == 0)
		return port_fail(error, -ENODEV, "there is no interface \"%s\"; ip link shows those "
				 "there are", u->target);
	if (geteuid() != 0 && access("/sys/fs/bpf", W_OK) != 0)
		return port_fail(error, -EPERM, "AF_XDP on %s takes root (CAP_NET_RAW, CAP_BPF, "
				 "CAP_NET_ADMIN)", u->target);
	if (interface_mtu(u->target) > 2048)
		return port_fail(error, -EINVAL, "interface %s has an MTU of %u; AF_XDP takes frames "
				 "of at most 2048 bytes here: ip link set %s mtu 1500", u->target,
				 interface_mtu(u->target), u->target);
	/* Every queue of the interface must be read, or what arrives on it is not seen. */
	all.rx_queues = queues ? (unsigned)strtoul(queues, NULL, 10) : interface_queues(u->target);
	all.tx_queues = all.rx_queues;
	if (all.rx_queues == 0 || all.rx_queues > 64)
		return port_fail(error, -EINVAL, "port %s: queues is a number from 1 to 64", p->uri);
	libbpf_set_print(bpf_print);
	libxdp_set_print(xdp_print);
	snprintf(name, sizeof(name), "net_af_xdp%u", c->index);
	snprintf(args, sizeof(args), "iface=%s,start_queue=%.4s,queue_count=%u%s", u->target,
		 queue ? queue : "0", all.rx_queues,
		 copy && strcmp(copy, "yes") == 0 ? ",force_copy=1" : "");
	snprintf(what, sizeof(what), "interface %s", u->target);
	err = keep_wire_whole(p, u->target, c, error);
	find_sockets(p, seen);
	p->wait_fd_count = 0;
	if (!err)
		err = ethdev_create(p, &all, name, args, what,
				    "is another XDP program on it (ip link show; ip link set dev IF xdp off), is it up, "
				    "may this process load BPF programs, and does its driver have as many combined channels "
				    "as queues (ethtool -l; a veth has none: one queue)?", error);
	if (err) {
		failopen_close(p->own);
		return err;
	}
	find_sockets(p, seen);
	/* Were one queue's missing, its frames would be waited for in vain. */
	if (p->wait_fd_count != p->rx_queues)
		p->wait_fd_count = 0;
	return 0;
}

static void afxdp_close(struct port *p)
{
	ethdev_close(p);
	failopen_close(p->own);
}

static void afxdp_beat(struct port *p, unsigned thread, uint64_t monotonic_ns)
{
	if (p->own)
		failopen_beat(p->own, thread, monotonic_ns);
}

static int afxdp_flow_release(struct port *p, const struct port_flow *flow)
{
	return failopen_release(p->own, flow);
}

static int afxdp_flow_read(struct port *p, const struct port_flow *flow, struct port_flow_count *out)
{
	return failopen_read(p->own, flow, out);
}

static int afxdp_flow_recall(struct port *p, const struct port_flow *flow, struct port_flow_count *out)
{
	return failopen_recall(p->own, flow, out);
}

/* Frames that found a socket's ring full: DPDK's driver tells of those alone that found no buffer. */
static uint64_t found_full(const struct port *p)
{
	uint64_t sum = 0;

	for (unsigned i = 0; i < p->wait_fd_count; i++) {
		struct xdp_statistics s = {0};
		socklen_t len = sizeof(s);

		if (getsockopt(p->wait_fds[i], SOL_XDP, XDP_STATISTICS, &s, &len) == 0)
			sum += s.rx_ring_full;
	}
	return sum;
}

static void afxdp_stats(struct port *p, struct port_stats *out)
{
	struct failopen_figures passed;

	ethdev_stats(p, out);
	out->rx_missed += found_full(p);
	if (!p->own)
		return;
	failopen_figures(p->own, &passed);
	out->passed_by = passed.packets;
}

const struct port_ops port_afxdp = {
	.scheme = "afxdp",
	.options = "queue queues copy ",
	.open = afxdp_open,
	.close = afxdp_close,
	.rx_burst = ethdev_rx_burst,
	.tx_burst = ethdev_tx_burst,
	.rx_depth = ethdev_rx_depth,
	.beat = afxdp_beat,
	.flow_release = afxdp_flow_release,
	.flow_read = afxdp_flow_read,
	.flow_recall = afxdp_flow_recall,
	.stats = afxdp_stats,
	.info = ethdev_info,
};
