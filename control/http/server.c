/* SPDX-License-Identifier: BSD-3-Clause */
#include "control/http/http.h"

#include <arpa/inet.h>
#include <errno.h>
#include <microhttpd.h>
#include <netdb.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include "control/base/say.h"
#include "control/http/http_private.h"

#define CONNECTIONS_MAX 128
#define CONNECTIONS_PER_ADDRESS 16
#define TIMEOUT_S 20
#define PATH_MAX_BYTES 1024
#define PEM_BYTES_MAX (256u << 10)

struct http_server {
	const struct config *config;
	struct desk *desk;
	struct http_tokens *tokens;
	int listener;
	char *cert, *key; /* PEM; NULL: plain HTTP */
	struct MHD_Daemon *daemon;
};

/* What libmicrohttpd keeps for us between its calls. */
struct exchange {
	struct text body;
	bool too_big;
};

static const struct route {
	const char *method, *path;
	enum http_role role;
	const char *doc;
	void (*run)(struct http_request *r);
} routes[] = {
#define ROUTE(handler, method, path, role, doc) {#method, path, ROLE_##role, doc, http_##handler},
#include "control/http/routes.def"
#undef ROUTE
};

#define ROUTES (sizeof(routes) / sizeof(routes[0]))

/* ---- before the rights are given up ---- */

static char *read_pem(const char *path)
{
	FILE *f = fopen(path, "re");
	char *text = f ? calloc(1, PEM_BYTES_MAX + 1) : NULL;

	if (!f || !text || fread(text, 1, PEM_BYTES_MAX, f) == 0) {
		say("%s cannot be read: %s", path, strerror(errno ? errno : EINVAL));
		free(text);
		text = NULL;
	}
	if (f)
		fclose(f);
	return text;
}

static bool is_loopback(const struct sockaddr *a)
{
	if (a->sa_family == AF_INET)
		return ntohl(((const struct sockaddr_in *)(const void *)a)->sin_addr.s_addr) >> 24 == 127;
	return a->sa_family == AF_INET6 &&
	       IN6_IS_ADDR_LOOPBACK(&((const struct sockaddr_in6 *)(const void *)a)->sin6_addr);
}

/* "127.0.0.1:8080", "[::1]:8080". */
static int resolve(const char *text, struct addrinfo **out)
{
	struct addrinfo hints = {.ai_socktype = SOCK_STREAM,
				 .ai_flags = AI_PASSIVE | AI_NUMERICHOST | AI_NUMERICSERV};
	const char *colon = strrchr(text, ':');
	char host[128];
	size_t n = colon ? (size_t)(colon - text) : 0;

	if (!n || n >= sizeof(host))
		return -EINVAL;
	memcpy(host, text, n);
	host[n] = '\0';
	if (host[0] == '[' && host[n - 1] == ']') {
		memmove(host, host + 1, n - 2);
		host[n - 2] = '\0';
	}
	return getaddrinfo(host, colon + 1, &hints, out) == 0 ? 0 : -EINVAL;
}

static int bind_listener(struct http_server *h)
{
	const char *text = h->config->http_listen;
	struct addrinfo *a = NULL;
	int one = 1, err = resolve(text, &a);

	if (err) {
		say("http.listen: %s is not ADDRESS:PORT", text);
		return err;
	}
	if (!h->cert && !is_loopback(a->ai_addr)) {
		say("http.listen: %s is no loopback address: set http.tls_cert and http.tls_key, tokens "
		    "must not go over the network in the clear", text);
		freeaddrinfo(a);
		return -EINVAL;
	}
	h->listener = socket(a->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (h->listener < 0 ||
	    setsockopt(h->listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) != 0 ||
	    bind(h->listener, a->ai_addr, a->ai_addrlen) != 0 || listen(h->listener, 128) != 0) {
		err = -errno;
		say("http.listen: %s cannot be listened on: %s", text, strerror(errno));
	}
	freeaddrinfo(a);
	return err;
}

int http_bind(struct http_server **out, const struct config *config)
{
	struct http_server *h;
	int err = 0;

	*out = NULL;
	if (!*config->http_listen)
		return 0;
	h = calloc(1, sizeof(*h));
	if (!h)
		return -ENOMEM;
	h->config = config;
	h->listener = -1;
	if (!*config->http_tokens)
		say("http.listen is set: http.tokens_file must name the file of tokens");
	h->tokens = *config->http_tokens ? tokens_read(config->http_tokens) : NULL;
	if (*config->http_cert) {
		h->cert = read_pem(config->http_cert);
		h->key = read_pem(config->http_key);
	}
	if (!h->tokens || (*config->http_cert && (!h->cert || !h->key)))
		err = -EINVAL;
	if (!err)
		err = bind_listener(h);
	if (err)
		http_free(h);
	else
		*out = h;
	return err;
}

void http_free(struct http_server *h)
{
	if (!h)
		return;
	if (h->daemon)
		MHD_stop_daemon(h->daemon); /* closes the listener */
	else if (h->listener >= 0)
		close(h->listener);
	tokens_free(h->tokens);
	free(h->cert);
	if (h->key)
		explicit_bzero(h->key, strlen(h->key));
	free(h->key);
	free(h);
}

/* ---- a request ---- */

const char *http_argument(const struct http_request *r, const char *name)
{
	return MHD_lookup_connection_value(r->connection, MHD_GET_ARGUMENT_KIND, name);
}

void http_fail(struct http_request *r, unsigned status, const char *format, ...)
{
	char message[500];
	va_list args;

	va_start(args, format);
	vsnprintf(message, sizeof(message), format, args);
	va_end(args);
	r->status = status;
	text_clear(&r->out);
	text_char(&r->out, '{');
	json_key_cstr(&r->out, "title", message);
	text_format(&r->out, ",\"http_status\":\"%u\"}", status);
}

/* Segments of the path against those of the route. path is cut in place; a final "/" is nothing. */
static bool path_matches(const char *pattern, char *path, struct http_request *r)
{
	unsigned stars = 0;

	while (*pattern == '/') {
		size_t n = strcspn(++pattern, "/"), m;

		if (*path != '/')
			return false;
		m = strcspn(++path, "/");
		if (n == 1 && *pattern == '*') {
			if (!m || stars == HTTP_SEGMENTS_MAX)
				return false;
			r->segment[stars++] = path;
		} else if (n != m || memcmp(pattern, path, n) != 0) {
			return false;
		}
		pattern += n;
		path += m;
	}
	if (strcmp(path, "/") == 0)
		path++;
	return *path == '\0';
}

static void cut_segments(struct http_request *r)
{
	for (unsigned i = 0; i < HTTP_SEGMENTS_MAX && r->segment[i]; i++) {
		char *end = (char *)(uintptr_t)r->segment[i] + strcspn(r->segment[i], "/");

		*end = '\0';
	}
}

static const struct route *find_route(const char *method, char *path, struct http_request *r)
{
	const struct route *other = NULL;

	for (size_t i = 0; i < ROUTES; i++) {
		memset(r->segment, 0, sizeof(r->segment));
		if (!path_matches(routes[i].path, path, r))
			continue;
		if (strcmp(routes[i].method, method) == 0)
			return &routes[i];
		other = &routes[i];
	}
	if (other)
		http_fail(r, MHD_HTTP_METHOD_NOT_ALLOWED, "%s is for %s", other->path, other->method);
	else
		http_fail(r, MHD_HTTP_NOT_FOUND, "there is nothing here");
	return NULL;
}

/* Who asks; NULL after 401. */
static const char *who_asks(struct http_server *h, struct http_request *r, enum http_role *role)
{
	const char *value = MHD_lookup_connection_value(r->connection, MHD_HEADER_KIND,
							MHD_HTTP_HEADER_AUTHORIZATION);
	const char *who = NULL;

	if (value && strncasecmp(value, "Bearer ", 7) == 0)
		who = tokens_find(h->tokens, value + 7, role);
	if (!who)
		http_fail(r, MHD_HTTP_UNAUTHORIZED, "show a token: Authorization: Bearer TOKEN");
	return who;
}

static void run(struct http_server *h, struct http_request *r, const char *method, char *path)
{
	enum http_role role = ROLE_ANY;
	const struct route *route;

	r->who = who_asks(h, r, &role);
	if (!r->who)
		return;
	route = find_route(method, path, r);
	if (!route)
		return;
	cut_segments(r);
	if (role != ROLE_ADMIN && route->role != ROLE_ANY && route->role != role) {
		http_fail(r, MHD_HTTP_FORBIDDEN, "this token may not do that");
		return;
	}
	if (!store_enter(h->desk->store)) {
		http_fail(r, MHD_HTTP_SERVICE_UNAVAILABLE, "the store is being opened again");
		return;
	}
	route->run(r);
	store_leave(h->desk->store);
	if (r->out.failed)
		http_fail(r, MHD_HTTP_INTERNAL_SERVER_ERROR, "out of memory");
}

static enum MHD_Result answer(struct http_request *r)
{
	struct MHD_Response *response =
		MHD_create_response_from_buffer(r->out.len, r->out.data, MHD_RESPMEM_MUST_COPY);
	enum MHD_Result done;

	if (!response)
		return MHD_NO;
	MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE,
				r->type ? r->type : "application/json");
	MHD_add_response_header(response, MHD_HTTP_HEADER_CACHE_CONTROL, "no-store");
	MHD_add_response_header(response, "X-Content-Type-Options", "nosniff");
	if (r->status == MHD_HTTP_UNAUTHORIZED)
		MHD_add_response_header(response, MHD_HTTP_HEADER_WWW_AUTHENTICATE, "Bearer");
	if (r->added_first[0])
		MHD_add_response_header(response, "X-TAXII-Date-Added-First", r->added_first);
	if (r->added_last[0])
		MHD_add_response_header(response, "X-TAXII-Date-Added-Last", r->added_last);
	done = MHD_queue_response(r->connection, r->status ? r->status : MHD_HTTP_OK, response);
	MHD_destroy_response(response);
	return done;
}

static enum MHD_Result handle(void *arg, struct MHD_Connection *connection, const char *url,
			      const char *method, const char *version, const char *data, size_t *size,
			      void **state)
{
	struct http_server *h = arg;
	struct exchange *e = *state;
	struct http_request r = {.desk = h->desk, .connection = connection};
	char path[PATH_MAX_BYTES];
	enum MHD_Result done;

	if (!e) {
		*state = calloc(1, sizeof(*e));
		return *state ? MHD_YES : MHD_NO;
	}
	if (*size) {
		if (e->body.len + *size > HTTP_BODY_MAX)
			e->too_big = true;
		else
			text_bytes(&e->body, data, *size);
		*size = 0;
		return MHD_YES;
	}
	r.body = (struct slice){e->body.data, e->body.len};
	if (e->too_big)
		http_fail(&r, MHD_HTTP_CONTENT_TOO_LARGE, "a body has at most %u bytes",
			  HTTP_BODY_MAX);
	else if (strlen(url) >= sizeof(path))
		http_fail(&r, MHD_HTTP_URI_TOO_LONG, "the path is too long");
	else
		run(h, &r, method, memcpy(path, url, strlen(url) + 1));
	done = answer(&r);
	text_free(&r.out);
	return done;
}

static void completed(void *arg, struct MHD_Connection *connection, void **state,
		      enum MHD_RequestTerminationCode why)
{
	struct exchange *e = *state;

	if (e)
		text_free(&e->body);
	free(e);
	*state = NULL;
}

static void log_line(void *arg, const char *format, va_list args)
{
	/* What clients do wrong fills no log of ours. */
}

int http_start(struct http_server *h, struct desk *desk)
{
	unsigned flags = MHD_USE_POLL_INTERNAL_THREAD | MHD_USE_ITC | MHD_USE_ERROR_LOG |
			 (h->cert ? MHD_USE_TLS : 0u);
	struct MHD_OptionItem tls[] = {
		{MHD_OPTION_HTTPS_MEM_CERT, 0, h->cert},
		{MHD_OPTION_HTTPS_MEM_KEY, 0, h->key},
		{MHD_OPTION_END, 0, NULL},
	};

	h->desk = desk;
	h->daemon = MHD_start_daemon(
		flags, 0, NULL, NULL, handle, h, MHD_OPTION_EXTERNAL_LOGGER, log_line, NULL,
		MHD_OPTION_LISTEN_SOCKET, h->listener, MHD_OPTION_NOTIFY_COMPLETED, completed, NULL,
		MHD_OPTION_CONNECTION_LIMIT, (unsigned)CONNECTIONS_MAX,
		MHD_OPTION_PER_IP_CONNECTION_LIMIT, (unsigned)CONNECTIONS_PER_ADDRESS,
		MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)TIMEOUT_S, MHD_OPTION_CONNECTION_MEMORY_LIMIT,
		(size_t)(64u << 10), MHD_OPTION_ARRAY, h->cert ? tls : &tls[2], MHD_OPTION_END);
	if (!h->daemon) {
		say("the HTTP server cannot be started%s",
		    h->cert ? ": is http.tls_key the key of http.tls_cert?" : "");
		return -EINVAL;
	}
	return 0;
}

void http_document(struct text *out)
{
	static const char *const roles[] = {"any", "lookup", "share", "admin"};

	text_str(out, "| method | path | role | what |\n|---|---|---|---|\n");
	for (size_t i = 0; i < ROUTES; i++)
		text_format(out, "| %s | `%s` | %s | %s |\n", routes[i].method, routes[i].path,
			    roles[routes[i].role], routes[i].doc);
}
