/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The control socket: a UNIX stream socket on which each line is one JSON-RPC message. For root
 * and one group only. A thread of its own, which never blocks on a client.
 */
#ifndef CONTROL_RPC_SERVER_H
#define CONTROL_RPC_SERVER_H

#include "control/rpc/rpc.h"

#define RPC_LINE_MAX 65536       /* bytes of a request; longer ones end the connection */
#define RPC_CLIENTS_MAX 64       /* beyond, the client idle for longest is sent away */
#define RPC_HALF_LINE_S 5        /* a line that was begun must end within */

struct rpc_server;

/* Makes the socket (root, group, 0660), still as the user the process was started as.
 * 0 and *out, or -errno after a sentence. */
int rpc_server_new(struct rpc_server **out, const char *path, const char *group);
/* Starts the thread. ctx is borrowed until rpc_server_free. 0 or -errno. */
int rpc_server_start(struct rpc_server *s, struct rpc_context *ctx);
/* Ends the thread, closes the connections. */
void rpc_server_free(struct rpc_server *s);

#endif
