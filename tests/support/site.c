/* SPDX-License-Identifier: BSD-3-Clause */
#include "tests/support/site.h"

#include <arpa/inet.h>
#include <ftw.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <unistd.h>

#include "control/contact/contacts.h"
#include "control/hosts/hosts.h"
#include "control/intel/intel.h"
#include "control/store/store.h"

static void die(const char *what)
{
	perror(what);
	abort();
}

static void set(struct site *s, const char *key, const char *value)
{
	char error[256];

	if (config_set(s->config, key, value, error, sizeof(error)) != 0) {
		fprintf(stderr, "%s\n", error);
		abort();
	}
}

static unsigned free_port(void)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof(a);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || bind(fd, (struct sockaddr *)&a, len) != 0 ||
	    getsockname(fd, (struct sockaddr *)&a, &len) != 0)
		die("a port");
	close(fd);
	return ntohs(a.sin_port);
}

static void configure(struct site *s)
{
	char room[160];
	FILE *f;

	s->config = config_new();
	snprintf(s->dir, sizeof(s->dir), "/dev/shm/metsuke-site-XXXXXX");
	if (!s->config || !mkdtemp(s->dir))
		die(s->dir);
	snprintf(room, sizeof(room), "%s/store", s->dir);
	set(s, "store.dir", room);
	snprintf(room, sizeof(room), "%s/tokens", s->dir);
	f = fopen(room, "we");
	if (!f)
		die(room);
	fputs("# who may ask\n" SITE_LOOKUP " lookup soc\n" SITE_SHARE " share site-b\n", f);
	fclose(f);
	set(s, "http.tokens_file", room);
	s->port = free_port();
	snprintf(room, sizeof(room), "127.0.0.1:%u", s->port);
	set(s, "http.listen", room);
}

struct site *site_new(void)
{
	struct site *s = calloc(1, sizeof(*s));

	if (!s)
		die("calloc");
	configure(s);
	desk_init(&s->desk);
	s->desk.config = s->config;
	if (store_open(&s->desk.store, s->config->store_dir, STORE_WRITE, NULL) != 0 ||
	    contacts_new(&s->desk.contacts, s->desk.store, s->config) != 0 ||
	    intel_open(&s->desk.intel, s->desk.store, s->config) != 0 ||
	    hosts_new(&s->desk.hosts, s->desk.store, s->config) != 0 ||
	    jobs_start(&s->desk.jobs, s->desk.store, &s->desk, NULL) != 0 ||
	    http_bind(&s->http, s->config) != 0 || http_start(s->http, &s->desk) != 0)
		abort();
	return s;
}

static int take_away(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	return remove(path);
}

void site_free(struct site *s)
{
	http_free(s->http);
	jobs_stop(s->desk.jobs);
	hosts_free(s->desk.hosts);
	intel_close(s->desk.intel);
	contacts_free(s->desk.contacts);
	store_close(s->desk.store);
	desk_fini(&s->desk);
	config_free(s->config);
	nftw(s->dir, take_away, 16, FTW_DEPTH | FTW_PHYS);
	free(s);
}

int site_connect(const struct site *s)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
				.sin_port = htons((uint16_t)s->port)};
	struct timeval patience = {.tv_sec = 20};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || connect(fd, (struct sockaddr *)&a, sizeof(a)) != 0)
		die("connect");
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	return fd;
}

static bool read_head(int fd, struct site_answer *a)
{
	for (;;) {
		ssize_t n = recv(fd, a->head, sizeof(a->head) - 1, MSG_PEEK);
		char *end;

		if (n <= 0)
			return false;
		a->head[n] = '\0';
		end = strstr(a->head, "\r\n\r\n");
		if (!end && n == sizeof(a->head) - 1)
			return false;
		/* What follows is the body. */
		n = end ? end + 4 - a->head : 0;
		a->head[n] = '\0';
		if (end)
			return recv(fd, a->head, (size_t)n, 0) == n;
		usleep(100);
	}
}

void site_read(int fd, struct site_answer *a)
{
	size_t left;

	a->status = 0;
	a->head[0] = '\0';
	text_clear(&a->body);
	do {
		if (!read_head(fd, a) || sscanf(a->head, "HTTP/1.%*u %u", &a->status) != 1) {
			a->status = 0;
			return;
		}
	} while (a->status == 100);
	left = strtoul(site_header(a, "Content-Length"), NULL, 10);
	while (left) {
		uint8_t *room = text_room(&a->body, left);
		ssize_t n = room ? recv(fd, room, left, 0) : -1;

		if (n <= 0)
			break;
		a->body.len += (size_t)n;
		left -= (size_t)n;
	}
	text_cstr(&a->body);
}

unsigned site_ask(const struct site *s, const char *method, const char *path, const char *token,
		  const char *headers, const char *body, struct site_answer *a)
{
	struct text out = {0};
	int fd = site_connect(s);

	text_format(&out, "%s %s HTTP/1.1\r\nHost: site\r\nConnection: close\r\n", method, path);
	if (token)
		text_format(&out, "Authorization: Bearer %s\r\n", token);
	text_str(&out, headers);
	if (body)
		text_format(&out, "Content-Length: %zu\r\n", strlen(body));
	text_str(&out, "\r\n");
	if (body)
		text_str(&out, body);
	send(fd, out.data, out.len, MSG_NOSIGNAL);
	site_read(fd, a);
	close(fd);
	text_free(&out);
	return a->status;
}

const char *site_header(const struct site_answer *a, const char *name)
{
	static char value[512];
	size_t n = strlen(name);

	for (const char *line = strstr(a->head, "\r\n"); line; line = strstr(line + 2, "\r\n"))
		if (strncasecmp(line + 2, name, n) == 0 && line[2 + n] == ':') {
			snprintf(value, sizeof(value), "%.*s", (int)strcspn(line + 4 + n, "\r"),
				 line + 4 + n);
			return value;
		}
	return "";
}
