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
#define BODIES_MAX (32u << 20) /* of all connections together */
#define RETRY_S "5"

struct http_server {
	const struct config *config;
	struct desk *desk;
	struct http_tokens *tokens;
	int listener;
	char *cert, *key; /* PEM; NULL: plain HTTP */
	struct MHD_Daemon *daemon;
	size_t held; /* bytes of bodies that are granted; HTTP thread */
};

static const struct route {
	const char *method, *path;
	enum http_role role;
	size_t body_max;
	const char *doc;
	void (*run)(struct http_request *r);
} routes[] = {
#define ROUTE(handler, method, path, role, body, doc)                                              \
	{#method, path, ROLE_##role, body, doc, http_##handler},
#include "control/http/routes.def"
#undef ROUTE
};

#define ROUTES (sizeof(routes) / sizeof(routes[0]))

/* What libmicrohttpd keeps for us between its calls. */
struct exchange {
	const struct route *route;
	const char *who;
	char path[PATH_MAX_BYTES];              /* cut into segments */
	const char *segment[HTTP_SEGMENTS_MAX]; /* in path */
	struct text body;
	size_t held;      /* of the server's bodies */
	unsigned refused; /* while the body came; what follows is thrown away */
};

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

/* The address of http.listen, of freeaddrinfo. 0 or -errno, after a sentence. */
static int listen_address(const struct http_server *h, struct addrinfo **out)
{
	const char *text = h->config->http_listen;
	int err = resolve(text, out);

	if (err) {
		say("http.listen: %s is not ADDRESS:PORT", text);
		return err;
	}
	if (h->cert || is_loopback((*out)->ai_addr))
		return 0;
	say("http.listen: %s is no loopback address: set http.tls_cert and http.tls_key, tokens "
	    "must not go over the network in the clear", text);
	freeaddrinfo(*out);
	return -EINVAL;
}

static int bind_listener(struct http_server *h)
{
	struct addrinfo *a = NULL;
	int one = 1, err = listen_address(h, &a);

	if (err)
		return err;
	h->listener = socket(a->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (h->listener < 0 ||
	    setsockopt(h->listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) != 0 ||
	    bind(h->listener, a->ai_addr, a->ai_addrlen) != 0 || listen(h->listener, 128) != 0) {
		err = -errno;
		say("http.listen: %s cannot be listened on: %s", h->config->http_listen, strerror(errno));
	}
	freeaddrinfo(a);
	return err;
}

static int server_new(struct http_server **out, const struct config *config)
{
	struct http_server *h = calloc(1, sizeof(*h));

	*out = NULL;
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
	if (!h->tokens || (*config->http_cert && (!h->cert || !h->key))) {
		http_free(h);
		return -EINVAL;
	}
	*out = h;
	return 0;
}

int http_check(const struct config *config)
{
	struct addrinfo *a = NULL;
	struct http_server *h;
	int err = *config->http_listen ? server_new(&h, config) : 0;

	if (err || !*config->http_listen)
		return err;
	err = listen_address(h, &a);
	if (!err)
		freeaddrinfo(a);
	http_free(h);
	return err;
}

int http_bind(struct http_server **out, const struct config *config)
{
	int err;

	*out = NULL;
	if (!*config->http_listen)
		return 0;
	err = server_new(out, config);
	if (!err)
		err = bind_listener(*out);
	if (err) {
		http_free(*out);
		*out = NULL;
	}
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
	const char *value = NULL;
	size_t bytes = 0;

	/* One without "=" has no value, but is there. */
	if (MHD_lookup_connection_value_n(r->connection, MHD_GET_ARGUMENT_KIND, name, strlen(name),
					  &value, &bytes) == MHD_NO)
		return NULL;
	return value ? value : "";
}

static const char *header(const struct http_request *r, const char *name)
{
	return MHD_lookup_connection_value(r->connection, MHD_HEADER_KIND, name);
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
	r->allow = other ? other->method : NULL;
	return NULL;
}

/* Who asks; NULL after 401. */
static const char *who_asks(struct http_server *h, struct http_request *r, enum http_role *role)
{
	const char *value = header(r, MHD_HTTP_HEADER_AUTHORIZATION), *who = NULL;

	if (value && strncasecmp(value, "Bearer ", 7) == 0)
		who = tokens_find(h->tokens, value + 7, role);
	if (!who)
		http_fail(r, MHD_HTTP_UNAUTHORIZED, "show a token: Authorization: Bearer TOKEN");
	return who;
}

/* Grants so many more bytes of a body, which then has total; false after 413 or 503. */
static bool grant(struct http_server *h, struct exchange *e, struct http_request *r, size_t more,
		  uint64_t total)
{
	size_t most = e->route->body_max;

	if (total > most && !most)
		http_fail(r, MHD_HTTP_CONTENT_TOO_LARGE, "%s takes no body here", e->route->method);
	else if (total > most)
		http_fail(r, MHD_HTTP_CONTENT_TOO_LARGE, "a body has at most %zu bytes here", most);
	else if (more > BODIES_MAX - h->held)
		http_fail(r, MHD_HTTP_SERVICE_UNAVAILABLE,
			  "too much is being sent at the moment; come again in " RETRY_S " seconds");
	else {
		h->held += more;
		e->held += more;
		return true;
	}
	return false;
}

static void let_go(struct http_server *h, struct exchange *e)
{
	text_free(&e->body);
	h->held -= e->held;
	e->held = 0;
}

/* What the head alone decides, before a byte of the body is kept; false after an answer. */
static bool admit(struct http_server *h, struct exchange *e, struct http_request *r,
		  const char *method, const char *url)
{
	const char *length = header(r, MHD_HTTP_HEADER_CONTENT_LENGTH);
	enum http_role role = ROLE_ANY;
	uint64_t bytes = length ? strtoull(length, NULL, 10) : 0;

	e->who = who_asks(h, r, &role);
	if (!e->who)
		return false;
	if (strlen(url) >= sizeof(e->path)) {
		http_fail(r, MHD_HTTP_URI_TOO_LONG, "the path is too long");
		return false;
	}
	memcpy(e->path, url, strlen(url) + 1);
	e->route = find_route(method, e->path, r);
	if (!e->route)
		return false;
	cut_segments(r);
	memcpy(e->segment, r->segment, sizeof(e->segment));
	if (role != ROLE_ADMIN && e->route->role != ROLE_ANY && e->route->role != role) {
		http_fail(r, MHD_HTTP_FORBIDDEN, "this token may not do that");
		return false;
	}
	if (r->type && !taxii_media(r, header(r, MHD_HTTP_HEADER_ACCEPT),
				    header(r, MHD_HTTP_HEADER_CONTENT_TYPE), e->route->body_max))
		return false;
	return grant(h, e, r, bytes <= e->route->body_max ? (size_t)bytes : 0, bytes);
}

/* The next part of the body. */
static void keep_body(struct http_server *h, struct exchange *e, const char *data, size_t size)
{
	struct http_request r = {0};
	size_t len = e->body.len + size, more = len > e->held ? len - e->held : 0;

	if (e->refused)
		return;
	if (grant(h, e, &r, more, len)) {
		text_bytes(&e->body, data, size);
	} else {
		e->refused = r.status;
		let_go(h, e);
	}
	text_free(&r.out);
}

static void run(struct http_server *h, struct exchange *e, struct http_request *r)
{
	r->who = e->who;
	memcpy(r->segment, e->segment, sizeof(r->segment));
	r->body = (struct slice){e->body.data, e->body.len};
	if (e->refused) {
		/* The same refusal again, with its sentence. */
		grant(h, e, r, BODIES_MAX + 1, e->refused == MHD_HTTP_CONTENT_TOO_LARGE ? SIZE_MAX : 0);
		return;
	}
	if (!store_enter(h->desk->store)) {
		http_fail(r, MHD_HTTP_SERVICE_UNAVAILABLE, "the store is being opened again");
		return;
	}
	e->route->run(r);
	store_leave(h->desk->store);
	if (r->out.failed || e->body.failed)
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
	if (r->status == MHD_HTTP_SERVICE_UNAVAILABLE)
		MHD_add_response_header(response, MHD_HTTP_HEADER_RETRY_AFTER, RETRY_S);
	if (r->allow)
		MHD_add_response_header(response, MHD_HTTP_HEADER_ALLOW, r->allow);
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
	enum MHD_Result done;

	if (e && *size) {
		keep_body(h, e, data, *size);
		*size = 0;
		return MHD_YES;
	}
	if (strncmp(url, "/taxii2", 7) == 0)
		r.type = TAXII_MEDIA;
	if (e) {
		run(h, e, &r);
	} else {
		*state = e = calloc(1, sizeof(*e));
		if (!e)
			return MHD_NO;
		/* An answer before the body was read ends the connection. */
		if (admit(h, e, &r, method, url)) {
			text_free(&r.out);
			return MHD_YES;
		}
	}
	done = answer(&r);
	text_free(&r.out);
	return done;
}

static void completed(void *arg, struct MHD_Connection *connection, void **state,
		      enum MHD_RequestTerminationCode why)
{
	struct http_server *h = arg;
	struct exchange *e = *state;

	if (e)
		let_go(h, e);
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
		MHD_OPTION_LISTEN_SOCKET, h->listener, MHD_OPTION_NOTIFY_COMPLETED, completed, h,
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
