/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Lists as text: a value a line (strings in base64, hashes in hex, addresses as usual), for
 * reputation a comma and a number behind it. Lines that are empty or begin with # are skipped.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

#include "dataplane/base/digit.h"
#include "rules/lists/lists.h"

#define BASE64_OUT(n) (((n) + 2) / 3 * 4 + 1)

static bool hex_parse(const char *text, size_t len, size_t bytes, uint8_t *out)
{
	if (len != 2 * bytes)
		return false;
	for (size_t i = 0; i < bytes; i++) {
		int high = hex_digit(text[2 * i]), low = hex_digit(text[2 * i + 1]);

		if (high < 0 || low < 0)
			return false;
		out[i] = (uint8_t)(high << 4 | low);
	}
	return true;
}

static bool base64_parse(const char *text, size_t len, uint8_t *out, uint32_t *out_len)
{
	size_t padding = 0;
	int n;

	while (padding < 2 && padding < len && text[len - 1 - padding] == '=')
		padding++;
	if (len == 0 || len % 4 || len / 4 * 3 > LIST_VALUE_MAX ||
	    strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/") < len - padding)
		return false;
	n = EVP_DecodeBlock(out, (const unsigned char *)text, (int)len);
	*out_len = n < (int)padding ? 0 : (uint32_t)n - (uint32_t)padding;
	return n > (int)padding;
}

static bool address_parse(enum list_type type, const char *text, size_t len, uint8_t *out, uint32_t *out_len)
{
	char word[INET6_ADDRSTRLEN];

	if (len >= sizeof(word))
		return false;
	memcpy(word, text, len);
	word[len] = '\0';
	*out_len = type == LIST_IP && strchr(word, ':') ? 16 : 4;
	return inet_pton(*out_len == 16 ? AF_INET6 : AF_INET, word, out) == 1;
}

/* text is followed by a byte that is no base64 digit (the line's end). */
bool list_value_parse(enum list_type type, const char *text, size_t len, uint8_t *out, uint32_t *out_len)
{
	switch (type) {
	case LIST_STRING:
		return base64_parse(text, len, out, out_len);
	case LIST_MD5:
	case LIST_SHA1:
	case LIST_SHA256:
		*out_len = type == LIST_MD5 ? 16 : type == LIST_SHA1 ? 20 : 32;
		return hex_parse(text, len, *out_len, out);
	case LIST_IPV4:
	case LIST_IP:
		return address_parse(type, text, len, out, out_len);
	default:
		return false;
	}
}

static bool reputation_parse(const char *text, uint16_t *out)
{
	char *end;
	unsigned long n;

	if (*text < '0' || *text > '9')
		return false;
	errno = 0;
	n = strtoul(text, &end, 10);
	*out = (uint16_t)n;
	return !*end && !errno && n <= UINT16_MAX;
}

static const char *line_read(struct list *l, const struct list_source *s, char *line, uint8_t *value)
{
	char *comma;
	uint32_t len;
	uint16_t reputation = 0;

	if (list_type_of(l) != LIST_STRING)
		line[strcspn(line, " \t")] = '\0'; /* hashes may have names of files behind them */
	comma = strchr(line, ',');
	if (s->kind == LIST_REPUTATION && !comma)
		return "has no comma and reputation behind the value";
	if (s->kind == LIST_PLAIN && comma)
		return "has a reputation, which belongs to datarep only";
	if (comma && !reputation_parse(comma + 1, &reputation))
		return "has a reputation that is no number from 0 to 65535";
	if (comma)
		*comma = '\0';
	if (!list_value_parse(list_type_of(l), line, strlen(line), value, &len))
		return "is no value of the list's type";
	switch (list_add(l, value, len, reputation, NULL, 0)) {
	case LIST_FULL:
		return "does not fit into the memcap of the list";
	case LIST_BAD:
		return "is no value of the list's type";
	default:
		return NULL;
	}
}

bool list_read(struct list *l, const struct list_source *s, char *error, size_t error_size)
{
	int copy = dup(s->fd);
	FILE *f = copy >= 0 ? fdopen(copy, "r") : NULL;
	uint8_t *value = malloc(LIST_VALUE_MAX + 4);
	char *line = NULL;
	size_t space = 0, number = 0;
	const char *problem = NULL;
	ssize_t n;

	if (!f || !value) {
		snprintf(error, error_size, "list %s cannot be read: %s", s->path, strerror(errno));
		goto out;
	}
	while (!problem && (n = getline(&line, &space, f)) >= 0) {
		number++;
		while (n > 0 && (line[n - 1] == '\n' || line[n - 1] == '\r' || line[n - 1] == ' '))
			line[--n] = '\0';
		if (n && *line != '#')
			problem = line_read(l, s, line, value);
	}
	if (problem)
		snprintf(error, error_size, "line %zu of list %s %s", number, s->path, problem);
out:
	if (f)
		fclose(f);
	else if (copy >= 0)
		close(copy);
	free(line);
	free(value);
	return f && !problem;
}

/* ---- writing ---- */

struct writing {
	enum list_type type;
	FILE *f;
	char *text; /* room for the longest value */
};

static void address_print(FILE *f, const struct list_entry *e)
{
	static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};
	const uint8_t *b = e->bytes;

	if (e->len == 16 && memcmp(b, mapped, sizeof(mapped)) == 0)
		b += 12;
	else if (e->len == 16) {
		for (unsigned i = 0; i < 16; i += 2)
			fprintf(f, "%s%02x%02x", i ? ":" : "", b[i], b[i + 1]);
		return;
	}
	fprintf(f, "%u.%u.%u.%u", b[0], b[1], b[2], b[3]);
}

static void entry_print(const struct list_entry *e, void *with)
{
	struct writing *w = with;

	switch (w->type) {
	case LIST_STRING:
		EVP_EncodeBlock((unsigned char *)w->text, e->bytes, (int)e->len);
		fputs(w->text, w->f);
		break;
	case LIST_IPV4:
	case LIST_IP:
		address_print(w->f, e);
		break;
	default:
		for (uint32_t i = 0; i < e->len; i++)
			fprintf(w->f, "%02x", e->bytes[i]);
	}
	if (e->reputation)
		fprintf(w->f, ",%u", e->reputation);
	fputc('\n', w->f);
}

int list_write(const struct list *l, int fd)
{
	int copy = dup(fd), err = 0;
	struct writing w = {list_type_of(l), copy >= 0 ? fdopen(copy, "w") : NULL,
			    malloc(BASE64_OUT(LIST_VALUE_MAX))};

	if (!w.f || !w.text) {
		err = errno ? -errno : -ENOMEM;
		if (!w.f && copy >= 0)
			close(copy);
	} else {
		list_each(l, entry_print, &w);
		if (fflush(w.f) || ferror(w.f) || fsync(fd))
			err = errno ? -errno : -EIO;
	}
	if (w.f && fclose(w.f) && !err)
		err = -errno;
	free(w.text);
	return err;
}
