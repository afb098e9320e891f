/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Office documents that are locked with a password (MS-OFFCRYPTO 2.3.4): a compound file with the streams
 * EncryptionInfo and EncryptedPackage. Standard (AES, SHA-1) and agile encryption (AES, SHA-1 to SHA-512).
 * The old kinds (RC4, XOR) and those of other providers are not opened.
 */
#ifndef CONTROL_ANALYSIS_OFFCRYPTO_H
#define CONTROL_ANALYSIS_OFFCRYPTO_H

#include "control/analysis/analyser.h"

/* The password that Excel tries by itself: who opens such a document is not asked. */
#define OFFCRYPTO_BUILT_IN "VelvetSweatshop"

/* Tries OFFCRYPTO_BUILT_IN, then the words of a. The one that opens it, and the document in *out, of which the
 * caller frees .data; NULL: none does, or it is of no kind that is known. info, package: the two streams. */
const char *offcrypto_open(struct analysis *a, struct bytes info, struct bytes package, struct bytes *out);

#endif
