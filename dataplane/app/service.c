/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/app/service.h"

#include "dataplane/app/app_state.h"
#include "dataplane/event/record.h"

#define IP_PROTO_ESP 50
#define IP_PROTO_AH 51

enum { TCP = 6, UDP = 17 };
enum { CLIENT = TO_SERVER, SERVER = TO_CLIENT, ANY };

struct signature {
	service_shape *shape; /* NULL: bytes */
	const char *bytes;
	uint8_t len, offset;
	uint8_t service, ip_proto, way, sureness;
	uint8_t first, last; /* what the first byte may be */
	uint16_t low, high;
};

static const struct signature signatures[] = {
#define MAGIC(name, proto, speaks, at, magic, from, to, how)                                       \
	{.bytes = magic, .len = sizeof(magic) - 1, .offset = at, .service = SERVICE_##name,        \
	 .first = (at) ? 0 : (uint8_t)magic[0], .last = (at) ? 255 : (uint8_t)magic[0],            \
	 .ip_proto = proto, .way = speaks, .sureness = SERVICE_##how, .low = from, .high = to},
#define SHAPE(name, proto, speaks, function, byte, last_byte, from, to, how)                       \
	{.shape = service_is_##function, .first = byte, .last = last_byte,                         \
	 .service = SERVICE_##name, .ip_proto = proto,                                             \
	 .way = speaks, .sureness = SERVICE_##how, .low = from, .high = to},
#define HOST(name, domain)
#define SUBJECT(name, part)
#include "dataplane/app/service_signature.def"
#undef MAGIC
#undef SHAPE
#undef HOST
#undef SUBJECT
};

#define SIGNATURES (sizeof(signatures) / sizeof(signatures[0]))
#define SIEVE_WORDS 2
_Static_assert(SIGNATURES <= SIEVE_WORDS * 64, "a bit for each");

/* Bits by signature: which of them may fit, by transport and first byte. */
struct service_sieve {
	uint64_t may[APP_TRANSPORTS][256][SIEVE_WORDS];
	uint64_t ported[SIEVE_WORDS]; /* they want one of a few ports */
};
#define PORTS_FEW 64

int service_worker_new(struct worker *w)
{
	struct service_sieve *sieve = worker_memory(w, sizeof(*sieve), 64);

	if (!sieve)
		return -1;
	for (size_t i = 0; i < SIGNATURES; i++) {
		const struct signature *s = &signatures[i];
		enum app_transport over = s->ip_proto == UDP ? APP_OVER_UDP : APP_OVER_TCP;

		for (unsigned byte = s->first; byte <= s->last; byte++)
			sieve->may[over][byte][i / 64] |= 1ull << (i % 64);
		if (s->high - s->low >= PORTS_FEW)
			continue;
		sieve->ported[i / 64] |= 1ull << (i % 64);
		for (unsigned port = s->low; port <= s->high; port++)
			app_port_want(w->apps, port);
	}
	w->apps->services = sieve;
	return 0;
}

void service_worker_free(struct worker *w)
{
	worker_memory_free(w, w->apps->services);
}

struct known_name {
	const char *text;
	uint8_t service;
};

#define MAGIC(...)
#define SHAPE(...)

static const struct known_name hosts[] = {
#define HOST(name, domain) {domain, SERVICE_##name},
#define SUBJECT(name, part)
#include "dataplane/app/service_signature.def"
#undef HOST
#undef SUBJECT
};

static const struct known_name subjects[] = {
#define HOST(name, domain)
#define SUBJECT(name, part) {part, SERVICE_##name},
#include "dataplane/app/service_signature.def"
#undef HOST
#undef SUBJECT
};

#undef MAGIC
#undef SHAPE

struct service_talk *service_talk_of(struct worker *w, struct flow *f)
{
	struct app_session *s = app_session_of(w, f);

	if (s && !s->service)
		s->service = heap_zalloc(&w->heap, sizeof(*s->service));
	return s ? s->service : NULL;
}

static void found(struct worker *w, struct flow *f, uint8_t service, uint8_t sureness)
{
	struct flow_notes *n = flow_notes(w, f);

	if (!n)
		return;
	n->service = service;
	n->service_sureness = sureness;
}

static bool port_in(const struct signature *s, const struct flow *f)
{
	if (f->server_port >= s->low && f->server_port <= s->high)
		return true;
	/* of a flow met midway the service may be the client */
	return s->ip_proto == UDP && f->client_port >= s->low && f->client_port <= s->high;
}

static bool fits(const struct signature *s, const struct service_look *l)
{
	if ((s->way != ANY && s->way != l->d) || !port_in(s, l->f))
		return false;
	if (s->shape)
		return s->shape(l);
	return l->len >= (uint32_t)s->offset + s->len && memcmp(l->data + s->offset, s->bytes, s->len) == 0;
}

void service_look(struct worker *w, struct flow *f, enum direction d, const uint8_t *data, uint32_t len)
{
	const struct service_look look = {.w = w, .f = f, .d = d, .data = data, .len = len};
	const struct flow_cold *cold = flow_cold(f);
	uint8_t sureness = cold->notes && cold->notes->service ? cold->notes->service_sureness : 0;
	const struct service_sieve *sieve = w->apps->services;
	bool port = app_port_wanted(w->apps, f->client_port, f->server_port);

	if (!len || f->ip_proto == IP_PROTO_SCTP)
		return;
	for (unsigned word = 0; word < SIEVE_WORDS; word++) {
		uint64_t may = sieve->may[app_transport_of(f)][data[0]][word];

		for (uint64_t left = port ? may : may & ~sieve->ported[word]; left && sureness < SERVICE_SURE; left &= left - 1) {
			const struct signature *s = &signatures[word * 64 + (unsigned)__builtin_ctzll(left)];

			if (s->sureness > sureness && fits(s, &look)) {
				sureness = s->sureness;
				found(w, f, s->service, sureness);
			}
		}
	}
	if (cold->notes && (cold->notes->service == SERVICE_socks4 || cold->notes->service == SERVICE_socks5))
		service_socks(&look);
	else if (cold->notes && cold->notes->service == SERVICE_xmpp && f->ip_proto == 6)
		service_xmpp(&look);
}

bool service_waits(const struct flow *f)
{
	return f->app && f->app->service && f->app->service->socks;
}

void service_host(struct worker *w, struct flow *f, const char *name, uint32_t len)
{
	for (size_t i = 0; i < sizeof(hosts) / sizeof(hosts[0]); i++) {
		size_t n = strlen(hosts[i].text);

		if (len < n || memcmp(name + len - n, hosts[i].text, n) != 0)
			continue;
		if (len == n || name[len - n - 1] == '.')
			found(w, f, hosts[i].service, SERVICE_SURE);
	}
}

void service_subject(struct worker *w, struct flow *f, const char *name, uint32_t len)
{
	for (size_t i = 0; i < sizeof(subjects) / sizeof(subjects[0]); i++)
		if (memmem(name, len, subjects[i].text, strlen(subjects[i].text)))
			found(w, f, subjects[i].service, SERVICE_SURE);
}

void service_relay(struct worker *w, struct flow *f, struct bytes subject, struct bytes issuer)
{
	if (service_is_tor_relay(subject, issuer))
		found(w, f, SERVICE_tor, SERVICE_SURE);
}

void service_hello(struct worker *w, struct flow *f, struct bytes name, bool alpn)
{
	if (service_is_tor_client(name, alpn))
		found(w, f, SERVICE_tor, SERVICE_GUESS);
}

static const char *service_target(const struct flow *f)
{
	return f->app && f->app->service ? f->app->service->target : NULL;
}

bool service_leads_on(struct flow *f, uint32_t hello[2])
{
	struct service_talk *t = f->app ? f->app->service : NULL;

	if (!t || !t->socks || !t->hello[TO_SERVER] || !t->hello[TO_CLIENT])
		return false;
	t->socks = false;
	t->led_on = true;
	memcpy(hello, t->hello, sizeof(t->hello));
	return true;
}

/* What is spoken through a proxy does not make it less of a proxy, nor TLS less of XMPP. */
void service_forget(struct flow *f)
{
	struct flow_notes *notes = flow_cold(f)->notes;

	if (notes && !service_target(f) && !(f->app->service && f->app->service->led_on))
		notes->service = SERVICE_NONE;
	if (f->app->service)
		f->app->service->socks = false;
}

void service_free(struct worker *w, struct flow *f)
{
	struct service_talk *t = f->app->service;

	if (!t)
		return;
	heap_free(&w->heap, t->target);
	heap_free(&w->heap, t);
	f->app->service = NULL;
}

void service_record(struct recorder *r, const struct flow *f)
{
	const struct flow_notes *notes = flow_cold(f)->notes;
	uint8_t service = notes ? notes->service : SERVICE_NONE;

	if (f->ip_proto == IP_PROTO_ESP)
		service = SERVICE_esp;
	if (f->ip_proto == IP_PROTO_AH)
		service = SERVICE_ah;
	if (!service)
		return;
	rec_text(r, F_top_service, service_names[service]);
	if (service_target(f))
		rec_text(r, F_top_service_target, service_target(f));
}

void service_record_target(struct recorder *r, const struct flow *f)
{
	if (f && service_target(f))
		service_record(r, f);
}
