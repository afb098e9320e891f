/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What the commands `metsuke files …` share.
 */
#ifndef METSUKE_FILES_H
#define METSUKE_FILES_H

#include "tools/metsuke/cli.h"

/* A report of an analysis (control/analysis/README.md) for people: verdict, reasons, tree. title: the line
 * above it. all: parts that nothing is said of, too. */
void files_print_report(const char *title, const json_t *report, bool all);

#endif
