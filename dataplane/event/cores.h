/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The processor cores that workers are pinned to, as the configuration has them: "2-5,8". Any
 * process, at start.
 */
#ifndef EVENT_CORES_H
#define EVENT_CORES_H

#include <stddef.h>
#include <stdint.h>

#define CORES_MAX 64      /* as many as there may be workers */
#define CORE_NUMBER_MAX 1023

/* In the order given; each once. Returns how many (0: the text is empty), or -EINVAL and a sentence
 * that begins with what is wrong. */
int cores_parse(const char *text, uint16_t cores[CORES_MAX], char *error, size_t error_size);

#endif
