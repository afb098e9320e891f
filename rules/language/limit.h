/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Words that threshold, detection_filter and threshold.config share.
 */
#ifndef LANGUAGE_LIMIT_H
#define LANGUAGE_LIMIT_H

#include "rules/language/scan.h"

/* "by_src" … → enum bits_track. */
bool track_parse(struct scan word, uint8_t *out);
/* "limit" … → enum threshold_type. */
bool limit_type_parse(struct scan word, uint8_t *out);

#endif
