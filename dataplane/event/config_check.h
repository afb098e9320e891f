/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Values that must be more than of the right kind. Private to event/.
 */
#ifndef EVENT_CONFIG_CHECK_H
#define EVENT_CONFIG_CHECK_H

#include <stddef.h>

/* 0, or -EINVAL with a sentence in error that says what would be right. value: as for config_set,
 * or one item of a list. */
int config_check(const char *path, const char *value, char *error, size_t error_size);

#endif
