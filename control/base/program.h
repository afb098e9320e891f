/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Where the other programs are: beside this one, or in the folder they were installed into.
 */
#ifndef CONTROL_BASE_PROGRAM_H
#define CONTROL_BASE_PROGRAM_H

#include <stddef.h>

void program_find(const char *file, char *path, size_t size);

#endif
