/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What a rule set is made of, as one number: this program (the linker's build id), the libraries whose
 * answers are in it, the processor as Hyperscan sees it, every option, and the bytes of every file.
 */
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <hs/hs.h>
#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>
#define XXH_INLINE_ALL
#include <xxhash.h>

#include "rules/compile/sieve.h"
#include "rules/image/format.h"
#include "rules/language/files.h"

#define READ_BYTES ((size_t)256 << 10)

struct keying {
	XXH3_state_t *state;
	uint8_t *room;  /* READ_BYTES; NULL: files are named, not read */
	bool failed;
};

static void add_bytes(struct keying *k, const void *data, size_t bytes)
{
	uint64_t n = bytes;

	XXH3_128bits_update(k->state, &n, sizeof(n));
	XXH3_128bits_update(k->state, data, bytes);
}

static void add_number(struct keying *k, uint64_t n)
{
	add_bytes(k, &n, sizeof(n));
}

static void add_text(struct keying *k, const char *text)
{
	add_bytes(k, text ? text : "", text ? strlen(text) : 0);
}

static void add_texts(struct keying *k, const char *const *texts, size_t count)
{
	add_number(k, count);
	for (size_t i = 0; i < count; i++)
		add_text(k, texts[i]);
}

/* ---- the program ---- */

struct build {
	const uint8_t *id;
	size_t bytes;
};

static size_t note_step(size_t bytes)
{
	return (bytes + 3) & ~(size_t)3;
}

static void notes_seek(const uint8_t *at, size_t bytes, struct build *out)
{
	ElfW(Nhdr) note;

	while (bytes >= sizeof(note)) {
		size_t step;

		memcpy(&note, at, sizeof(note));
		step = sizeof(note) + note_step(note.n_namesz) + note_step(note.n_descsz);
		if (step > bytes)
			return;
		if (note.n_type == NT_GNU_BUILD_ID && note.n_namesz == 4 && memcmp(at + sizeof(note), "GNU", 4) == 0)
			*out = (struct build){at + sizeof(note) + 4, note.n_descsz};
		at += step;
		bytes -= step;
	}
}

/* The first object is the program itself. */
static int object_visit(struct dl_phdr_info *info, size_t size, void *arg)
{
	for (unsigned i = 0; i < info->dlpi_phnum; i++)
		if (info->dlpi_phdr[i].p_type == PT_NOTE)
			notes_seek((const uint8_t *)(info->dlpi_addr + info->dlpi_phdr[i].p_vaddr),
				   info->dlpi_phdr[i].p_memsz, arg);
	return 1;
}

static void add_program(struct keying *k)
{
	struct build build = {0};
	hs_platform_info_t platform = {0};
	char pcre[64] = "";

	dl_iterate_phdr(object_visit, &build);
	k->failed |= !build.bytes;
	add_bytes(k, build.id, build.bytes);
	hs_populate_platform(&platform);
	add_bytes(k, &platform, sizeof(platform));
	add_text(k, hs_version());
	if (pcre2_config(PCRE2_CONFIG_VERSION, NULL) < (int)sizeof(pcre))
		pcre2_config(PCRE2_CONFIG_VERSION, pcre);
	add_text(k, pcre);
}

/* ---- files ---- */

static bool add_file(void *arg, const char *path)
{
	struct keying *k = arg;
	int fd;
	ssize_t n = 1;

	add_text(k, path);
	if (!k->room)
		return true;
	fd = open(path, O_RDONLY | O_CLOEXEC);
	while (fd >= 0 && n > 0) {
		n = read(fd, k->room, READ_BYTES);
		if (n > 0)
			add_bytes(k, k->room, (size_t)n);
		else if (n < 0 && errno == EINTR)
			n = 1;
	}
	if (fd >= 0)
		close(fd);
	return fd >= 0 && n == 0;
}

static void add_patterns(struct keying *k, const char *const *patterns, size_t count)
{
	char ignored[512];

	add_number(k, count);
	for (size_t i = 0; i < count && !k->failed; i++)
		k->failed = !rule_files_each(patterns[i], add_file, k, ignored, sizeof(ignored));
}

static void add_named(struct keying *k, const char *path)
{
	if (path && *path)
		k->failed |= !add_file(k, path);
	else
		add_text(k, NULL);
}

/* ---- options ---- */

static void add_options(struct keying *k, const struct ruleset_options *o)
{
	const struct ruleset_variables *v = &o->variables;

	add_number(k, o->firewall);
	add_number(k, o->no_scripts);
	add_number(k, o->no_ja4);
	add_number(k, o->in_the_wire);
	add_number(k, o->every_database);
	add_number(k, sieve_kind_possible());
	add_texts(k, v->address_names, v->address_count);
	add_texts(k, v->address_values, v->address_count);
	add_texts(k, v->port_names, v->port_count);
	add_texts(k, v->port_values, v->port_count);
	add_text(k, o->action_order);
	add_text(k, o->script_dir);
	add_text(k, o->geoip_database);
}

static void key_digest(const struct keying *k, struct image_key *out)
{
	XXH128_hash_t h = XXH3_128bits_digest(k->state);

	*out = (struct image_key){{h.low64, h.high64}};
}

bool image_key(const struct ruleset_options *o, struct image_key *out)
{
	struct keying k = {XXH3_createState(), malloc(READ_BYTES), false};

	if (!o->cache_dir || !*o->cache_dir || o->parse_only ||
	    (o->reputation_categories && *o->reputation_categories))
		k.failed = true;
	if (!k.failed && k.state && k.room) {
		XXH3_128bits_reset(k.state);
		add_program(&k);
		add_options(&k, o);
		add_patterns(&k, o->firewall_files, o->firewall_file_count);
		add_patterns(&k, o->files, o->file_count);
		add_named(&k, o->classification_file);
		add_named(&k, o->reference_file);
		add_named(&k, o->threshold_file);
		key_digest(&k, out);
	} else {
		k.failed = true;
	}
	XXH3_freeState(k.state);
	free(k.room);
	return !k.failed;
}

void image_path(const struct ruleset_options *o, char *path, size_t size)
{
	struct keying k = {.state = XXH3_createState()};
	struct image_key name = {0};

	if (k.state) {
		XXH3_128bits_reset(k.state);
		add_texts(&k, o->firewall_files, o->firewall_file_count);
		add_texts(&k, o->files, o->file_count);
		key_digest(&k, &name);
	}
	XXH3_freeState(k.state);
	snprintf(path, size, "%s/%016llx" IMAGE_SUFFIX, o->cache_dir, (unsigned long long)name.hash[0]);
}
