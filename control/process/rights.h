/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What a process gives up that even root does not need once it works. Before any other thread.
 */
#ifndef CONTROL_PROCESS_RIGHTS_H
#define CONTROL_PROCESS_RIGHTS_H

#include <stdbool.h>

/* No capability can be had any more, by no exec either. 0 or -errno. */
int rights_give_up_capabilities(void);
/* For the process that fetches and sends, before its program starts: no sockets but IPv4 and IPv6,
 * no other processes, no signals to others. 0 or -errno. */
int rights_confine_courier(void);
/* Signals of threads to this very process, for a filter that refuses what is not named. filter: of
 * libseccomp. 0 or -errno. */
int rights_allow_own_signals(void *filter);

#endif
