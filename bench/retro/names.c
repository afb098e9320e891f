/* SPDX-License-Identifier: BSD-3-Clause */
#include "bench/retro/names.h"

#include <string.h>

#define CDN_ADDRS 5000u
#define RANK_BITS 21 /* 2^21 names are possible, somewhat more than there are */

static double zipf_integral(const struct zipf *z, double x)
{
	return pow(x + z->q, 1 - z->s) / (1 - z->s);
}

static double zipf_inverse(const struct zipf *z, double y)
{
	return pow(y * (1 - z->s), 1 / (1 - z->s)) - z->q;
}

static double zipf_height(const struct zipf *z, double x)
{
	return pow(x + z->q, -z->s);
}

void zipf_init(struct zipf *z, double s, double q, uint32_t n)
{
	*z = (struct zipf){.s = s, .q = q, .n = n};
	z->h_first = zipf_integral(z, 1.5) - zipf_height(z, 1);
	z->h_last = zipf_integral(z, n + 0.5);
	z->squeeze = 2 - zipf_inverse(z, zipf_integral(z, 2.5) - zipf_height(z, 2));
}

uint32_t zipf_draw(const struct zipf *z, struct dice *d)
{
	for (;;) {
		double u = z->h_last + dice_unit(d) * (z->h_first - z->h_last);
		double x = zipf_inverse(z, u), k = floor(x + 0.5);

		k = k < 1 ? 1 : k > z->n ? z->n : k;
		if (k - x <= z->squeeze || u >= zipf_integral(z, k + 0.5) - zipf_height(z, k))
			return (uint32_t)k - 1;
	}
}

void names_init(struct names *n, uint64_t seed)
{
	struct dice d = dice_new(seed, DICE_DOMAIN, 0, 0);
	struct zipf z;

	n->seed = seed;
	zipf_init(&n->domain, 0.98, 2.7, YEAR_DOMAINS);
	zipf_init(&z, 1.2, 0, 200);
	for (size_t i = 0; i < sizeof(n->hosts); i++)
		n->hosts[i] = (uint8_t)(1 + zipf_draw(&z, &d));
}

uint32_t syllables(uint32_t bits, char *out)
{
	static const char first[] = "bcdfghjklmnprstv";
	char *at = out;

	for (int i = 0; i < 3; i++, bits >>= 7) {
		*at++ = first[bits & 15];
		*at++ = "aeiouyie"[bits >> 4 & 7];
		*at++ = "lrstmznn"[bits >> 4 & 7];
	}
	*at = 0;
	return (uint32_t)(at - out);
}

const char *suffix(uint64_t hash)
{
	static const char *const common[] = {".com", ".com", ".com", ".com",
					     ".net", ".org", ".jp",  ".co.jp"};
	static const char *const rare[] = {".de", ".io",  ".info", ".co.uk",
					   ".fr", ".top", ".xyz",  ".ne.jp"};

	return (hash & 15) < 12 ? common[hash >> 4 & 7] : rare[hash >> 4 & 7];
}

static uint32_t append(char *out, uint32_t len, const char *text)
{
	size_t n = strlen(text);

	if (len + n >= YEAR_NAME_MAX)
		n = YEAR_NAME_MAX - 1 - len;
	memcpy(out + len, text, n);
	out[len + n] = 0;
	return len + (uint32_t)n;
}

/* One to one on 21 bits. */
static uint32_t scramble(uint64_t seed, uint32_t rank)
{
	uint32_t mask = (1u << RANK_BITS) - 1, x = rank;

	for (int i = 0; i < 3; i++) {
		x = (x * 0x9e3779b1u + (uint32_t)(seed >> i)) & mask;
		x ^= x >> 11;
	}
	return x & mask;
}

uint32_t name_of_domain(const struct names *n, uint32_t rank, char *out)
{
	return append(out, syllables(scramble(n->seed, rank), out),
		      suffix(mix(n->seed + rank * GOLDEN)));
}

static uint32_t put_number(char *out, uint64_t v)
{
	char room[24];
	uint32_t n = 0, len = 0;

	do
		room[n++] = "0123456789abcdefghijklmnopqrstuvwxyz"[v % 36];
	while (v /= 36);
	while (n)
		out[len++] = room[--n];
	out[len] = 0;
	return len;
}

uint32_t name_of_host(const struct names *n, uint32_t rank, uint64_t which, char *out)
{
	static const char *const labels[] = {
		"www", "",   "api",    "cdn",  "mail", "img", "static",    "login",
		"app", "s3", "assets", "edge", "m",    "dev", "telemetry", "update"};
	uint64_t hash = mix(n->seed ^ (rank + 1) * GOLDEN);
	uint32_t host = (uint32_t)(which % n->hosts[hash % sizeof(n->hosts)]), len = 0;

	if (host < sizeof(labels) / sizeof(*labels)) {
		len = append(out, 0, labels[host]);
	} else {
		out[len++] = 'n';
		len += put_number(out + len, host * 37u + (hash & 31));
	}
	if (len)
		out[len++] = '.';
	return len + name_of_domain(n, rank, out + len);
}

uint32_t name_of_day(const struct names *n, uint32_t day, uint32_t which, char *out)
{
	uint32_t len = put_number(out, mix(n->seed + which * GOLDEN + day) >> 24);

	out[len++] = '-';
	len += put_number(out + len, day * 4096ull + which);
	return append(out, len, suffix(mix(which)));
}

struct addr cdn_addr(uint32_t which)
{
	return (struct addr){{104, 16, (uint8_t)(which >> 7 << 1), (uint8_t)((which & 127) << 1)}};
}

/* Background addresses: first byte 13 to 100, second and last even. */
static struct addr own_addr(uint64_t hash)
{
	return (struct addr){{(uint8_t)(13 + (hash & 0xffff) % 88), (uint8_t)(hash >> 16 & 0xfe),
			      (uint8_t)(hash >> 24), (uint8_t)(hash >> 32 & 0xfe)}};
}

int server_of_domain(const struct names *n, uint32_t rank, uint32_t day, uint64_t which,
		     struct addr *out)
{
	uint64_t hash = mix(mix(n->seed + DICE_DOMAIN) ^ rank * GOLDEN);
	/* 2 % move a day: each stays fifty days, and not all move on the same. */
	uint64_t since = (day + (hash >> 40) % 50) / 50;
	uint64_t place = mix(hash + since * GOLDEN);
	bool shared = hash % 100 < 35;
	int version = hash / 100 % 100 < 8 ? 6 : 4;

	place = mix(place + (shared ? which % 2 : which % (1 + (hash >> 32) % 8)) * GOLDEN);
	if (version == 6) {
		*out = (struct addr){{0x2a, 0, (uint8_t)(place & 0xfe), (uint8_t)(place >> 8)}};
		memcpy(out->b + 4, &place, 8);
		out->b[15] = (uint8_t)(place >> 50 & 0xfe);
	} else {
		*out = shared ? cdn_addr((uint32_t)(place % CDN_ADDRS)) : own_addr(place);
	}
	return version;
}
