/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The command channel: a SOCK_SEQPACKET pair between control (asks) and dataplane (answers), made
 * by the supervisor, which keeps both ends open, so that either process may be restarted. One
 * message is one struct command; file descriptors ride along as SCM_RIGHTS. Every request gets
 * one reply with the same id; replies to a process that is gone are skipped by their id. A dataplane that begins says so
 * by a reply to ping without a request (id 0, value: how often it was started).
 */
#ifndef EVENT_COMMAND_H
#define EVENT_COMMAND_H

#include <stdint.h>

#include "dataplane/base/addr.h"
#include "dataplane/event/block_flow.h"

/* COMMAND(name, "what the dataplane does"); the reply's fd, if any, is said there. */
#define COMMANDS                                                                                   \
	COMMAND(ping, "replies")                                                                   \
	COMMAND(reload_rules, "loads the configured rule files anew; replies when the workers use "\
			      "them: value = ruleset version, text = summary or reason")           \
	COMMAND(swap_indicators, "maps the indicator table in the fd; value = its version")        \
	COMMAND(block, "drops packets of an address, or of a flow (prefix or flow, expires_ns, "    \
		       "rate_bps); inline only")                                           \
	COMMAND(unblock, "ends a block; text = COMMAND_ABSENT where it knows none")                \
	COMMAND(dump_flows, "replies with a memfd of flow records (record.h), at most value")      \
	COMMAND(rule_stats, "replies with a memfd of rule_stat.h rows; value = how many")          \
	COMMAND(recording_start, "captures packets as the order in the fd says (recording.h)")     \
	COMMAND(recording_stop, "ends the capture whose name is text")                             \
	COMMAND(recordings, "replies with a memfd of recording.h rows; value = how many")          \
	COMMAND(shutdown, "ends all flows, writes their records, exits")

enum command_type {
	COMMAND_none,
#define COMMAND(name, doc) COMMAND_##name,
	COMMANDS
#undef COMMAND
	COMMAND_COUNT
};

struct command {
	uint32_t magic;  /* COMMAND_MAGIC */
	uint16_t type;   /* enum command_type */
	uint16_t reply;  /* 0 request, 1 reply */
	uint64_t id;
	int32_t status;  /* reply: 0 or -errno */
	uint32_t mark;   /* comes back as it was sent */
	uint64_t value;
	uint64_t expires_ns; /* 0: never */
	uint64_t rate_bps;   /* block: bits a second that pass; 0: none */
	struct addr_prefix prefix;
	struct block_flow flow; /* none: the prefix counts */
	char text[448]; /* terminated */
};

#define COMMAND_ABSENT "absent"
#define COMMAND_MAGIC 0x4d4d4443u

/* Sends cmd, with fd unless it is -1 (not taken). 0 or -errno. */
int command_send(int channel, const struct command *cmd, int fd);
/* Receives one message; *fd is -1 or a new descriptor the caller owns. 1: received; 0: none within
 * timeout_ms (-1: wait); -errno; -EPROTO: not a command. */
int command_receive(int channel, struct command *cmd, int *fd, int timeout_ms);
const char *command_name(unsigned type);

#endif
