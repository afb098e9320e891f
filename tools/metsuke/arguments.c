/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Options and words of a command; the configuration from -c and --set.
 */
#include <string.h>
#include <stdlib.h>

#include "control/daemon/config_yaml.h"
#include "tools/metsuke/cli.h"

bool cli_json, cli_csv;

int cli_usage(const struct cli_command *self)
{
	fprintf(stderr, "usage: metsuke %s %s\n%s", self->words, self->arguments, self->options);
	return EXIT_USAGE;
}

static void help(const struct cli_command *self)
{
	printf("usage: metsuke %s%s%s\n\n%s\n", self->words, *self->arguments ? " " : "",
	       self->arguments, self->summary);
	if (*self->options)
		printf("\n%s", self->options);
}

static struct cli_option *find(struct cli_option *options, const char *word, const char **attached)
{
	*attached = NULL;
	for (struct cli_option *o = options; o->name; o++) {
		size_t n = strlen(o->name);

		if (strncmp(word, o->name, n) == 0 && (word[n] == '\0' || word[n] == '=')) {
			*attached = word[n] ? word + n + 1 : NULL;
			return o;
		}
		if (o->letter && word[0] == '-' && word[1] == o->letter) {
			*attached = word[2] ? word + 2 : NULL;
			return o;
		}
	}
	return NULL;
}

static int take(struct cli_option *o, const char *value)
{
	o->value = value;
	if (o->values) {
		if (o->count >= o->values_max) {
			fprintf(stderr, "metsuke: %s was given more than %d times\n", o->name,
				o->values_max);
			return -1;
		}
		o->values[o->count] = value;
	}
	o->count++;
	return 0;
}

int cli_parse(const struct cli_command *self, struct cli_option *options, int argc, char **argv)
{
	int words = 0;

	for (int i = 0; i < argc; i++) {
		const char *attached;
		struct cli_option *o;

		if (strcmp(argv[i], "--") == 0) {
			while (++i < argc)
				argv[words++] = argv[i];
			break;
		}
		if (argv[i][0] != '-' || argv[i][1] == '\0') {
			argv[words++] = argv[i];
			continue;
		}
		if (strcmp(argv[i], "--json") == 0) {
			cli_json = true;
			continue;
		}
		if (strcmp(argv[i], "--csv") == 0) {
			cli_csv = true;
			continue;
		}
		if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) {
			help(self);
			exit(EXIT_GOOD);
		}
		o = find(options, argv[i], &attached);
		if (!o || (attached && !o->takes_value)) {
			fprintf(stderr, "metsuke %s: there is no option %s\n", self->words, argv[i]);
			cli_usage(self);
			return -1;
		}
		if (o->takes_value && !attached && ++i >= argc) {
			fprintf(stderr, "metsuke %s: %s needs a value\n", self->words, o->name);
			return -1;
		}
		if (take(o, o->takes_value ? (attached ? attached : argv[i]) : "") != 0)
			return -1;
	}
	return words;
}

int cli_config(struct config *c, const char *file, const char *const *sets, int set_count)
{
	char error[1024], key[256];

	if (file && config_yaml_read(c, file, error, sizeof(error)) != 0) {
		fprintf(stderr, "metsuke: %s\n", error);
		return EXIT_FAILED;
	}
	for (int i = 0; i < set_count; i++) {
		const char *equal = strchr(sets[i], '=');
		size_t n = equal ? (size_t)(equal - sets[i]) : 0;

		if (n == 0 || n >= sizeof(key)) {
			fprintf(stderr, "metsuke: --set %s: write it as KEY=VALUE\n", sets[i]);
			return EXIT_USAGE;
		}
		memcpy(key, sets[i], n);
		key[n] = '\0';
		if (config_set(c, key, equal + 1, error, sizeof(error)) != 0) {
			fprintf(stderr, "metsuke: --set %s\n", error);
			return EXIT_USAGE;
		}
	}
	return EXIT_GOOD;
}
