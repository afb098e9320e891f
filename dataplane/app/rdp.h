/* SPDX-License-Identifier: BSD-3-Clause
 *
 * RDP over TCP: the connection's beginning ([MS-RDPBCGR] 2.2.1.1 to 2.2.1.4, in TPKT (RFC 1006), X.224
 * and T.125), and the server's certificate where the connection becomes TLS. Private to rdp*.c. Each
 * of these messages is a transaction.
 */
#ifndef APP_RDP_H
#define APP_RDP_H

#include "dataplane/app/text.h"

#define RDP_TRANSACTIONS_MAX 64
#define RDP_MESSAGE_MAX 16384     /* of TPKT, read */
#define RDP_HANDSHAKE_MAX 65536   /* of the server's TLS handshake, looked through for its certificate */
#define RDP_CHAIN_MAX 16          /* certificates */
#define RDP_CHANNELS_MAX 31       /* [MS-RDPBCGR] 2.2.1.3.4 */

enum rdp_kind { RDP_REQUEST, RDP_CONFIRM, RDP_CONNECT, RDP_CONNECTED, RDP_CERTIFICATES };

struct rdp_tx {
	struct tx tx;
	uint8_t kind;             /* enum rdp_kind */
	uint8_t direction;
	bool has_flags, has_protocol, has_error;
	uint8_t flags;            /* of the negotiation */
	uint32_t protocol, error; /* chosen; why not */
	struct text cookie;       /* user name that the client announces */
	struct text core;         /* client core data (2.2.1.3.2), behind its header */
	struct text channels;     /* client network data (2.2.1.3.4), behind the number of them */
	struct texts serials;     /* of the certificates, hex */
};

static inline struct rdp_tx *rdp_of(struct tx *tx)
{
	return (struct rdp_tx *)(void *)tx;
}

/* rdp_log.c */
void rdp_log(struct worker *w, struct flow *f, struct tx *tx, const struct packet *p);
void rdp_alert_context(struct worker *w, struct flow *f, struct tx *tx, struct recorder *r);

#endif
