/* SPDX-License-Identifier: BSD-3-Clause
 *
 * For drivers: what a port is made of. Private to drivers/.
 */
#ifndef DRIVERS_PORT_DRIVER_H
#define DRIVERS_PORT_DRIVER_H

#include "drivers/port.h"

#define PORT_QUEUES_MAX 64

struct port_ops {
	const char *scheme;
	const char *options; /* keys it knows, each followed by a blank: "role id " */
	bool spreads_flows;  /* can hash addresses over its queues with a key of ours */
	/* 0, or -errno and a sentence. Sets rx_queues, tx_queues and its own members. */
	int (*open)(struct port *p, const struct port_uri *u, const struct port_config *c,
		    char *error);
	void (*close)(struct port *p);
	uint16_t (*rx_burst)(struct port *p, unsigned queue, struct rte_mbuf **frames, uint16_t n);
	uint16_t (*tx_burst)(struct port *p, unsigned queue, struct rte_mbuf **frames, uint16_t n);
	int (*rx_depth)(struct port *p, unsigned queue); /* NULL: it cannot say */
	void (*mend)(struct port *p); /* NULL: nothing to mend; else a start that fails is tried again */
	void (*beat)(struct port *p, unsigned thread, uint64_t monotonic_ns); /* NULL: nothing to keep */
	/* Flows that it forwards by itself, as port_flow_*; NULL: it cannot. */
	int (*flow_release)(struct port *p, const struct port_flow *flow);
	int (*flow_read)(struct port *p, const struct port_flow *flow, struct port_flow_count *out);
	int (*flow_recall)(struct port *p, const struct port_flow *flow, struct port_flow_count *out);
	void (*stats)(struct port *p, struct port_stats *out);
	void (*info)(struct port *p, struct port_info *out);
};

struct port {
	const struct port_ops *ops;
	unsigned rx_queues, tx_queues;
	bool spreads_flows;
	bool kernel_forwards; /* it has what its flow_* calls need */
	uint8_t index;
	struct rte_mempool *pool;
	/* ethdev.c */
	uint16_t eth_id;
	uint16_t rx_descriptors; /* of a queue */
	bool ready;              /* the device runs */
	uint16_t link_type;
	char device[64];   /* a device that was made for this port; empty: it was there before */
	void *own;         /* the driver's */
	int wait_fds[PORT_QUEUES_MAX]; /* port_wait_fds */
	unsigned wait_fd_count;
	char uri[512];
};

extern const struct port_ops port_afxdp, port_memif, port_ring, port_null, port_tap, port_pci,
	port_pcap;

/* Writes the sentence; returns err. */
int port_fail(char *error, int err, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* ---- ethdev.c: ports that are DPDK devices ---- */

/* Makes the virtual device "name" with its arguments and starts it. what: how the sentence calls
 * it ("interface eth1"); hint: what to do when it cannot be made. */
int ethdev_create(struct port *p, const struct port_config *c, const char *name, const char *args,
		  const char *what, const char *hint, char *error);
/* Starts a device that is there. */
int ethdev_open(struct port *p, const struct port_config *c, uint16_t eth_id, const char *what,
		char *error);
/* Stops the device and starts it again; port.ready says whether it runs. */
void ethdev_restart(struct port *p);
void ethdev_close(struct port *p);
uint16_t ethdev_rx_burst(struct port *p, unsigned queue, struct rte_mbuf **frames, uint16_t n);
uint16_t ethdev_tx_burst(struct port *p, unsigned queue, struct rte_mbuf **frames, uint16_t n);
int ethdev_rx_depth(struct port *p, unsigned queue);
void ethdev_stats(struct port *p, struct port_stats *out);
void ethdev_info(struct port *p, struct port_info *out);

#define ETHDEV_OPS                                                                                 \
	.close = ethdev_close, .rx_burst = ethdev_rx_burst, .tx_burst = ethdev_tx_burst,           \
	.rx_depth = ethdev_rx_depth, .stats = ethdev_stats, .info = ethdev_info

#endif
