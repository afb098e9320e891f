/* SPDX-License-Identifier: BSD-3-Clause
 *
 * See geoip.h. libmaxminddb maps the file that it opens; it is given a sealed copy in memory.
 */
#include "rules/lists/geoip.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <maxminddb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

struct geoip {
	MMDB_s db;
};

/* A descriptor of the copy; -1 and a sentence. */
static int copy_in_memory(const char *path, char *error, size_t error_size)
{
	int from = open(path, O_RDONLY | O_CLOEXEC), to = -1;
	struct stat st;
	off_t at = 0;

	if (from < 0 || fstat(from, &st) != 0) {
		snprintf(error, error_size, "%s: %s", path, strerror(errno));
		goto err;
	}
	if (!S_ISREG(st.st_mode) || (uint64_t)st.st_size > GEOIP_BYTES_MAX) {
		snprintf(error, error_size, "%s is no file of less than 1 GiB", path);
		goto err;
	}
	to = memfd_create("geoip", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	while (to >= 0 && at < st.st_size)
		if (sendfile(to, from, &at, (size_t)(st.st_size - at)) <= 0)
			break;
	if (to < 0 || at < st.st_size ||
	    fcntl(to, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE) != 0) {
		snprintf(error, error_size, "%s: cannot be copied to memory", path);
		goto err;
	}
	close(from);
	return to;
err:
	if (from >= 0)
		close(from);
	if (to >= 0)
		close(to);
	return -1;
}

struct geoip *geoip_open(const char *path, char *error, size_t error_size)
{
	struct geoip *g = calloc(1, sizeof(*g));
	char copy[48];
	int fd, rc;

	if (!g) {
		snprintf(error, error_size, "%s: not enough memory", path);
		return NULL;
	}
	fd = copy_in_memory(path, error, error_size);
	if (fd < 0) {
		free(g);
		return NULL;
	}
	snprintf(copy, sizeof(copy), "/proc/self/fd/%d", fd);
	rc = MMDB_open(copy, MMDB_MODE_MMAP, &g->db);
	close(fd);
	if (rc != MMDB_SUCCESS) {
		snprintf(error, error_size, "%s is no database of countries: %s", path, MMDB_strerror(rc));
		free(g);
		return NULL;
	}
	return g;
}

void geoip_close(struct geoip *g)
{
	if (!g)
		return;
	MMDB_close(&g->db);
	free(g);
}

static MMDB_lookup_result_s look(const struct geoip *g, const struct addr *a, uint8_t ip_version, int *rc)
{
	struct sockaddr_in v4 = {.sin_family = AF_INET};
	struct sockaddr_in6 v6 = {.sin6_family = AF_INET6};

	if (ip_version == 4) {
		memcpy(&v4.sin_addr, a->b, 4);
		return MMDB_lookup_sockaddr(&g->db, (const struct sockaddr *)&v4, rc);
	}
	memcpy(&v6.sin6_addr, a->b, 16);
	return MMDB_lookup_sockaddr(&g->db, (const struct sockaddr *)&v6, rc);
}

bool geoip_country(const struct geoip *g, const struct addr *a, uint8_t ip_version, char out[2])
{
	static const char *const path[] = {"country", "iso_code", NULL};
	MMDB_entry_data_s data;
	MMDB_lookup_result_s found;
	int rc = MMDB_SUCCESS;

	found = look(g, a, ip_version, &rc);
	if (rc != MMDB_SUCCESS || !found.found_entry ||
	    MMDB_aget_value(&found.entry, &data, path) != MMDB_SUCCESS || !data.has_data ||
	    data.type != MMDB_DATA_TYPE_UTF8_STRING || data.data_size != 2)
		return false;
	memcpy(out, data.utf8_string, 2);
	return true;
}
