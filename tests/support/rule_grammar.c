/* SPDX-License-Identifier: BSD-3-Clause */
#include "tests/support/rule_grammar.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SAMPLES 8192
#define SAMPLE_MAX 1024   /* longer options are not kept */
#define OPTIONS_MAX 512   /* of a rule that is changed */
#define RULES_MAX 64      /* of a text that is changed */
#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

struct span {
	const char *p;
	size_t len;
};

struct out {
	char *p;
	size_t len, max;
};

struct grammar {
	char *options[SAMPLES], *heads[SAMPLES / 8];
	uint64_t options_seen, heads_seen;
	uint64_t random;
};

struct row {
	const char *id, *name, *aliases, *parser, *place, *about, *traits;
};

static const struct row rows[] = {
#define KEYWORD(id, name, aliases, parser, place, about, traits, meaning) \
	{#id, name, aliases, #parser, #place, about, traits},
#include "rules/language/keywords.def"
#undef KEYWORD
};

static const char *const numbers[] = {
	"0", "1", "2", "3", "4", "8", "10", "16", "63", "64", "65", "127", "128", "255", "256", "1023", "1460",
	"65534", "65535", "65536", "2147483647", "2147483648", "4294967295", "4294967296",
	"9223372036854775807", "9223372036854775808", "18446744073709551615", "18446744073709551616",
	"99999999999999999999999", "-1", "-65535", "-2147483648", "0x10", "1.5", "1e9", "",
};
static const char *const expressions[] = {
	"/a/", "/^GET\\s+[^\\r\\n]{1,9999}/smi", "/((a+)+)+$/", "/(x{1,999}){1,999}/", "/(?<=a)b/R", "/(?R)?/",
	"/(a)(b)\\2\\1/i", "/[\\x00-\\xff]*?[^a]/s", "/\\/x\\/y/U", "/(?:(?:(?:(?:a)*)*)*)*b/", "/a|b|c|d|e/P",
	"/(?P<n>x)(?P=n)/", "/(*UTF8)a/", "/\\p{L}+/8", "/.*.*.*.*.*.*z/", "/(?=(?=(?=a)))/", "/a", "a/", "//",
	"/(a)/, flow:v, pkt:w", "/\\d{5,}/Hsmi", "/(((((((((((((((((((((a)))))))))))))))))))))/",
};
static const char *const paths[] = {
	"list.csv", "../list.csv", "../../../../etc/passwd", "/etc/shadow", "/proc/self/mem", "/dev/zero", ".",
	"./././x", "//etc/passwd", "a/../../b", "\\/etc\\/passwd", "/dev/stdin", "", "a b", "~/x",
};
static const char *const addresses[] = {
	"any", "!any", "$HOME_NET", "!$HOME_NET", "$EXTERNAL_NET", "[$HOME_NET,!10.1.0.0/16]", "10.0.0.0/0",
	"0.0.0.0/0", "::/0", "[::1,!::1]", "[[[[[10.0.0.1]]]]]", "1.2.3.4-1.2.3.9", "255.255.255.255",
	"fe80::/129", "10.0.0.0/255.0.0.0", "[!1.1.1.1,!2.2.2.2]", "$NOT_THERE", "[]", "[,]", "[$LOOP]",
};
static const char *const ports[] = {
	"any", "!any", "80", "[80,443,!81]", "1024:", ":1024", "0:65535", "[1:65535,!80]", "!80", "65536",
	"$HTTP_PORTS", "[!$HTTP_PORTS]", "9:1", "[]", "[[[[1]]]]", "!:0",
};
static const char *const protocols[] = {
	"ip", "tcp", "udp", "icmp", "icmpv6", "tcp-pkt", "tcp-stream", "ipv6", "pkthdr", "http", "http1", "http2",
	"tls", "dns", "smtp", "smb", "dcerpc", "ssh", "ftp", "ftp-data", "mqtt", "sip", "ether", "arp", "nothing",
	"http:request_headers", "tls:client_hello_done", "tls:<client_hello_done", "tcp:all", "ip:flow_start",
	"tcp:pre_flow", "ip:pre_stream",
};
static const char *const actions[] = {"alert", "drop", "pass", "reject", "rejectsrc", "rejectdst", "rejectboth",
				      "accept:flow", "accept:hook", "drop:flow", "pass:packet", "config", "none"};
static const char *const arrows[] = {"->", "<>", "=>", "<-", "->"};

/* splitmix64 (Steele, Lea, Flood 2014). */
static uint64_t any(struct grammar *g)
{
	uint64_t z = g->random += 0x9e3779b97f4a7c15ull;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ull;
	z = (z ^ z >> 27) * 0x94d049bb133111ebull;
	return z ^ z >> 31;
}

static size_t below(struct grammar *g, size_t n)
{
	return n ? any(g) % n : 0;
}

static bool one_in(struct grammar *g, unsigned n)
{
	return below(g, n) == 0;
}

#define PICK(g, list) ((list)[below(g, COUNT(list))])

static void put(struct out *o, const char *p, size_t len)
{
	if (len > o->max - o->len)
		len = o->max - o->len;
	memcpy(o->p + o->len, p, len);
	o->len += len;
}

static void puts_to(struct out *o, const char *text)
{
	put(o, text, strlen(text));
}

/* ---- taking apart ---- */

/* The end of an option: a ';' outside quotes that no backslash precedes. */
static const char *option_end(const char *p, const char *end)
{
	bool quoted = false;

	for (; p < end; p++) {
		if (*p == '\\' && p + 1 < end)
			p++;
		else if (*p == '"')
			quoted = !quoted;
		else if (*p == ';' && !quoted)
			return p;
	}
	return NULL;
}

struct parts {
	struct span head; /* up to and without '(' */
	struct span options[OPTIONS_MAX];
	size_t count;
};

static bool take_apart(struct parts *r, const char *p, size_t len)
{
	const char *end = p + len, *open = memchr(p, '(', len), *stop;

	r->count = 0;
	if (!open)
		return false;
	r->head = (struct span){p, (size_t)(open - p)};
	for (p = open + 1; r->count < OPTIONS_MAX && (stop = option_end(p, end)); p = stop + 1) {
		while (p < stop && (*p == ' ' || *p == '\t'))
			p++;
		r->options[r->count++] = (struct span){p, (size_t)(stop - p)};
	}
	return true;
}

static void keep(struct grammar *g, char **samples, size_t room, uint64_t *seen, struct span s)
{
	uint64_t at = (*seen)++;

	if (!s.len || s.len > SAMPLE_MAX || memchr(s.p, '\n', s.len))
		return;
	if (at >= room) {
		at = below(g, at + 1);
		if (at >= room)
			return;
		free(samples[at]);
	}
	samples[at] = strndup(s.p, s.len);
}

void grammar_learn(struct grammar *g, const char *text, size_t len)
{
	const char *end = text + len, *stop;
	struct parts *r = malloc(sizeof(*r));

	for (; r && text < end; text = stop + 1) {
		stop = memchr(text, '\n', (size_t)(end - text));
		if (!stop)
			stop = end;
		if (*text == '#' || !take_apart(r, text, (size_t)(stop - text)))
			continue;
		keep(g, g->heads, COUNT(g->heads), &g->heads_seen, r->head);
		for (size_t i = 0; i < r->count; i++)
			keep(g, g->options, SAMPLES, &g->options_seen, r->options[i]);
	}
	free(r);
}

static const char *sample(struct grammar *g, char *const *samples, uint64_t seen, size_t room)
{
	const char *s = seen ? samples[below(g, seen < room ? seen : room)] : NULL;

	return s ? s : "";
}

/* ---- making ---- */

static void content_put(struct grammar *g, struct out *o)
{
	size_t n = one_in(g, 8) ? 1 + below(g, 2000) : 1 + below(g, 12);

	puts_to(o, one_in(g, 6) ? "!\"" : "\"");
	for (size_t i = 0; i < n; i++) {
		char hex[16];

		switch (below(g, 8)) {
		case 0:
			snprintf(hex, sizeof(hex), "|%02x %02x|", (unsigned)below(g, 256), (unsigned)below(g, 256));
			puts_to(o, hex);
			break;
		case 1:
			puts_to(o, PICK(g, ((const char *const[]){"\\;", "\\\"", "\\\\", "|3b|", "||", "|0", " "})));
			break;
		default:
			put(o, &"etaoinshrdlu/.=&%"[below(g, 17)], 1);
		}
	}
	puts_to(o, "\"");
}

static void value_put(struct grammar *g, struct out *o, const struct row *row)
{
	static const char *const words[] = {
		"relative", "little", "big", "string", "hex", "dec", "oct", "bytes 4", "offset 0", "oper /", "rvalue 0",
		"result a", "a", "to_server", "to_client", "established", "only_stream", "isset", "isnotset", "set",
		"unset", "toggle", "type string", "type md5", "name x", "track by_src", "track by_flow", "count 1",
		"seconds 0", "type limit", "by_both", "ip_src", "expire 1", "http.request", "stream", "endswith",
		"client_hello", "sslv3", "!", "multiplier 2", "align", "from_beginning", "post_offset -9", "bitmask 0xff",
		"memcap 99gb", "hashsize 4294967295", "format json", "value_key a.b.c", "nocase", "depth", "both", "src",
	};
	bool file = strstr(row->parser, "hash") || !strcmp(row->name, "dataset") || !strcmp(row->name, "datarep") ||
		    strstr(row->name, "lua");

	if (!strcmp(row->parser, "content") || (strchr(row->traits, 'Q') && !one_in(g, 8))) {
		content_put(g, o);
		return;
	}
	if (!strcmp(row->name, "pcre") || !strcmp(row->name, "pcrexform")) {
		puts_to(o, "\"");
		puts_to(o, PICK(g, expressions));
		puts_to(o, "\"");
		return;
	}
	for (size_t n = one_in(g, 40) ? below(g, 1000) : 1 + below(g, 6); n; n--) {
		if (file && one_in(g, 3)) {
			puts_to(o, PICK(g, ((const char *const[]){"load ", "save ", "state ", ""})));
			puts_to(o, PICK(g, paths));
		} else if (one_in(g, 2)) {
			puts_to(o, PICK(g, ((const char *const[]){"", "", "<", ">", "<=", "!", "!=", "="})));
			puts_to(o, PICK(g, numbers));
			if (one_in(g, 6)) {
				puts_to(o, PICK(g, ((const char *const[]){"-", "<>", ":", " ", "kb", "/", "s"})));
				puts_to(o, PICK(g, numbers));
			}
		} else {
			puts_to(o, PICK(g, words));
		}
		if (n > 1)
			puts_to(o, PICK(g, ((const char *const[]){",", ",", ", ", " ", "|"})));
	}
}

static void option_make(struct grammar *g, struct out *o)
{
	const struct row *row = &PICK(g, rows);

	puts_to(o, row->name);
	if (!strchr(row->traits, '0') || one_in(g, 16)) {
		puts_to(o, ":");
		value_put(g, o, row);
	}
}

static void list_put(struct grammar *g, struct out *o, const char *const *items, size_t count)
{
	size_t n;

	switch (below(g, 12)) {
	case 0: /* many */
		n = below(g, 400);
		puts_to(o, "[");
		for (size_t i = 0; i < n; i++) {
			puts_to(o, items[below(g, count)]);
			puts_to(o, ",");
		}
		puts_to(o, "any]");
		break;
	case 1: /* deep */
		n = below(g, 90);
		for (size_t i = 0; i < n; i++)
			puts_to(o, one_in(g, 3) ? "![" : "[");
		puts_to(o, items[below(g, count)]);
		for (size_t i = 0; i < n; i++)
			puts_to(o, "]");
		break;
	default:
		puts_to(o, items[below(g, count)]);
	}
}

static void head_make(struct grammar *g, struct out *o)
{
	if (one_in(g, 2) && g->heads_seen) {
		puts_to(o, sample(g, g->heads, g->heads_seen, COUNT(g->heads)));
		return;
	}
	puts_to(o, PICK(g, actions));
	puts_to(o, " ");
	puts_to(o, PICK(g, protocols));
	puts_to(o, " ");
	list_put(g, o, addresses, COUNT(addresses));
	puts_to(o, " ");
	list_put(g, o, ports, COUNT(ports));
	puts_to(o, " ");
	puts_to(o, PICK(g, arrows));
	puts_to(o, " ");
	list_put(g, o, addresses, COUNT(addresses));
	puts_to(o, " ");
	list_put(g, o, ports, COUNT(ports));
	puts_to(o, " ");
}

/* ---- changing ---- */

/* The option with one of its numbers, words or texts changed. */
static void option_change(struct grammar *g, struct out *o, struct span s)
{
	size_t at = below(g, s.len), from, to, times;

	for (from = at; from < s.len && (s.p[from] < '0' || s.p[from] > '9'); from++)
		;
	for (to = from; to < s.len && s.p[to] >= '0' && s.p[to] <= '9'; to++)
		;
	if (from < to && !one_in(g, 3)) { /* a number */
		put(o, s.p, from);
		puts_to(o, PICK(g, numbers));
		put(o, s.p + to, s.len - to);
		return;
	}
	from = at;
	to = from + below(g, s.len - from + 1);
	switch (below(g, 4)) {
	case 0: /* a part again and again */
		put(o, s.p, from);
		for (times = one_in(g, 4) ? below(g, 2000) : below(g, 6); times; times--)
			put(o, s.p + from, to - from);
		put(o, s.p + to, s.len - to);
		break;
	case 1: /* a part left out */
		put(o, s.p, from);
		put(o, s.p + to, s.len - to);
		break;
	case 2: /* a sign put in */
		put(o, s.p, from);
		put(o, &"!\"|;:,\\()[]<>=$ %\xff"[below(g, 19)], 1);
		put(o, s.p + from, s.len - from);
		break;
	default: /* another's value */
		for (from = 0; from < s.len && s.p[from] != ':'; from++)
			;
		put(o, s.p, from);
		puts_to(o, ":");
		value_put(g, o, &PICK(g, rows));
	}
}

static void option_put(struct grammar *g, struct out *o)
{
	if (one_in(g, 3) || !g->options_seen)
		option_make(g, o);
	else
		puts_to(o, sample(g, g->options, g->options_seen, SAMPLES));
	puts_to(o, "; ");
}

static void rule_change(struct grammar *g, struct out *o, const struct parts *r)
{
	size_t changed = below(g, r->count + 1);
	unsigned how = (unsigned)below(g, 8);

	if (how == 0)
		head_make(g, o);
	else
		put(o, r->head.p, r->head.len);
	puts_to(o, "(");
	for (size_t i = 0; i < r->count; i++) {
		struct span s = r->options[i];

		if (i != changed || how == 0) {
			put(o, s.p, s.len);
			puts_to(o, "; ");
			continue;
		}
		switch (how) {
		case 1: /* left out */
			break;
		case 2: /* with the next in the other order */
			if (i + 1 < r->count) {
				put(o, r->options[i + 1].p, r->options[i + 1].len);
				puts_to(o, "; ");
				put(o, s.p, s.len);
				puts_to(o, "; ");
				i++;
			}
			break;
		case 3: /* again and again */
			for (size_t n = one_in(g, 6) ? below(g, 300) : 1 + below(g, 4); n; n--) {
				put(o, s.p, s.len);
				puts_to(o, "; ");
			}
			break;
		case 4:
		case 5: /* another before it */
			option_put(g, o);
			put(o, s.p, s.len);
			puts_to(o, "; ");
			break;
		default:
			option_change(g, o, s);
			puts_to(o, "; ");
		}
	}
	puts_to(o, one_in(g, 60) ? "" : ")");
}

static void rule_make(struct grammar *g, struct out *o)
{
	char sid[32];

	head_make(g, o);
	puts_to(o, "(");
	for (size_t n = 1 + below(g, 10); n; n--)
		option_put(g, o);
	snprintf(sid, sizeof(sid), "sid:%u;)", 1 + (unsigned)below(g, 1000));
	puts_to(o, sid);
}

size_t grammar_mutate(struct grammar *g, char *text, size_t len, size_t max, uint64_t seed)
{
	struct span lines[RULES_MAX];
	struct parts *r = malloc(sizeof(*r));
	struct out o = {malloc(max ? max : 1), 0, max};
	size_t count = 0, changed;
	const char *p = text, *end = text + len, *stop;

	if (!r || !o.p)
		abort();
	g->random = seed;
	for (; p < end && count < RULES_MAX; p = stop + 1) {
		stop = memchr(p, '\n', (size_t)(end - p));
		if (!stop)
			stop = end;
		lines[count++] = (struct span){p, (size_t)(stop - p)};
	}
	changed = below(g, count + (count < 8));
	for (size_t i = 0; i < count; i++) {
		if (i == changed && take_apart(r, lines[i].p, lines[i].len))
			rule_change(g, &o, r);
		else
			put(&o, lines[i].p, lines[i].len);
		puts_to(&o, "\n");
	}
	if (changed == count) {
		rule_make(g, &o);
		puts_to(&o, "\n");
	}
	memcpy(text, o.p, o.len);
	free(o.p);
	free(r);
	return o.len;
}

struct grammar *grammar_new(void)
{
	return calloc(1, sizeof(struct grammar));
}

void grammar_free(struct grammar *g)
{
	for (size_t i = 0; i < SAMPLES; i++)
		free(g->options[i]);
	for (size_t i = 0; i < COUNT(g->heads); i++)
		free(g->heads[i]);
	free(g);
}
