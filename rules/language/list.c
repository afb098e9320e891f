/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Keywords that look a value up in a list: dataset, datarep, filemd5 and its like, iprep.
 */
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "rules/language/draft.h"
#include "rules/language/parsers.h"

#define LIST_NAME_MAX 63

struct word_number {
	const char *word;
	int number;
};

/* -1: none of them. */
static int word_find(const struct word_number *words, size_t count, const struct scan *word)
{
	for (size_t i = 0; i < count; i++)
		if (scan_is(word, words[i].word))
			return words[i].number;
	return -1;
}

#define WORD_FIND(words, s) word_find(words, sizeof(words) / sizeof(*(words)), s)

/* 100, 64kb, 10mb, 1gb */
static bool size_read(struct scan s, uint64_t *out)
{
	static const struct word_number units[] = {{"", 0},    {"b", 0},   {"k", 10},  {"kb", 10}, {"m", 20},
						   {"mb", 20}, {"g", 30},  {"gb", 30}, {"KB", 10}, {"MB", 20},
						   {"GB", 30}, {"kib", 10}, {"mib", 20}, {"gib", 30}};
	int shift;

	if (!scan_number(&s, LIST_MEMCAP_MAX, out))
		return false;
	scan_trim(&s);
	shift = WORD_FIND(units, &s);
	if (shift < 0 || *out > LIST_MEMCAP_MAX >> shift)
		return false;
	*out <<= shift;
	return *out > 0;
}

static bool format_read(struct list_request *r, const struct scan *word)
{
	static const struct word_number formats[] = {{"csv", FORMAT_CSV},
						     {"json", FORMAT_JSON},
						     {"ndjson", FORMAT_NDJSON},
						     {"jsonline", FORMAT_NDJSON}};
	int format = WORD_FIND(formats, word);

	if (format < 0)
		return false;
	r->format = (enum list_format)format;
	if (format != FORMAT_CSV)
		r->kind = LIST_CONTEXT;
	return true;
}

static bool text_keep(struct draft *d, const struct scan *s, const char **out)
{
	if (scan_done(s) || *out)
		return false;
	*out = draft_text(d, s);
	return *out || draft_no_memory(d);
}

/* One option behind the fixed words: its name, then its value. */
static bool option_read(struct draft *d, struct list_request *r, const char **context_key, struct scan part)
{
	static const struct word_number types[] = {{"string", LIST_STRING}, {"md5", LIST_MD5},
						   {"sha256", LIST_SHA256}, {"ipv4", LIST_IPV4},
						   {"ip", LIST_IP},         {"ipv6", LIST_IP}};
	struct scan name = scan_word(&part);
	uint64_t n;

	scan_trim(&part);
	if (scan_is(&name, "type"))
		return (r->type = WORD_FIND(types, &part)) >= 0;
	if (scan_is(&name, "load"))
		return text_keep(d, &part, &r->load);
	if (scan_is(&name, "memcap"))
		return size_read(part, &r->memcap);
	if (scan_is(&name, "hashsize")) {
		if (!scan_whole(part, LIST_HASHSIZE_MAX, &n) || !n)
			return false;
		r->hashsize = (uint32_t)n;
		return true;
	}
	if (r->kind == LIST_REPUTATION)
		return false;
	if (scan_is(&name, "save"))
		return text_keep(d, &part, &r->save);
	if (scan_is(&name, "state"))
		return text_keep(d, &part, &r->state);
	if (scan_is(&name, "format"))
		return format_read(r, &part);
	if (scan_is(&name, "context_key") || scan_is(&name, "enrichment_key"))
		return text_keep(d, &part, context_key);
	if (scan_is(&name, "value_key"))
		return text_keep(d, &part, &r->value_key);
	if (scan_is(&name, "array_key"))
		return text_keep(d, &part, &r->array_key);
	if (scan_is(&name, "remove_key") && scan_done(&part))
		return r->remove_key = true;
	return false;
}

static bool options_read(struct draft *d, const struct keyword_row *row, struct list_request *r,
			 const char **context_key, struct scan *arg)
{
	while (!scan_done(arg)) {
		struct scan part = scan_until(arg, ',');

		if (option_read(d, r, context_key, part))
			continue;
		return draft_fail(d, part.p,
				  r->kind == LIST_REPUTATION
					  ? "use type, load, memcap, hashsize, each once"
					  : "use type, load, save, state, memcap, hashsize, format, value_key, "
					    "array_key, context_key, remove_key, each once",
				  "%s: \"%.*s\" is not understood", row->name, SCAN_ARG(&part));
	}
	return true;
}

static bool name_read(struct draft *d, const struct keyword_row *row, struct scan *arg, struct list_request *r)
{
	struct scan name = scan_until(arg, ',');

	if (scan_done(&name) || scan_left(&name) > LIST_NAME_MAX)
		return draft_fail(d, name.p, "write a name of 1 to 63 characters",
				  "%s: the list has no name, or a too long one", row->name);
	r->name = draft_text(d, &name);
	return r->name || draft_no_memory(d);
}

static struct list *list_named(struct draft *d, const struct keyword_row *row, struct list_request *r)
{
	char error[256];
	struct list *list;

	d->l->outside = true;
	r->rule_file = d->l->file;
	list = lists_open(d->l->lists, &d->l->options->lists, r, error, sizeof(error));
	/* The set of lists of these rules holds it from now on. */
	list_put(list);
	if (!list)
		draft_fail(d, NULL, "correct the rule, the list or the configuration", "%s: %s", row->name, error);
	return list;
}

static bool buffer_needed(struct draft *d, const struct keyword_row *row)
{
	return d->wanted || d->current >= 0 ||
	       draft_fail(d, NULL, "put it behind a buffer such as dns.query", "%s: there is no buffer before it",
			  row->name);
}

static bool dataset_fits(struct draft *d, const struct list_request *r, int command, const char *context_key)
{
	if (r->state && (r->load || r->save))
		return draft_fail(d, NULL, "use state alone, or load and save",
				  "dataset: state cannot stand beside load or save");
	if (r->kind != LIST_CONTEXT && (r->value_key || r->array_key || r->remove_key || context_key))
		return draft_fail(d, NULL, "add format json or format ndjson",
				  "dataset: keys belong to lists in JSON only");
	if (r->kind != LIST_CONTEXT)
		return true;
	if (!r->value_key || !context_key || !r->load || r->save)
		return draft_fail(d, NULL, "add load, value_key and context_key",
				  "dataset: a list in JSON needs load, value_key and context_key, and is not saved");
	return command == DATASET_ISSET || command == DATASET_ISNOTSET ||
	       draft_fail(d, NULL, "use isset or isnotset", "dataset: a list in JSON cannot be changed");
}

/* command,name,options */
bool parse_dataset(struct draft *d, const struct keyword_row *row, struct scan *arg)
{
	static const struct word_number commands[] = {{"isset", DATASET_ISSET},
						      {"isnotset", DATASET_ISNOTSET},
						      {"set", DATASET_SET},
						      {"unset", DATASET_UNSET}};
	struct list_request r = {.type = -1};
	struct scan command_word = scan_until(arg, ',');
	int command = WORD_FIND(commands, &command_word);
	const char *context_key = NULL;
	struct list *list;
	struct match *m;

	if (command < 0)
		return draft_fail(d, command_word.p, "write isset, isnotset, set or unset",
				  "dataset: \"%.*s\" is no command", SCAN_ARG(&command_word));
	if (!buffer_needed(d, row) || !name_read(d, row, arg, &r) || !options_read(d, row, &r, &context_key, arg) ||
	    !dataset_fits(d, &r, command, context_key))
		return false;
	list = list_named(d, row, &r);
	m = list ? draft_add_bytes(d, draft_buffer_current(d), KEYWORD_dataset) : NULL;
	if (m)
		m->u.dataset = (struct match_dataset){list, (uint8_t)command, context_key};
	return m != NULL;
}

static bool comparison_read(struct scan *arg, struct number_test *t, uint64_t max)
{
	static const struct word_number operators[] = {
		{"<", NUMBER_LESS},        {">", NUMBER_GREATER}, {"<=", NUMBER_LESS_EQUAL},
		{">=", NUMBER_GREATER_EQUAL}, {"=", NUMBER_EQUAL},   {"==", NUMBER_EQUAL},
		{"!=", NUMBER_NOT_EQUAL},  {"!", NUMBER_NOT_EQUAL}};
	struct scan word = scan_until(arg, ','), value = scan_until(arg, ',');
	int op = WORD_FIND(operators, &word);

	*t = (struct number_test){.op = (uint8_t)op};
	return op >= 0 && scan_whole(value, max, &t->low);
}

/* name,operator,value,options */
bool parse_datarep(struct draft *d, const struct keyword_row *row, struct scan *arg)
{
	struct list_request r = {.type = -1, .kind = LIST_REPUTATION};
	const char *context_key = NULL, *at;
	struct number_test test;
	struct list *list;
	struct match *m;

	if (!buffer_needed(d, row) || !name_read(d, row, arg, &r))
		return false;
	at = arg->p;
	if (!comparison_read(arg, &test, UINT16_MAX))
		return draft_fail(d, at, "write an operator of < > <= >= == !=, a comma, and 0 to 65535",
				  "datarep: the comparison is not understood");
	if (!options_read(d, row, &r, &context_key, arg))
		return false;
	list = list_named(d, row, &r);
	m = list ? draft_add_bytes(d, draft_buffer_current(d), KEYWORD_datarep) : NULL;
	if (m)
		m->u.datarep = (struct match_datarep){list, test};
	return m != NULL;
}

/* The name of a file with hashes. */
bool parse_filehash(struct draft *d, const struct keyword_row *row, struct scan *arg)
{
	struct list_request r = {.type = keyword_id(row) == KEYWORD_filemd5    ? LIST_MD5
					 : keyword_id(row) == KEYWORD_filesha1 ? LIST_SHA1
									       : LIST_SHA256};
	char name[RULE_TEXT_MAX + 16];
	struct list *list;
	struct match *m;

	scan_trim(arg);
	r.load = draft_text(d, arg);
	if (!r.load)
		return draft_no_memory(d);
	/* One file serves all rules that name it. */
	snprintf(name, sizeof(name), "%s:%s", row->name, r.load);
	r.name = name;
	if (!draft_imply(d, row))
		return false;
	list = list_named(d, row, &r);
	m = list ? draft_add_row(d, row) : NULL;
	if (m)
		m->u.dataset = (struct match_dataset){
			list, d->negated ? DATASET_ISNOTSET : DATASET_ISSET, NULL};
	return m != NULL;
}

/* side,category,isset|isnotset, or side,category,operator,score */
/* side,CC,CC or side,!CC,!CC */
bool parse_geoip(struct draft *d, const struct keyword_row *row, struct scan *arg)
{
	static const struct word_number sides[] = {
		{"any", IPREP_ANY}, {"src", IPREP_SRC}, {"dst", IPREP_DST}, {"both", IPREP_BOTH}};
	struct scan whole = *arg, side_word = scan_until(arg, ',');
	char countries[GEOIP_COUNTRIES_MAX][2];
	int side = WORD_FIND(sides, &side_word);
	struct match_geoip t = {.side = (uint8_t)side};
	struct match *m;

	if (!d->l->geoip)
		return draft_fail(d, NULL, "set geoip.database to a file of countries (MaxMind DB)",
				  "geoip: there is no database of countries");
	if (side < 0) { /* left out: either */
		t.side = IPREP_ANY;
		*arg = whole;
	}
	do {
		struct scan word = scan_until(arg, ',');
		bool negated = scan_take(&word, '!');

		scan_trim(&word);
		if (scan_left(&word) != 2 || !isalpha((unsigned char)word.p[0]) || !isalpha((unsigned char)word.p[1]))
			return draft_fail(d, word.p, "write any, src, dst or both, then countries such as DE,FR",
					  "geoip: \"%.*s\" is no country of two letters", SCAN_ARG(&word));
		if (t.count == GEOIP_COUNTRIES_MAX || (t.count && negated != t.negated))
			return draft_fail(d, word.p, "at most 64; put ! before all of them or none",
					  "geoip: the list is not understood");
		t.negated = negated;
		countries[t.count][0] = (char)toupper((unsigned char)word.p[0]);
		countries[t.count++][1] = (char)toupper((unsigned char)word.p[1]);
	} while (!scan_done(arg));
	t.countries = arena_copy(d->l->arena, countries, t.count * sizeof(countries[0]));
	if (!t.countries)
		return draft_no_memory(d);
	m = draft_add_row(d, row);
	if (m)
		m->u.geoip = t;
	return m != NULL;
}

bool parse_iprep(struct draft *d, const struct keyword_row *row, struct scan *arg)
{
	static const struct word_number sides[] = {
		{"any", IPREP_ANY}, {"src", IPREP_SRC}, {"dst", IPREP_DST}, {"both", IPREP_BOTH}};
	static const struct word_number modes[] = {{"isset", IPREP_ISSET}, {"isnotset", IPREP_ISNOTSET}};
	struct scan side_word = scan_until(arg, ','), category = scan_until(arg, ','), rest = *arg;
	int side = WORD_FIND(sides, &side_word), mode;
	struct match_iprep t = {.mode = IPREP_SCORE};
	struct match *m;

	if (side < 0)
		return draft_fail(d, side_word.p, "write any, src, dst or both", "iprep: \"%.*s\" is no side",
				  SCAN_ARG(&side_word));
	d->l->outside = true;
	t.side = (uint8_t)side;
	t.category = (uint8_t)reputation_category(d->l->reputation, category.p, scan_left(&category));
	if (!t.category)
		return draft_fail(d, category.p,
				  d->l->reputation ? "add it to the categories file"
						   : "set reputation.categories_file and reputation.files",
				  "iprep: there is no category \"%.*s\"", SCAN_ARG(&category));
	scan_trim(&rest);
	mode = WORD_FIND(modes, &rest);
	if (mode >= 0)
		t.mode = (uint8_t)mode;
	else if (!comparison_read(arg, &t.test, REPUTATION_MAX) || !scan_done(arg))
		return draft_fail(d, rest.p, "write isset, isnotset, or an operator, a comma, and 0 to 127",
				  "iprep: \"%.*s\" is not understood", SCAN_ARG(&rest));
	m = draft_add_row(d, row);
	if (m)
		m->u.iprep = t;
	return m != NULL;
}
