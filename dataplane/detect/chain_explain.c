/* SPDX-License-Identifier: BSD-3-Clause
 *
 * chain_explain: chain.c once more, with notes of where a chain failed.
 */
#define CHAIN_EXPLAIN
#include "dataplane/detect/chain.c"
