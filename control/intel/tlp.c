/* SPDX-License-Identifier: BSD-3-Clause */
#include "control/intel/tlp.h"

#include <string.h>
#include <strings.h>

#define MARKING(id) "marking-definition--" id

static const struct {
	const char *name;
	const char *marking, *marking_1;
	bool stays;
} levels[] = {
	[TLP_NONE] = {"none", NULL, NULL, false},
	[TLP_CLEAR] = {"clear", MARKING("94868c89-83c2-464b-929b-a1a8aa3c8487"),
		       MARKING("613f2e26-407d-48c7-9eca-b8e91df99dc9"), false},
	[TLP_GREEN] = {"green", MARKING("bab4a63c-aed9-4cf5-a766-dfca5abac2bb"),
		       MARKING("34098fce-860f-48ae-8e50-ebd3cc5e41da"), false},
	[TLP_AMBER] = {"amber", MARKING("55d920b0-5e8b-4f79-9ee9-91f868d9b421"),
		       MARKING("f88d31f6-486f-44da-b317-01333bde0b82"), false},
	[TLP_AMBER_STRICT] = {"amber+strict", MARKING("939a9414-2ddd-4d32-a0cd-375ea402b003"), NULL,
			      true},
	[TLP_RED] = {"red", MARKING("e828b379-4e03-4974-9ac4-e53a884c97c1"),
		     MARKING("5e57c739-391a-4eb3-b6be-7d15ca92d5ed"), true},
};

#define LEVELS (sizeof(levels) / sizeof(levels[0]))

const char *tlp_name(uint8_t tlp)
{
	return levels[tlp < LEVELS ? tlp : TLP_RED].name;
}

static bool is(const char *text, const char *data, size_t len)
{
	return text && strlen(text) == len && strncasecmp(text, data, len) == 0;
}

bool tlp_read(const char *word, size_t len, uint8_t *tlp)
{
	for (size_t i = 0; i < LEVELS; i++) {
		if (is(levels[i].name, word, len)) {
			*tlp = (uint8_t)i;
			return true;
		}
	}
	if (!is("white", word, len))
		return false;
	*tlp = TLP_CLEAR;
	return true;
}

const char *tlp_marking(uint8_t tlp)
{
	return levels[tlp < LEVELS ? tlp : TLP_RED].marking;
}

uint8_t tlp_of_marking(const char *id, size_t len)
{
	for (size_t i = 0; i < LEVELS; i++)
		if (is(levels[i].marking, id, len) || is(levels[i].marking_1, id, len))
			return (uint8_t)i;
	return TLP_NONE;
}

bool tlp_may_leave(uint8_t tlp)
{
	return tlp < LEVELS && !levels[tlp].stays;
}
