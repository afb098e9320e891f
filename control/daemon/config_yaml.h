/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Reads a YAML file into the configuration (dataplane/event/config.h). Supervisor and CLI.
 */
#ifndef DAEMON_CONFIG_YAML_H
#define DAEMON_CONFIG_YAML_H

#include "dataplane/event/config.h"

/* Sets every key of the file at path. 0; or -errno with one sentence in error that names the
 * file, the line, what is wrong and what would be right. The configuration is then half set. */
int config_yaml_read(struct config *c, const char *path, char *error, size_t error_size);

#endif
