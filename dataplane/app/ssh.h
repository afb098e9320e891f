/* SPDX-License-Identifier: BSD-3-Clause
 *
 * SSH: how far a direction has come, for hooks.
 */
#ifndef APP_SSH_H
#define APP_SSH_H

/* Where no HASSH is asked for it goes from nothing to SSH_OFFERED. */
enum ssh_progress { SSH_NOTHING, SSH_BANNER, SSH_OFFERED, SSH_ENCRYPTED };

#endif
