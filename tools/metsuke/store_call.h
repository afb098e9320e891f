/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The control socket's methods on a store that no daemon has open: metsuke-control answers one
 * request on its standard streams, so that the CLI itself needs no database.
 */
#ifndef METSUKE_STORE_CALL_H
#define METSUKE_STORE_CALL_H

/* request: one JSON-RPC message; file: what goes along, as its standard input (-1: nothing). Returns the reply line, which the caller frees; NULL after
 * printing one sentence on stderr. */
char *store_call(const char *store, const char *request, int file);

#endif
