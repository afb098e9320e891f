/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What others say of a part: YARA rules, intelligence, ClamAV.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "control/analysis/analyser.h"
#include "control/yara/scanner.h"
#include "dataplane/event/indicator.h"

#define CLAMD_CHUNK (256u << 10)
#define CLAMD_WAIT_MS 20000
#define CLAMD_ANSWER_MAX 512

/* ---- YARA ---- */

struct yara_call {
	struct analysis *a;
	struct part *p;
};

static void on_match(void *arg, const struct yara_match *m)
{
	struct yara_call *c = arg;

	part_reason_weighed(c->a, c->p, REASON_yara, m->weight >= 0 ? (uint8_t)m->weight : reason_rows[REASON_yara].weight,
			    "%.100s%s%.200s", m->rule, *m->description ? ": " : "", m->description);
	part_fact(c->a, c->p, "yara", "%.100s", m->rule);
}

/* ---- intelligence ---- */

static void look_up(struct analysis *a, struct part *p, unsigned kind, const uint8_t *digest, size_t len)
{
	struct indicator_hit hit;
	const char *threat, *source;

	if (!indicator_find(a->tools.intel, kind, digest, len, 0, &hit))
		return;
	threat = indicator_text(a->tools.intel, hit.cls->threat);
	source = indicator_text(a->tools.intel, hit.cls->source);
	part_reason_weighed(a, p, REASON_known_bad, (uint8_t)(hit.cls->score / 10), "%s%s%s", source, *threat ? ": " : "", threat);
}

void lookup_part(struct analysis *a, struct part *p)
{
	struct yara_call call = {a, p};

	if (a->tools.intel && p->size) {
		look_up(a, p, CONTACT_FILE_MD5, p->md5, sizeof(p->md5));
		look_up(a, p, CONTACT_FILE_SHA1, p->sha1, sizeof(p->sha1));
		look_up(a, p, CONTACT_FILE_SHA256, p->sha256, sizeof(p->sha256));
	}
	if (a->tools.yara && p->size && yara_scan(a->tools.yara, p->name, p->data.data, p->data.len, a->limits.seconds, on_match, &call) != 0) {
		a->incomplete = true;
		part_fact(a, p, "yara", "not scanned to the end");
	}
}

/* ---- ClamAV ---- */

static bool send_all(int fd, const void *data, size_t len)
{
	const char *at = data;

	while (len) {
		ssize_t n = write(fd, at, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return false;
		at += n;
		len -= (size_t)n;
	}
	return true;
}

static bool send_file(int fd, struct bytes b)
{
	static const char begin[] = "zINSTREAM";
	uint32_t end = 0;

	if (!send_all(fd, begin, sizeof(begin)))
		return false;
	for (uint32_t at = 0; at < b.len; ) {
		uint32_t n = b.len - at < CLAMD_CHUNK ? b.len - at : CLAMD_CHUNK, be = htonl(n);

		if (!send_all(fd, &be, sizeof(be)) || !send_all(fd, b.data + at, n))
			return false;
		at += n;
	}
	return send_all(fd, &end, sizeof(end));
}

/* One line, ended by a zero: "stream: NAME FOUND", "stream: OK", "… ERROR". */
static bool read_answer(int fd, char *out)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};
	size_t n = 0;

	while (n < CLAMD_ANSWER_MAX - 1) {
		ssize_t got;

		if (poll(&p, 1, CLAMD_WAIT_MS) <= 0)
			return false;
		got = read(fd, out + n, CLAMD_ANSWER_MAX - 1 - n);
		if (got <= 0)
			break;
		n += (size_t)got;
		if (!out[n - 1])
			break;
	}
	out[n] = '\0';
	return n != 0;
}

void lookup_clamd(struct analysis *a, struct part *root)
{
	char answer[CLAMD_ANSWER_MAX], *end;
	const char *name;

	if (a->tools.clamd < 0)
		return;
	/* clamd may answer (a limit of its own) before all is sent. */
	if (!send_file(a->tools.clamd, root->data) && errno != EPIPE) {
		part_fact(a, root, "clamav", "no answer");
		return;
	}
	if (!read_answer(a->tools.clamd, answer)) {
		part_fact(a, root, "clamav", "no answer");
		return;
	}
	name = strncmp(answer, "stream: ", 8) == 0 ? answer + 8 : answer;
	end = strstr(answer, " FOUND");
	if (end) {
		*end = '\0';
		part_reason(a, root, REASON_clamav, "%.200s", name);
	}
	part_fact(a, root, "clamav", "%.200s", name);
}
