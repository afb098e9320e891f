/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Tokens and passwords that stand in files: read when the courier starts, before it gives up its
 * rights, and put where a request says "@/path". They never leave this process but to the server
 * that they are for.
 */
#ifndef CONTROL_COURIER_SECRETS_H
#define CONTROL_COURIER_SECRETS_H

#include <stdbool.h>

#include "dataplane/event/config.h"

#define SECRET_BYTES_MAX 8192

/* Reads every file that the configuration names. Says which cannot be read. */
void secrets_load(const struct config *config);
/* Later requests may name files that were not read: they are, if they can be. */
void secrets_allow_reading(void);
/* What "@/path" stands for; other texts stand for themselves. NULL: it could not be read. */
const char *secret_of(const char *text);

#endif
