/* SPDX-License-Identifier: BSD-3-Clause */
#include "control/yara/compile.h"

#include <errno.h>
#include <pthread.h>
#include <string.h>

const char *const yara_outside[] = {"filename", "filepath", "extension", "filetype", "owner", NULL};

static pthread_once_t once = PTHREAD_ONCE_INIT;
static int started;

static void start(void)
{
	started = yr_initialize();
}

bool yara_start(void)
{
	pthread_once(&once, start);
	return started == ERROR_SUCCESS;
}

/* What to do about libyara's words. */
static const char *advice_of(const char *reason)
{
	static const struct {
		const char *words, *advice;
	} advices[] = {
		{"undefined identifier", "define it before, or take the condition out"},
		{"duplicated identifier", "rename one of the two rules"},
		{"duplicated string", "rename one of the two strings"},
		{"undefined string", "add it to the strings, or take it out of the condition"},
		{"unreferenced string", "use it in the condition, or let its name begin with $_"},
		{"unknown module", "this libyara has no such module; take the import out"},
		{"include", "put the text of the other file in its place: includes are refused"},
		{"can't open include file", "put the text of the other file in its place: includes are refused"},
		{"invalid regular expression", "escape what is not meant as an expression"},
		{"invalid hex string", "write two digits a byte, or ? for any"},
		{"syntax error", "look for a missing brace, quote or keyword just before"},
	};

	for (size_t i = 0; i < sizeof(advices) / sizeof(advices[0]); i++)
		if (strstr(reason, advices[i].words))
			return advices[i].advice;
	return "";
}

struct compiling {
	void (*call)(void *arg, const struct yara_error *e);
	void *arg;
	bool wrong;
};

static void on_message(int level, const char *file, int line, const YR_RULE *rule, const char *message, void *arg)
{
	struct compiling *c = arg;
	struct yara_error e = {line > 0 ? (uint32_t)line : 1, rule ? rule->identifier : "", message, advice_of(message)};

	if (level != YARA_ERROR_LEVEL_ERROR)
		return;
	c->wrong = true;
	c->call(c->arg, &e);
}

YR_COMPILER *yara_compiler_new(void)
{
	YR_COMPILER *compiler;

	if (!yara_start() || yr_compiler_create(&compiler) != ERROR_SUCCESS)
		return NULL;
	yr_compiler_set_include_callback(compiler, NULL, NULL, NULL);
	for (size_t i = 0; yara_outside[i]; i++)
		yr_compiler_define_string_variable(compiler, yara_outside[i], "");
	return compiler;
}

int yara_compile(const char *text, void (*call)(void *arg, const struct yara_error *e), void *arg, YR_RULES **rules)
{
	struct compiling c = {call, arg, false};
	struct yara_error memory = {1, "", "out of memory", ""};
	YR_COMPILER *compiler = yara_compiler_new();

	*rules = NULL;
	if (!compiler)
		return -ENOMEM;
	yr_compiler_set_callback(compiler, on_message, &c);
	if (yr_compiler_add_string(compiler, text, NULL) == 0 && !c.wrong &&
	    yr_compiler_get_rules(compiler, rules) != ERROR_SUCCESS)
		call(arg, &memory);
	yr_compiler_destroy(compiler);
	return 0;
}
