/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Which facts are new, ARP and neighbour discovery, and who looks at what. See host.h.
 *
 * What is remembered of an address is one entry for each source and each set of things said (MAC,
 * name, user): a fingerprint of them and when it was written last. So a machine that takes over an
 * address and gives it back is written each time, and one that only repeats itself is not.
 */
#include "dataplane/app/host.h"

#include <sys/random.h>

#include "dataplane/app/app.h"
#include "dataplane/packet/siphash.h"

#define WAYS 8
#define SETS (HOST_FACTS / WAYS)
#define HOME_NETS_MAX 64
#define SECOND_NS 1000000000ull

_Static_assert((SETS & (SETS - 1)) == 0, "a set is chosen by a mask");

struct host_seen {
	uint64_t key;  /* address, source, what is said; 0: free */
	uint64_t fact; /* what it said last; 0: nothing yet */
	uint64_t written_ns;
	uint64_t window_ns; /* changes are counted from here */
	uint32_t changes;
};

struct home_net {
	struct addr_prefix prefix;
	bool outside; /* excepted */
};

struct host_worker {
	struct siphash_key key;
	uint64_t tokens, tokens_ns; /* records that may be written */
	struct home_net home[HOME_NETS_MAX];
	unsigned home_count;
	bool home_known[2]; /* IPv4, IPv6: a list tells which are inside; else all are */
	struct host_seen seen[SETS][WAYS];
};

/* ---- which addresses are ours ---- */

/* One element of a list of networks. False: it cannot be told what it means (a variable, any). */
static bool home_add(struct host_worker *h, const char *text, size_t len)
{
	struct home_net *n = &h->home[h->home_count];
	char word[64];

	n->outside = *text == '!';
	if (n->outside) {
		text++;
		len--;
	}
	if (len >= sizeof(word) || h->home_count == HOME_NETS_MAX)
		return false;
	memcpy(word, text, len);
	word[len] = '\0';
	if (addr_prefix_parse(word, &n->prefix) != 0)
		return false;
	h->home_count++;
	if (!n->outside)
		h->home_known[n->prefix.ip_version == 6] = true;
	return true;
}

static bool home_read(struct host_worker *h, const char *text)
{
	static const char between[] = "[], \t\"'";

	/* "![…]" turns all of a list round; nobody writes HOME_NET so. */
	if (strstr(text, "!["))
		return false;
	while (*(text += strspn(text, between))) {
		size_t len = strcspn(text, between);

		if (!home_add(h, text, len))
			return false;
		text += len;
	}
	return true;
}

static void home_from_config(struct host_worker *h, const struct config *c)
{
	const char *home = config_map_get(&c->address_vars, "HOME_NET");
	bool known = true;

	for (size_t i = 0; i < c->home_nets.count; i++)
		known = known && home_read(h, c->home_nets.items[i]);
	if (!c->home_nets.count && home)
		known = home_read(h, home);
	if (!known)
		h->home_known[0] = h->home_known[1] = false;
}

static bool is_host(const struct addr *a, int ip_version)
{
	static const struct addr none;

	if (ip_version == 4)
		return a->b[0] != 0 && a->b[0] != 127 && a->b[0] < 224;
	if (memcmp(a->b, none.b, 15) == 0 && a->b[15] <= 1)
		return false;
	return a->b[0] != 0xff && !(a->b[0] == 0xfe && (a->b[1] & 0xc0) == 0x80);
}

static bool is_inside(const struct host_worker *h, const struct addr *a, int ip_version)
{
	bool inside = !h->home_known[ip_version == 6];

	if (!is_host(a, ip_version))
		return false;
	for (unsigned i = 0; i < h->home_count; i++) {
		if (!addr_prefix_covers(&h->home[i].prefix, a, ip_version))
			continue;
		if (h->home[i].outside)
			return false;
		inside = true;
	}
	return inside;
}

/* ---- worker ---- */

int host_worker_new(struct worker *w)
{
	struct host_worker *h = worker_memory(w, sizeof(*h), 64);

	if (!h)
		return -1;
	w->hosts = h;
	h->tokens = HOST_RECORDS_BURST;
	if (getrandom(&h->key, sizeof(h->key), 0) != sizeof(h->key)) {
		host_worker_free(w);
		return -1;
	}
	if (w->config)
		home_from_config(h, w->config);
	return 0;
}

void host_worker_free(struct worker *w)
{
	if (w->hosts)
		worker_memory_free(w, w->hosts);
	w->hosts = NULL;
}

void host_worker_reset(struct worker *w)
{
	struct host_worker *h = w->hosts;

	if (!h)
		return;
	memset(h->seen, 0, sizeof(h->seen));
	h->tokens = HOST_RECORDS_BURST;
	h->tokens_ns = 0;
}

/* ---- what is known already ---- */

static uint64_t key_of(const struct host_worker *h, const struct host_fact *f)
{
	struct siphash s;
	uint64_t key;

	siphash_start(&s, &h->key);
	siphash_bytes(&s, f->ip.b, 16);
	siphash_word(&s, (uint64_t)f->ip_version << 16 | (uint64_t)f->source << 8 |
				 (uint64_t)f->has_mac << 2 | (f->name.len ? 2 : 0) |
				 (f->user.len ? 1 : 0));
	key = siphash_end(&s, 4);
	return key ? key : 1;
}

static uint64_t fact_of(const struct host_worker *h, const struct host_fact *f)
{
	struct siphash s;
	unsigned words;

	siphash_start(&s, &h->key);
	words = siphash_bytes(&s, f->mac, f->has_mac ? 6 : 0);
	words += siphash_bytes(&s, f->name.data, f->name.len);
	words += siphash_bytes(&s, f->user.data, f->user.len);
	return siphash_end(&s, words) | 1;
}

static struct host_seen *find(struct host_worker *h, uint64_t key)
{
	struct host_seen *set = h->seen[key & (SETS - 1)], *oldest = set;

	for (unsigned i = 0; i < WAYS; i++) {
		if (set[i].key == key)
			return &set[i];
		if (set[i].written_ns < oldest->written_ns)
			oldest = &set[i];
	}
	*oldest = (struct host_seen){.key = key};
	return oldest;
}

/* One record of what may be written in a second. */
static bool take_token(struct host_worker *h, uint64_t now_ns)
{
	uint64_t passed = now_ns - h->tokens_ns;

	if (now_ns < h->tokens_ns || passed > 10 * SECOND_NS) {
		h->tokens = HOST_RECORDS_BURST;
		h->tokens_ns = now_ns;
	} else if (passed >= SECOND_NS / HOST_RECORDS_PER_S) {
		h->tokens += passed / (SECOND_NS / HOST_RECORDS_PER_S);
		h->tokens_ns = now_ns;
		if (h->tokens > HOST_RECORDS_BURST)
			h->tokens = HOST_RECORDS_BURST;
	}
	if (!h->tokens)
		return false;
	h->tokens--;
	return true;
}

/* Is this to be written now? */
static bool is_news(struct worker *w, const struct host_fact *f)
{
	struct host_worker *h = w->hosts;
	struct host_seen *seen = find(h, key_of(h, f));
	uint64_t fact = fact_of(h, f), now = w->now_ns;

	if (seen->fact == fact && now - seen->written_ns < HOST_REFRESH_NS)
		return false;
	if (now - seen->window_ns >= HOST_REFRESH_NS) {
		seen->window_ns = now;
		seen->changes = 0;
	}
	if (seen->changes >= HOST_CHANGES_MAX || !take_token(h, now)) {
		w->counters->app_hosts_refused++;
		return false;
	}
	seen->changes++;
	seen->fact = fact;
	seen->written_ns = now;
	return true;
}

/* ---- facts ---- */

static struct bytes clean(struct bytes name)
{
	while (name.len && (name.data[name.len - 1] == '.' || name.data[name.len - 1] == '\0' ||
			    name.data[name.len - 1] == ' '))
		name.len--;
	if (name.len > HOST_NAME_BYTES)
		name.len = 0;
	for (uint32_t i = 0; i < name.len; i++)
		if (name.data[i] < ' ' || name.data[i] == 0x7f)
			name.len = 0;
	return name;
}

static bool is_station(const uint8_t *mac)
{
	static const uint8_t none[6];

	return !(mac[0] & 1) && memcmp(mac, none, 6) != 0;
}

void host_note(struct worker *w, struct host_fact fact)
{
	if (!w->hosts || (w->config && !w->config->contacts))
		return;
	fact.name = clean(fact.name);
	fact.user = clean(fact.user);
	fact.has_mac = fact.has_mac && is_station(fact.mac);
	if (!fact.has_mac && !fact.name.len && !fact.user.len)
		return;
	if (!fact.ip_version) {
		if (!fact.has_mac)
			return;
		memcpy(fact.ip.b, fact.mac, 6); /* whose facts are counted together */
	} else if (!is_inside(w->hosts, &fact.ip, fact.ip_version)) {
		return;
	}
	if (!is_news(w, &fact))
		return;
	w->counters->app_hosts_facts++;
	emit_host(w, &fact);
}

static void note_mac(struct worker *w, const uint8_t *ip, int ip_version, const uint8_t *mac)
{
	struct host_fact fact = {.ip_version = ip_version, .has_mac = true, .source = HOST_ARP};

	memcpy(fact.ip.b, ip, ip_version == 4 ? 4 : 16);
	memcpy(fact.mac, mac, 6);
	host_note(w, fact);
}

/* RFC 826: hardware, protocol, lengths, opcode; sender's MAC at 8 and address at 14. A probe (RFC
 * 5227) has no sender's address. The decoder has checked the lengths. */
static void host_arp(struct worker *w, const struct packet *p)
{
	const uint8_t *h = p->l3;

	if (get_be16(h + 6) == 1 || get_be16(h + 6) == 2)
		note_mac(w, h + 14, 4, h + 8);
}

/* RFC 4861, 4.3, 4.4: reserved or flags have been read; a target, then options of eight bytes
 * each. What did not come from this link has a smaller hop limit (7.1). */
static void host_neighbour(struct worker *w, const struct packet *p)
{
	struct cursor c = cursor_of(p->payload, p->payload_len);
	const uint8_t *target = cursor_take(&c, 16), *option;
	uint8_t wanted = p->icmp_type == 136 ? 2 : 1; /* link-layer address of target, source */

	if (!target || p->ttl != 255 || p->icmp_code != 0 || p->ip_version != 6)
		return;
	while ((option = cursor_peek(&c, 8)) && option[1]) {
		if (option[0] == wanted && option[1] == 1) {
			note_mac(w, p->icmp_type == 136 ? target : p->src.b, 6, option + 2);
			return;
		}
		cursor_skip(&c, 8u * option[1]);
	}
}

void host_packet(struct worker *w, const struct packet *p)
{
	if (!w->hosts || p->flags & (PACKET_INVALID | PACKET_BAD_CHECKSUM | PACKET_PSEUDO))
		return;
	if (p->flags & PACKET_ARP)
		host_arp(w, p);
	else if (!(p->flags & PACKET_L4) || !p->payload_len)
		return;
	else if (p->ip_proto == 58)
		host_neighbour(w, p);
	else if (p->sport == NBNS_PORT || p->dport == NBNS_PORT)
		host_nbns(w, p);
	else if (p->sport == MDNS_PORT)
		host_mdns(w, p);
	else if (p->sport == LLMNR_PORT)
		host_llmnr(w, p);
	else
		host_krb5(w, p);
}
