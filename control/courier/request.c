/* SPDX-License-Identifier: BSD-3-Clause
 *
 * HTTP and SMTP by libcurl, with what a stranger may make us do bounded: protocols, redirects,
 * bytes (after decompression), time.
 */
#include "control/courier/request.h"

#include <curl/curl.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "control/courier/secrets.h"

#define REDIRECTS_MAX 5
#define CONNECT_S 15
#define SLOW_BYTES 100 /* a second, for so long: */
#define SLOW_S 60

struct transfer {
	struct courier_answer *a;
	uint64_t max_bytes;
	bool too_big;
	int body;
};

static size_t take_body(char *data, size_t size, size_t n, void *arg)
{
	struct transfer *t = arg;

	n *= size;
	if (t->a->bytes + n > t->max_bytes) {
		t->too_big = true;
		return 0;
	}
	for (size_t done = 0; done < n;) {
		ssize_t w = write(t->a->body_fd, data + done, n - done);

		if (w < 0)
			return 0;
		done += (size_t)w;
	}
	t->a->bytes += n;
	return n;
}

/* "Name: value" without its line end, if it is that header and fits. */
static void keep(char *to, size_t room, const char *line, size_t n, const char *name)
{
	size_t len = strlen(name);

	if (n < len || strncasecmp(line, name, len) != 0)
		return;
	line += len;
	n -= len;
	while (n && (*line == ' ' || *line == '\t')) {
		line++;
		n--;
	}
	while (n && (line[n - 1] == '\r' || line[n - 1] == '\n' || line[n - 1] == ' '))
		n--;
	if (n < room) {
		memcpy(to, line, n);
		to[n] = '\0';
	}
}

static size_t take_header(char *line, size_t size, size_t n, void *arg)
{
	struct courier_answer *a = ((struct transfer *)arg)->a;

	n *= size;
	/* The answer after a redirect counts, not the redirect. */
	if (n > 5 && strncmp(line, "HTTP/", 5) == 0)
		a->etag[0] = a->modified[0] = a->content_type[0] = a->next[0] = '\0';
	keep(a->etag, sizeof(a->etag), line, n, "ETag:");
	keep(a->modified, sizeof(a->modified), line, n, "Last-Modified:");
	keep(a->content_type, sizeof(a->content_type), line, n, "Content-Type:");
	keep(a->next, sizeof(a->next), line, n, "X-TAXII-Date-Added-Last:");
	return n;
}

static size_t give_body(char *data, size_t size, size_t n, void *arg)
{
	struct transfer *t = arg;
	ssize_t got = t->body < 0 ? 0 : read(t->body, data, size * n);

	return got < 0 ? CURL_READFUNC_ABORT : (size_t)got;
}

static struct curl_slist *add_header(struct curl_slist *list, const char *name, const char *value)
{
	char line[1024];

	if (!value || !*value || strpbrk(value, "\r\n"))
		return list;
	snprintf(line, sizeof(line), "%s%s", name, value);
	return curl_slist_append(list, line);
}

static struct curl_slist *headers_of(const struct courier_request *r)
{
	struct curl_slist *list = NULL;

	for (const char *const *h = r->headers; h && *h; h++)
		list = curl_slist_append(list, *h);
	list = add_header(list, "If-None-Match: ", r->etag);
	list = add_header(list, "If-Modified-Since: ", r->modified);
	/* No wait for "100 Continue". */
	return curl_slist_append(list, "Expect:");
}

static void set_common(CURL *c, const struct courier_order *o, struct transfer *t, char *error)
{
	const struct courier_request *r = &o->r;
	bool mail = r->kind == COURIER_MAIL;

	curl_easy_setopt(c, CURLOPT_URL, r->url);
	curl_easy_setopt(c, CURLOPT_ERRORBUFFER, error);
	curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR, mail ? "smtp,smtps" : "http,https");
	/* What was asked for in secret is not sent on in the clear. */
	curl_easy_setopt(c, CURLOPT_REDIR_PROTOCOLS_STR,
			 strncasecmp(r->url, "http:", 5) == 0 ? "http,https" : "https");
	curl_easy_setopt(c, CURLOPT_UNRESTRICTED_AUTH, 0L);
	curl_easy_setopt(c, CURLOPT_MAXREDIRS, (long)REDIRECTS_MAX);
	curl_easy_setopt(c, CURLOPT_CONNECTTIMEOUT, (long)CONNECT_S);
	curl_easy_setopt(c, CURLOPT_TIMEOUT, (long)(r->timeout_s ? r->timeout_s : 60));
	curl_easy_setopt(c, CURLOPT_LOW_SPEED_LIMIT, (long)SLOW_BYTES);
	curl_easy_setopt(c, CURLOPT_LOW_SPEED_TIME, (long)SLOW_S);
	curl_easy_setopt(c, CURLOPT_SSL_VERIFYPEER, 1L);
	curl_easy_setopt(c, CURLOPT_SSL_VERIFYHOST, 2L);
	curl_easy_setopt(c, CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
	curl_easy_setopt(c, CURLOPT_PROXY, "");
	if (o->ca)
		curl_easy_setopt(c, CURLOPT_CAINFO, o->ca);
	curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, take_body);
	curl_easy_setopt(c, CURLOPT_WRITEDATA, t);
	if (r->user)
		curl_easy_setopt(c, CURLOPT_USERNAME, r->user);
	if (r->secret)
		curl_easy_setopt(c, CURLOPT_PASSWORD, secret_of(r->secret));
}

static void set_http(CURL *c, const struct courier_order *o, struct transfer *t,
		     struct curl_slist *headers, curl_off_t body_bytes)
{
	const struct courier_request *r = &o->r;

	curl_easy_setopt(c, CURLOPT_HTTPHEADER, headers);
	curl_easy_setopt(c, CURLOPT_USERAGENT, "metsuke/" METSUKE_VERSION);
	curl_easy_setopt(c, CURLOPT_ACCEPT_ENCODING, "");
	curl_easy_setopt(c, CURLOPT_FOLLOWLOCATION, r->kind == COURIER_FETCH ? 1L : 0L);
	curl_easy_setopt(c, CURLOPT_HEADERFUNCTION, take_header);
	curl_easy_setopt(c, CURLOPT_HEADERDATA, t);
	if (r->token) {
		/* Not sent on to another host by a redirect. */
		curl_easy_setopt(c, CURLOPT_HTTPAUTH, (long)CURLAUTH_BEARER);
		curl_easy_setopt(c, CURLOPT_XOAUTH2_BEARER, secret_of(r->token));
	}
	if (r->kind == COURIER_POST) {
		curl_easy_setopt(c, CURLOPT_POST, 1L);
		curl_easy_setopt(c, CURLOPT_POSTFIELDSIZE_LARGE, body_bytes);
		curl_easy_setopt(c, CURLOPT_READFUNCTION, give_body);
		curl_easy_setopt(c, CURLOPT_READDATA, t);
	}
}

static struct curl_slist *set_mail(CURL *c, const struct courier_order *o, struct transfer *t,
				   curl_off_t body_bytes)
{
	struct curl_slist *to = NULL;

	for (const char *const *one = o->r.to; *one; one++)
		to = curl_slist_append(to, *one);
	curl_easy_setopt(c, CURLOPT_MAIL_FROM, o->r.from ? o->r.from : "");
	curl_easy_setopt(c, CURLOPT_MAIL_RCPT, to);
	/* A password is not sent in the clear. */
	curl_easy_setopt(c, CURLOPT_USE_SSL, o->r.secret ? (long)CURLUSESSL_ALL : (long)CURLUSESSL_TRY);
	curl_easy_setopt(c, CURLOPT_UPLOAD, 1L);
	curl_easy_setopt(c, CURLOPT_INFILESIZE_LARGE, body_bytes);
	curl_easy_setopt(c, CURLOPT_READFUNCTION, give_body);
	curl_easy_setopt(c, CURLOPT_READDATA, t);
	return to;
}

static int errno_of(CURLcode code)
{
	switch (code) {
	case CURLE_OK:
		return 0;
	case CURLE_OPERATION_TIMEDOUT:
		return -ETIMEDOUT;
	case CURLE_COULDNT_RESOLVE_HOST:
	case CURLE_COULDNT_CONNECT:
		return -ECONNREFUSED;
	case CURLE_PEER_FAILED_VERIFICATION:
	case CURLE_SSL_CACERT_BADFILE:
	case CURLE_LOGIN_DENIED:
		return -EACCES;
	case CURLE_UNSUPPORTED_PROTOCOL:
		return -EPROTONOSUPPORT;
	default:
		return -EIO;
	}
}

/* What is handed over can no longer be changed: who reads it has it mapped. Of a failure nothing. */
static void seal_body(struct courier_answer *a)
{
	if (a->status == 0 && fcntl(a->body_fd, F_ADD_SEALS,
				    F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE) == 0)
		return;
	if (a->status == 0) {
		a->status = -errno;
		snprintf(a->error, sizeof(a->error), "the answer cannot be sealed: %s",
			 strerror(errno));
	}
	close(a->body_fd);
	a->body_fd = -1;
	a->bytes = 0;
}

static void finish(CURL *c, CURLcode code, const struct transfer *t, const char *error)
{
	struct courier_answer *a = t->a;
	long http = 0;

	curl_easy_getinfo(c, CURLINFO_RESPONSE_CODE, &http);
	a->http = http > 0 && http < 1000 ? (unsigned)http : 0;
	a->status = errno_of(code);
	if (t->too_big) {
		a->status = -EFBIG;
		snprintf(a->error, sizeof(a->error), "the answer is longer than %llu bytes",
			 (unsigned long long)t->max_bytes);
	} else if (code != CURLE_OK) {
		snprintf(a->error, sizeof(a->error), "%s", *error ? error : curl_easy_strerror(code));
	} else if (a->http >= 400) {
		snprintf(a->error, sizeof(a->error), "the server answered with status %u", a->http);
	}
}

void request_carry_out(const struct courier_order *o, int body, struct courier_answer *a)
{
	struct transfer t = {.a = a, .max_bytes = o->r.max_bytes, .body = body};
	char error[CURL_ERROR_SIZE] = "";
	struct curl_slist *list;
	struct stat st = {0};
	CURL *c;

	if (body >= 0 && (fstat(body, &st) != 0 || lseek(body, 0, SEEK_SET) < 0))
		st.st_size = 0;
	if (o->r.kind == COURIER_SYSLOG) {
		syslog_send(o->r.url, body, o->r.timeout_s, a);
		return;
	}
	c = curl_easy_init();
	a->body_fd = memfd_create("metsuke-answer", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (!c || a->body_fd < 0) {
		a->status = -ENOMEM;
		curl_easy_cleanup(c);
		return;
	}
	if ((o->r.token && !secret_of(o->r.token)) || (o->r.secret && !secret_of(o->r.secret))) {
		a->status = -EACCES;
		snprintf(a->error, sizeof(a->error), "the file with its token or password cannot be "
						     "read");
		seal_body(a);
		curl_easy_cleanup(c);
		return;
	}
	set_common(c, o, &t, error);
	if (o->r.kind == COURIER_MAIL) {
		list = set_mail(c, o, &t, st.st_size);
	} else {
		list = headers_of(&o->r);
		set_http(c, o, &t, list, st.st_size);
	}
	finish(c, curl_easy_perform(c), &t, error);
	seal_body(a);
	curl_easy_cleanup(c);
	curl_slist_free_all(list);
}
