/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Names of a protocol's numbers, for records: rows of several tables in one array, made from the
 * protocol's *_names.def. Any thread.
 */
#ifndef APP_NUMBER_NAME_H
#define APP_NUMBER_NAME_H

#include <stddef.h>
#include <stdint.h>

struct number_name {
	uint8_t table; /* the protocol's enum */
	uint32_t number;
	const char *name;
};

/* NULL: it has none. */
static inline const char *number_name(const struct number_name *rows, size_t count, unsigned table, uint32_t number)
{
	for (size_t i = 0; i < count; i++)
		if (rows[i].table == table && rows[i].number == number)
			return rows[i].name;
	return NULL;
}

#endif
