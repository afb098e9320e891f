/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The intelligence: what is known to be bad, from which source, and since which version.
 *
 * A change is a set of entries put and taken out, published as one version: until then nobody
 * sees any of it, and a process that dies before leaves nothing behind. What all readers work
 * from is the published version: look-ups, the workers' table, the retro scan.
 *
 * Changes: one thread at a time (the jobs thread; offline the only one). Reading: any thread. Both
 * inside store_enter; a change need not hold it between its calls.
 *
 * Family intel (kinds are below 0xf0; numbers big endian):
 *   key    key of the indicator (intel_key), number of the source (2), ~version of writing (8)
 *   value  the entry (row.h); nothing: taken out in that version
 *   key    0xf0, version of writing (8), key of the indicator, number of the source (2)
 *   value  nothing: what a version wrote
 * A row counts from the published version on, and until the source has a newer one. Small changes
 * are one write; large ones are files taken in whole, then published, then what they superseded is
 * swept.
 * Family feed: "S" name: state of a source, JSON. "R" number of the source (2), line (8): refused.
 * Family lookup: "L" number (8): a look-up, JSON; the last LOOKUPS_MAX, for LOOKUP_DAYS.
 * meta "intel/version": see row.h, struct intel_state.
 *
 * Score of an entry: confidence, times 1 (high), 0.8 (medium), 0.5 (low), 0.2 (information).
 */
#ifndef CONTROL_INTEL_INTEL_H
#define CONTROL_INTEL_INTEL_H

#include "control/base/text.h"
#include "control/contact/kinds.h"
#include "control/intel/entry.h"
#include "control/store/store.h"
#include "dataplane/event/config.h"

struct intel;

/* Reads what is published; ends what a dead process left half done (STORE_WRITE). 0 or -errno. */
int intel_open(struct intel **out, struct store *s, const struct config *config);
void intel_close(struct intel *in);
uint64_t intel_version(const struct intel *in);

struct intel_counts {
	uint64_t entries, indicators, allowed, sources;
};
/* Counted once for each version, by reading all of it (a second for each million). */
int intel_counts(struct intel *in, struct intel_counts *out);

/* ---- changes ---- */

enum intel_mode {
	INTEL_ADD,     /* beside what the source has */
	INTEL_REPLACE, /* all that the source has: entries that do not come again are taken out */
	INTEL_REMOVE,  /* the entries named are taken out */
};

struct intel_result {
	uint64_t given, loaded, refused; /* given = loaded + refused, always */
	uint64_t fresh, changed, same, removed;
	uint64_t version; /* published; the old one if nothing changed */
};

struct intel_change;

int intel_change_begin(struct intel *in, const char *source, enum intel_mode mode,
		       struct intel_change **out);
/* One item of the list: put, or refused with a reason that can be listed. Counted either way.
 * 0 or -errno of the store. A value that is not of its kind is refused, not an error. */
int intel_change_entry(struct intel_change *c, const struct intel_entry *e);
int intel_change_refused(struct intel_change *c, uint64_t where, struct slice item,
			 const char *reason);
/* Publishes and frees. 0 or -errno (then nothing is changed). */
int intel_change_publish(struct intel_change *c, struct intel_result *out);
void intel_change_abort(struct intel_change *c);
/* Takes out all of a source, published, and forgets the source. 1: it had entries; 0; -errno. */
int intel_source_drop(struct intel *in, const char *source, struct intel_result *out);
/* Takes out what has expired (valid until), published. */
int intel_expire(struct intel *in, uint64_t now_ns, struct intel_result *out);

/* ---- reading ---- */

/* An indicator with all its sources, as one verdict. Texts borrowed until the callback returns. */
struct intel_verdict {
	int kind;         /* of the indicator that matched */
	struct slice key; /* as intel_key makes it: the kind, then the value's key */
	bool below;
	bool bad;     /* denied by some source and allowed by none */
	bool allowed; /* by some source */
	uint8_t score, severity;
	uint64_t since_version; /* newest version in which a source that denies it was new */
	struct intel_entry
		best;         /* of the source with the highest score; value is the normal form */
	struct slice sources; /* JSON array of all entries, each an object */
};

/* The key of an indicator (value: text): kind (1), then the value's key (kinds.h; a network: 4 or
 * 6, address, bits; an endpoint: 4 or 6, address, port). URLs lose user, port and fragment. 0: not
 * a value of that kind. key: INTEL_KEY_MAX bytes. */
#define INTEL_KEY_MAX (2 + VALUE_KEY_MAX + 3)
size_t intel_key(int kind, const char *value, size_t len, uint8_t *key);
/* Appends the value of an indicator's key as people write it. */
void intel_print(struct text *out, struct slice key);
/* Calls back for each indicator that a contact's value (kind, key of kinds.h; port or 0) matches:
 * itself, a domain above with below, a network around, the address with the port. Allow entries
 * too. call may be NULL; what it returns, if not 0, ends the matching and is returned.
 * Returns 1: bad (and not allowed), 0: not, or -errno. */
int intel_match(struct intel *in, int kind, const uint8_t *key, size_t len, uint16_t port,
		int (*call)(void *arg, const struct intel_verdict *v), void *arg);
/* Every indicator, in the order of kind and key; since_version > 0: only those new since then
 * (in the order of version, kind, key), cheap when they are few. kind 0: all. What call returns, if
 * not 0, ends it and is returned. */
int intel_each(struct intel *in, int kind, uint64_t since_version,
	       int (*call)(void *arg, const struct intel_verdict *v), void *arg);
/* Appends {"value","kind","verdict","score","severity","category","threat","family","sources",
 * "version"} for a value that a person asks about (of a URL its
 * host, too); kind 0: guessed. -EINVAL: cannot be. */
int intel_lookup(struct intel *in, int kind, const char *value, struct text *json);
#define LOOKUPS_MAX 1000000
#define LOOKUP_DAYS 90
/* Log of look-ups (family lookup): who asked (a name), what, what was answered. */
int intel_log(struct intel *in, const char *who, const char *value, const char *verdict,
	      uint64_t now_ns);
int intel_log_list(struct intel *in, uint64_t since_ns, uint64_t limit, struct text *json);
/* What a fetcher keeps of a source between two runs. All texts are "" when there are none. */
struct intel_fetch {
	char format[16];
	char etag[256], last_modified[64];
	char position[512]; /* of a TAXII collection (taxii.c) or MISP folder (misp.c) */
	char options[20];   /* what was configured then, as a hash; of rows of old: "" */
	char error[256];    /* of the last try; "" it went well */
	uint64_t tried_ns, next_ns;
};
/* 0: *out filled (zeros if the source is not there yet), or -errno. */
int intel_fetch_get(struct intel *in, const char *source, struct intel_fetch *out);
/* Keeps it; makes the source if it is not there. As a change: one thread at a time. */
int intel_fetch_set(struct intel *in, const char *source, const struct intel_fetch *f);
/* Feeds and sources: name, format, entries, last result, last error, next fetch; and their refused
 * lines. JSON arrays. */
int intel_sources(struct intel *in, struct text *json);
int intel_refused(struct intel *in, const char *source, uint64_t limit, struct text *json);

#define INTEL_REFUSED_MAX 10000 /* refused lines kept of a source; all are counted */
/* The workers' table of the published version as a memfd (dataplane/event/indicator.h). 0 and
 * *fd, which the caller owns; or -errno. */
int intel_image(struct intel *in, int *fd);

/* One object of an export, before it is written. */
struct intel_object {
	const char *id;
	uint64_t version, modified_ms; /* when it was new */
};

#define INTEL_NEXT_BYTES 1000 /* of a cursor, which is text */

/* Which objects, and where that ended. */
struct intel_page {
	const char *source;     /* NULL: all that may be shared */
	uint64_t after_version; /* unless next says where to go on */
	const char *next;       /* what the page before left in cursor; NULL: the first page */
	uint64_t limit;
	/* Whether it belongs to the page; NULL: all do. */
	bool (*wants)(void *arg, const struct intel_object *o);
	void *arg;
	/* filled in */
	uint64_t count, first, last; /* objects, versions of the first and last one */
	uint64_t complete;           /* up to that version nothing is missing */
	char cursor[INTEL_NEXT_BYTES]; /* "": it was the last page */
};
/* STIX 2.1 objects as a TAXII server gives them, in the order of their versions, as a JSON array
 * (NULL: they are only shown to wants); allow entries, TLP:RED and TLP:AMBER+STRICT never. All of
 * one published version. -EINVAL: next is no cursor. */
int intel_export_stix(struct intel *in, struct intel_page *page, struct text *json);

#endif
