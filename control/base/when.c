/* SPDX-License-Identifier: BSD-3-Clause */
#include "control/base/when.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static int64_t days_of(int y, int m, int d)
{
	struct tm tm = {.tm_year = y - 1900, .tm_mon = m - 1, .tm_mday = d};

	return (int64_t)timegm(&tm) / 86400;
}

static bool read_zone(const char *p, int64_t *offset_s)
{
	int sign = *p == '-' ? -1 : 1, h, m;

	*offset_s = 0;
	if (!*p || strcmp(p, "Z") == 0)
		return true;
	if ((*p != '+' && *p != '-') || (sscanf(p + 1, "%2d%2d", &h, &m) != 2 &&
					 sscanf(p + 1, "%2d:%2d", &h, &m) != 2))
		return false;
	*offset_s = sign * (h * 3600 + m * 60);
	return true;
}

static bool read_iso(const char *text, uint64_t *ns)
{
	int y, mo, d, h = 0, mi = 0, n = 0, used = 0;
	int64_t offset_s = 0, seconds;
	double s = 0;

	if (sscanf(text, "%4d-%2d-%2d%n", &y, &mo, &d, &used) != 3 || used < 8 || y < 1970 ||
	    y > 2500 || mo < 1 || mo > 12 || d < 1 || d > 31)
		return false;
	text += used;
	if (*text == 'T' || *text == ' ') {
		if (sscanf(text + 1, "%2d:%2d%n", &h, &mi, &n) < 2)
			return false;
		text += 1 + n;
		if (*text == ':') {
			char *end;

			s = strtod(text + 1, &end);
			text = end;
		}
	}
	if (!read_zone(text, &offset_s) || h > 24 || mi > 60 || s < 0 || s > 61)
		return false;
	seconds = days_of(y, mo, d) * 86400 + h * 3600 + mi * 60 - offset_s;
	*ns = (uint64_t)seconds * 1000000000u + (uint64_t)(s * 1e6 + 0.5) * 1000;
	return true;
}

bool time_parse(const char *text, uint64_t *ns)
{
	static const char units[] = "smhdw";
	static const uint64_t factor[] = {1, 60, 3600, 86400, 604800};
	const char *unit;
	char *end;
	double v;

	if (strchr(text, '-') && read_iso(text, ns))
		return true;
	if (!isdigit((unsigned char)*text))
		return false;
	v = strtod(text, &end);
	if (!(v >= 0 && v < 1.8e10))
		return false;
	if (!*end) {
		*ns = (uint64_t)(v * 1e6 + 0.5) * 1000;
		return true;
	}
	unit = strchr(units, *end);
	if (!unit || end[1])
		return false;
	v *= (double)factor[unit - units];
	*ns = (uint64_t)time(NULL) * 1000000000u;
	*ns -= v * 1e9 < (double)*ns ? (uint64_t)(v * 1e9) : *ns;
	return true;
}

uint64_t wall_clock_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}
