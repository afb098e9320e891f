/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Macros of Office (MS-OVBA 2.3, 2.4): compressed containers, the list of modules.
 */
#ifndef CONTROL_ANALYSIS_VBA_H
#define CONTROL_ANALYSIS_VBA_H

#include "control/analysis/analyser.h"
#include "control/analysis/cfb.h"

#define VBA_MODULES_MAX 512u
#define VBA_SOURCE_MAX (4u << 20)

/* Decompresses a container (MS-OVBA 2.4.1) at the beginning of in. The caller frees .data; NULL: none. */
struct bytes vba_decompress(struct bytes in);
/* The project whose storage "VBA" is that entry: its modules become parts of p. */
void vba_project(struct analysis *a, struct part *p, const struct cfb *c, uint32_t storage);

#endif
