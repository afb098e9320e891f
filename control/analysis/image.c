/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Virtual disks that Windows mounts at a double click and libarchive cannot read (VHD: Microsoft, "Virtual Hard Disk
 * Image Format Specification", footer; VHDX: MS-VHDX 2.2.1): that they are images is all that is said of them.
 */
#include <string.h>

#include "control/analysis/analyser.h"

#define FOOTER_BYTES 512u

static const char vhdx[] = "vhdxfile", vhd[] = "conectix";

static bool has_footer(struct bytes b)
{
	return b.len >= FOOTER_BYTES && memcmp(b.data + b.len - FOOTER_BYTES, vhd, sizeof(vhd) - 1) == 0;
}

bool image_is(const struct part *p)
{
	return bytes_begin(p->data, vhdx, sizeof(vhdx) - 1) || bytes_begin(p->data, vhd, sizeof(vhd) - 1) || has_footer(p->data);
}

void image_run(struct analysis *a, struct part *p)
{
	p->traits |= PART_DISK_IMAGE;
	part_fact(a, p, "format", "%s", bytes_begin(p->data, vhdx, sizeof(vhdx) - 1) ? "VHDX" : "VHD");
}
