/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A loaded rule set as one file, so that the next start need not read and group the same rules again.
 * README.md says what is in it and what is checked. One thread, that which loads the set.
 */
#ifndef IMAGE_IMAGE_H
#define IMAGE_IMAGE_H

#include "rules/ruleset.h"

/* What a set was made of: this program, the options, the bytes of all files. */
struct image_key {
	uint64_t hash[2];
};

/* False: there can be no image (no folder for it, a file that cannot be read, reputations, whose files
 * are not part of the key). */
bool image_key(const struct ruleset_options *o, struct image_key *out);
/* Where the image of these options is: in o->cache_dir, named after the names of the rule files. */
void image_path(const struct ruleset_options *o, char *path, size_t size);

/* The set, without lists, reputation, geoip; its arena is the file, mapped. Fills the report (may be
 * NULL). NULL: there is no image of this key; note then says in a sentence what is wrong with the one
 * that is there, or is empty. */
struct ruleset *image_load(const char *path, const struct image_key *key, struct ruleset_report *report,
			   char *note, size_t note_size);
/* Of a set complete with groups, which refers to nothing outside of its arena, and of its report. Written
 * beside and renamed. False and a sentence: it could not be. */
bool image_store(const char *path, const struct image_key *key, const struct ruleset *set,
		 const struct ruleset_report *report, char *note, size_t note_size);

#endif
