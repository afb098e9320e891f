/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Words that say what a script, macro or command line is up to: words.def.
 */
#ifndef CONTROL_ANALYSIS_WORDS_H
#define CONTROL_ANALYSIS_WORDS_H

#include "control/analysis/analyser.h"

/* Where a word says something. */
enum words_set {
	WORDS_SHELL = 1 << 0, /* command lines: cmd, PowerShell, sh; in scripts and macros too */
	WORDS_HOST = 1 << 1,  /* scripts of the Windows script host: JScript, VBScript, HTA */
	WORDS_MACRO = 1 << 2, /* VBA */
	WORDS_LINK = 1 << 3,  /* what a shortcut starts */
	WORDS_PDF = 1 << 4,   /* JavaScript in PDF */
	WORDS_UNIX = 1 << 5,  /* shell scripts */
};

/* Looks for all words of these sets in the text (any case, UTF-16 too); each that is there is its
 * row's reason. */
void words_judge(struct analysis *a, struct part *p, uint32_t sets, struct bytes text);

#endif
