/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Ports by URI: pci:0000:3b:00.0  afxdp:eth1  pcap:FILE  memif:SOCKET  tap:NAME  ring:NAME  null:
 * Options follow the target after commas, "memif:/run/m.sock,role=client,id=3", or, where a comma
 * would part a list, as "memif:/run/m.sock?role=client&id=3".
 *
 * A driver is one file with one const struct port_ops and one line in the list of port.c. Opened
 * and closed by one thread; a queue is used by one thread at a time. All but pcap: need eal_start
 * first. Frames are those of frame.h; rx fills their frame_info but for the time (a port that
 * stamps itself sets ts_ns too).
 */
#ifndef DRIVERS_PORT_H
#define DRIVERS_PORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "drivers/port_flow.h"

struct rte_mbuf;
struct rte_mempool;
struct port;

#define PORT_ERROR_BYTES 512
#define PORT_OPTIONS_MAX 8

/* A URI taken apart; all texts point into .text. */
struct port_uri {
	char text[512];
	const char *scheme, *target;
	struct {
		const char *key, *value;
	} options[PORT_OPTIONS_MAX];
	unsigned option_count;
};

struct port_config {
	uint8_t index;             /* goes into every frame */
	unsigned rx_queues;        /* wanted; fewer may be had: port_rx_queues */
	unsigned tx_queues;        /* 0: will never send */
	struct rte_mempool *pool;  /* frames received are taken from it */
	/* In the wire. A driver that can keep the wire whole without the engine does so. */
	const char *peer;          /* URI of the other side; NULL: not wanted */
	bool fail_closed;          /* without the engine frames are dropped */
	bool forwards;             /* flows will be handed to it: port_flow_release */
	unsigned beats;            /* threads that call port_beat */
	uint64_t beat_max_age_ns;
};

struct port_stats {
	uint64_t rx_missed;  /* lost before they were taken */
	uint64_t no_mbuf;    /* lost because no frame was free */
	uint64_t tx_errors;
	uint64_t passed_by;  /* sent on without the engine */
};

struct port_info {
	char name[64];       /* the port's own: interface, PCI address, file */
	char driver[32];
	uint8_t mac[6];
	uint16_t mtu;
	bool link_up;
	uint32_t speed_mbps; /* 0: not known */
	int numa_node;       /* -1: not known */
	bool has_mac;
};

/* 0, or -EINVAL and a sentence in error (PORT_ERROR_BYTES). */
int port_uri_parse(const char *text, struct port_uri *out, char *error);
/* NULL if it has no such option. */
const char *port_uri_option(const struct port_uri *u, const char *key);
/* The scheme, the pci: target as EAL wants to know it at its start; NULL: not a pci: port. */
const char *port_uri_pci(const struct port_uri *u);

/* NULL, and one sentence in error that says what is wrong and what to do. */
struct port *port_open(const char *uri, const struct port_config *c, char *error);
void port_close(struct port *p);
const char *port_uri_of(const struct port *p);
unsigned port_rx_queues(const struct port *p);
unsigned port_tx_queues(const struct port *p);
/* Its queues hold whole flows, both directions and their fragments: each may go to a worker. */
bool port_spreads_flows(const struct port *p);
/* Never fails; fewer than n is no error. Frames that were sent are the port's, the others stay the
 * caller's. */
uint16_t port_rx_burst(struct port *p, unsigned queue, struct rte_mbuf **frames, uint16_t n);
uint16_t port_tx_burst(struct port *p, unsigned queue, struct rte_mbuf **frames, uint16_t n);
/* The kernel sends frames out of the other side (AF_XDP): all of them without the engine (or drops them, as was asked
 * for), and with it those of flows that it was handed. */
bool port_kernel_forwards(const struct port *p);
/* Such flows; main thread. 0; -EOPNOTSUPP; -ENOENT: it has no such flow; another -errno: there is no room. */
int port_flow_release(struct port *p, const struct port_flow *flow);
int port_flow_read(struct port *p, const struct port_flow *flow, struct port_flow_count *out);
int port_flow_recall(struct port *p, const struct port_flow *flow, struct port_flow_count *out);
/* Frames that wait in the queue, in percent of what it holds; -1: the device cannot say. Some PCI reads on a card. */
int port_rx_depth(struct port *p, unsigned queue);
/* Descriptors that become readable when a frame comes, so that who has nothing to do may sleep; borrowed. Returns how
 * many there are, at most "most"; 0: the port must be polled. */
unsigned port_wait_fds(const struct port *p, int *fds, unsigned most);
/* Looks whether the port still has its other side, and meets it again where it is the port that must (a memif client).
 * The thread that uses its queues, every half second or so; makes system calls only when something is to be done. */
void port_mend(struct port *p);
/* The thread lives; every few ms. No system call. */
void port_beat(struct port *p, unsigned thread, uint64_t monotonic_ns);
void port_stats(struct port *p, struct port_stats *out);
void port_info(struct port *p, struct port_info *out);

#endif
