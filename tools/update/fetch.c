/* SPDX-License-Identifier: BSD-3-Clause */
#include "tools/update/fetch.h"

#include <ctype.h>
#include <curl/curl.h>
#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tools/update/versions.h"

#define REDIRECTS_MAX 5
#define CONNECT_S 15
#define CHECKSUM_BYTES_MAX 4096
#define PATH_BYTES 4096
#define LINE_BYTES 1024

/* What the server said of what is kept. */
struct tag {
	char url[LINE_BYTES], etag[LINE_BYTES], modified[LINE_BYTES];
};

struct transfer {
	uint8_t *data;
	size_t size, room;
	uint64_t max;
	bool too_big;
	struct tag tag;
};

bool fetch_name_good(const char *name)
{
	if (!*name || strlen(name) > 64)
		return false;
	for (; *name; name++)
		if (!isalnum((unsigned char)*name) && *name != '-' && *name != '_')
			return false;
	return true;
}

int fetch_file(const char *path, uint64_t max, uint8_t **data, size_t *size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC), err = 0;
	struct stat st;

	*data = NULL;
	*size = 0;
	if (fd < 0)
		return -errno;
	if (fstat(fd, &st) != 0)
		err = -errno;
	else if (!S_ISREG(st.st_mode))
		err = -EINVAL;
	else if ((uint64_t)st.st_size > max)
		err = -EFBIG;
	if (!err && !(*data = malloc((size_t)st.st_size + 1)))
		err = -ENOMEM;
	while (!err && *size < (size_t)st.st_size) {
		ssize_t n = read(fd, *data + *size, (size_t)st.st_size - *size);

		if (n <= 0)
			err = n < 0 ? -errno : -EIO;
		else
			*size += (size_t)n;
	}
	close(fd);
	if (err) {
		free(*data);
		*data = NULL;
	}
	return err;
}

/* ---- over HTTP ---- */

static size_t take_body(char *data, size_t size, size_t n, void *arg)
{
	struct transfer *t = arg;

	n *= size;
	if (t->size + n > t->max) {
		t->too_big = true;
		return 0;
	}
	if (t->size + n > t->room) {
		size_t room = (t->size + n) * 2;
		uint8_t *more = realloc(t->data, room);

		if (!more)
			return 0;
		t->data = more;
		t->room = room;
	}
	memcpy(t->data + t->size, data, n);
	t->size += n;
	return n;
}

static void keep_header(char *to, const char *line, size_t n, const char *name)
{
	size_t len = strlen(name);

	if (n <= len || strncasecmp(line, name, len) != 0)
		return;
	line += len;
	n -= len;
	while (n && isspace((unsigned char)*line)) {
		line++;
		n--;
	}
	while (n && isspace((unsigned char)line[n - 1]))
		n--;
	snprintf(to, LINE_BYTES, "%.*s", n < LINE_BYTES ? (int)n : 0, line);
}

static size_t take_header(char *line, size_t size, size_t n, void *arg)
{
	struct tag *tag = &((struct transfer *)arg)->tag;

	n *= size;
	/* The answer after a redirect counts, not the redirect. */
	if (n > 5 && strncmp(line, "HTTP/", 5) == 0)
		tag->etag[0] = tag->modified[0] = '\0';
	keep_header(tag->etag, line, n, "ETag:");
	keep_header(tag->modified, line, n, "Last-Modified:");
	return n;
}

static struct curl_slist *condition(struct curl_slist *list, const char *name, const char *value)
{
	char line[LINE_BYTES + 32];

	if (!*value)
		return list;
	snprintf(line, sizeof(line), "%s%s", name, value);
	return curl_slist_append(list, line);
}

/* status: of the answer. 0; or -errno and a sentence. tag: what is kept, or NULL. */
static int get(const struct fetch_source *s, const char *url, const struct tag *kept, uint64_t max,
	       struct transfer *t, long *status, char *error, size_t error_size)
{
	CURL *c = curl_easy_init();
	char why[CURL_ERROR_SIZE] = "";
	struct curl_slist *headers = NULL;
	CURLcode code;

	*t = (struct transfer){.max = max};
	*status = 0;
	if (!c)
		return -ENOMEM;
	if (kept && strcmp(kept->url, url) == 0) {
		headers = condition(headers, "If-None-Match: ", kept->etag);
		headers = condition(headers, "If-Modified-Since: ", kept->modified);
	}
	curl_easy_setopt(c, CURLOPT_URL, url);
	curl_easy_setopt(c, CURLOPT_ERRORBUFFER, why);
	curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR, "http,https");
	curl_easy_setopt(c, CURLOPT_REDIR_PROTOCOLS_STR, "http,https");
	curl_easy_setopt(c, CURLOPT_FOLLOWLOCATION, 1L);
	curl_easy_setopt(c, CURLOPT_MAXREDIRS, (long)REDIRECTS_MAX);
	curl_easy_setopt(c, CURLOPT_CONNECTTIMEOUT, (long)CONNECT_S);
	curl_easy_setopt(c, CURLOPT_TIMEOUT, (long)s->timeout_s);
	curl_easy_setopt(c, CURLOPT_USERAGENT, "metsuke/" METSUKE_VERSION);
	curl_easy_setopt(c, CURLOPT_HTTPHEADER, headers);
	curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, take_body);
	curl_easy_setopt(c, CURLOPT_WRITEDATA, t);
	curl_easy_setopt(c, CURLOPT_HEADERFUNCTION, take_header);
	curl_easy_setopt(c, CURLOPT_HEADERDATA, t);
	if (s->ca_file)
		curl_easy_setopt(c, CURLOPT_CAINFO, s->ca_file);
	code = curl_easy_perform(c);
	curl_easy_getinfo(c, CURLINFO_RESPONSE_CODE, status);
	curl_slist_free_all(headers);
	curl_easy_cleanup(c);
	if (code == CURLE_OK && (*status == 200 || *status == 304))
		return 0;
	if (t->too_big)
		snprintf(error, error_size, "%s is larger than %llu bytes (max_bytes)", url,
			 (unsigned long long)max);
	else if (code != CURLE_OK)
		snprintf(error, error_size, "%s: %s", url, *why ? why : curl_easy_strerror(code));
	else
		snprintf(error, error_size, "%s: the server answered %ld", url, *status);
	free(t->data);
	t->data = NULL;
	return t->too_big ? -EFBIG : -EIO;
}

/* ---- checksums ---- */

bool fetch_checksum_holds(const char *kind, const char *text, size_t text_size, const uint8_t *data,
			  size_t size)
{
	const EVP_MD *md = strcmp(kind, "md5") == 0 ? EVP_md5() : EVP_sha256();
	unsigned char digest[EVP_MAX_MD_SIZE];
	char hex[2 * EVP_MAX_MD_SIZE + 1] = "";
	unsigned n = 0;

	while (text_size && isspace((unsigned char)*text)) {
		text++;
		text_size--;
	}
	if (!EVP_Digest(data, size, digest, &n, md, NULL))
		return false;
	for (unsigned i = 0; i < n; i++)
		snprintf(hex + 2 * (size_t)i, 3, "%02x", digest[i]);
	return text_size >= 2 * (size_t)n && strncasecmp(text, hex, 2 * (size_t)n) == 0 &&
	       (text_size == 2 * (size_t)n || isspace((unsigned char)text[2 * n]));
}

static int checksum_check(const struct fetch_source *s, const uint8_t *data, size_t size, char *error,
			  size_t error_size)
{
	char at[PATH_BYTES];
	struct transfer t = {0};
	long status;
	int err;

	if (!s->checksum)
		return 0;
	snprintf(at, sizeof(at), "%s.%s", s->url ? s->url : s->path, s->checksum);
	if (s->url)
		err = get(s, at, NULL, CHECKSUM_BYTES_MAX, &t, &status, error, error_size);
	else
		err = fetch_file(at, CHECKSUM_BYTES_MAX, &t.data, &t.size);
	if (err && !s->url)
		snprintf(error, error_size, "%s: %s", at, strerror(-err));
	if (!err && (!t.data || !fetch_checksum_holds(s->checksum, (const char *)t.data, t.size, data, size))) {
		snprintf(error, error_size, "what was fetched does not have the checksum in %s", at);
		err = -EBADMSG;
	}
	free(t.data);
	return err;
}

/* ---- what is kept ---- */

static void line_read(FILE *f, char *to)
{
	if (!fgets(to, LINE_BYTES, f))
		to[0] = '\0';
	to[strcspn(to, "\n")] = '\0';
}

static bool tag_read(const char *path, struct tag *tag)
{
	FILE *f = fopen(path, "re");

	memset(tag, 0, sizeof(*tag));
	if (!f)
		return false;
	line_read(f, tag->url);
	line_read(f, tag->etag);
	line_read(f, tag->modified);
	fclose(f);
	return true;
}

static int kept_write(const char *body, const char *head, const struct transfer *t, const char *url)
{
	char text[3 * LINE_BYTES + 8];
	int err;

	/* The body first: a head without its body would keep what is old. */
	unlink(head);
	err = versions_write_file(body, t->data, t->size);
	snprintf(text, sizeof(text), "%.1000s\n%s\n%s\n", url, t->tag.etag, t->tag.modified);
	return err ? err : versions_write_file(head, text, strlen(text));
}

static int fetch_url(const struct fetch_source *s, const char *keep, struct fetched *out, char *error,
		     size_t error_size)
{
	char body[PATH_BYTES], head[PATH_BYTES];
	struct transfer t = {0};
	struct tag tag;
	bool have;
	long status;
	int err;

	snprintf(body, sizeof(body), "%s/%s.body", keep, s->name);
	snprintf(head, sizeof(head), "%s/%s.head", keep, s->name);
	have = tag_read(head, &tag) && access(body, R_OK) == 0;
	err = get(s, s->url, have ? &tag : NULL, s->max_bytes, &t, &status, error, error_size);
	if (!err && status == 200)
		err = checksum_check(s, t.data, t.size, error, error_size);
	if (!err && status == 200) {
		err = t.data ? kept_write(body, head, &t, s->url) : -EIO;
		if (err)
			snprintf(error, error_size, "%s: %s", t.data ? body : s->url,
				 t.data ? strerror(-err) : "the answer is empty");
		out->data = t.data;
		out->size = t.size;
		return err;
	}
	free(t.data);
	/* Not changed, or out of reach: what was good before is good still. */
	if (!have || strcmp(tag.url, s->url) != 0 || fetch_file(body, s->max_bytes, &out->data, &out->size) != 0)
		return err ? err : -EIO;
	out->unchanged = !err;
	out->kept = err;
	return 0;
}

int fetch(const struct fetch_source *s, const char *keep, struct fetched *out, char *error,
	  size_t error_size)
{
	int err;

	*out = (struct fetched){0};
	if (s->url)
		err = fetch_url(s, keep, out, error, error_size);
	else {
		err = fetch_file(s->path, s->max_bytes, &out->data, &out->size);
		if (err)
			snprintf(error, error_size, "%s: %s", s->path, strerror(-err));
		else
			err = checksum_check(s, out->data, out->size, error, error_size);
	}
	if (err) {
		free(out->data);
		*out = (struct fetched){0};
	}
	return err;
}
