/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Countries of addresses (geoip), from a database in the MaxMind DB format
 * (https://maxmind.github.io/MaxMind-DB/) that the configuration names, such as GeoLite2-Country. It is
 * read with every rule set and kept in memory, so that a file that is overwritten harms nobody;
 * immutable, any thread looks up, without allocating.
 */
#ifndef RULES_GEOIP_H
#define RULES_GEOIP_H

#include <stdbool.h>
#include <stddef.h>

#include "dataplane/base/addr.h"

#define GEOIP_BYTES_MAX (1ull << 30) /* of a database */

struct geoip;

/* NULL and a sentence: the file cannot be read, or is no such database. */
struct geoip *geoip_open(const char *path, char *error, size_t error_size);
void geoip_close(struct geoip *g);
/* The two letters (ISO 3166-1) of the country that the address is in; false: not known. */
bool geoip_country(const struct geoip *g, const struct addr *a, uint8_t ip_version, char out[2]);

#endif
