/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Sentences for a person, on stderr (the journal when run as a service). Any thread.
 */
#ifndef CONTROL_BASE_SAY_H
#define CONTROL_BASE_SAY_H

/* One line, "metsuke-control: ..." . No newline in the format. */
void say(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
