/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/event/cores.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int bad(const char *text, char *error, size_t error_size)
{
	snprintf(error, error_size, "\"%.100s\" is no list of at most %d cores such as 2-5,8", text,
		 CORES_MAX);
	return -EINVAL;
}

/* A number at *at, which is moved past; -1: there is none. */
static int number(const char **at)
{
	char *end;
	unsigned long n;

	if (**at < '0' || **at > '9')
		return -1;
	n = strtoul(*at, &end, 10);
	*at = end;
	return n <= CORE_NUMBER_MAX ? (int)n : -1;
}

int cores_parse(const char *text, uint16_t cores[CORES_MAX], char *error, size_t error_size)
{
	const char *at = text;
	int count = 0;

	while (*at) {
		int first = number(&at), last = first;

		if (*at == '-') {
			at++;
			last = number(&at);
		}
		if (first < 0 || last < first || (*at && *at != ','))
			return bad(text, error, error_size);
		for (int core = first; core <= last; core++) {
			for (int i = 0; i < count; i++)
				if (cores[i] == core)
					return bad(text, error, error_size);
			if (count == CORES_MAX)
				return bad(text, error, error_size);
			cores[count++] = (uint16_t)core;
		}
		if (*at == ',' && !*++at)
			return bad(text, error, error_size);
	}
	return count;
}
