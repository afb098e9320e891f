/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The Traffic Light Protocol: how far an entry may go (FIRST, TLP 2.0). Every level once, with its
 * word and its STIX markings (TLP 2: OASIS' marking extension; TLP 1: STIX 2.1, 7.2.1.4).
 */
#ifndef CONTROL_INTEL_TLP_H
#define CONTROL_INTEL_TLP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum intel_tlp { TLP_NONE, TLP_CLEAR, TLP_GREEN, TLP_AMBER, TLP_AMBER_STRICT, TLP_RED };

#define TLP_WORDS "none, clear, green, amber, amber+strict or red"

/* "none", "clear", … */
const char *tlp_name(uint8_t tlp);
/* The level of a word, whatever its case; also "white" (TLP 1). False: no such word. */
bool tlp_read(const char *word, size_t len, uint8_t *tlp);
/* The id of its marking-definition in TLP 2; NULL: none. */
const char *tlp_marking(uint8_t tlp);
/* The level of a marking-definition of either version; TLP_NONE: it is none of these. */
uint8_t tlp_of_marking(const char *id, size_t len);
/* May it leave the organisation that runs this sensor? RED and AMBER+STRICT may not. */
bool tlp_may_leave(uint8_t tlp);

#endif
