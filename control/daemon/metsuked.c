/* SPDX-License-Identifier: BSD-3-Clause
 *
 * metsuked: the service. Reads the configuration, then supervises (supervisor.c).
 */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control/daemon/config_yaml.h"
#include "control/daemon/supervisor.h"

static const char usage[] =
	"usage: metsuked -c FILE [--set KEY=VALUE]... [--check]\n"
	"  -c, --config FILE   configuration (YAML)\n"
	"      --set KEY=VALUE sets one key after the file has been read\n"
	"      --check         reads the configuration and the files it names, rules above all, says what is wrong\n"
	"                      with them, and ends; touches no port and no store\n"
	"  -V, --version       prints the version\n";

static int set_one(struct config *c, char *word)
{
	char error[512], *equal = strchr(word, '=');

	if (!equal) {
		fprintf(stderr, "metsuked: --set %s: write it as KEY=VALUE\n", word);
		return 2;
	}
	*equal = '\0';
	if (config_set(c, word, equal + 1, error, sizeof(error)) != 0) {
		fprintf(stderr, "metsuked: --set %s\n", error);
		return 2;
	}
	return 0;
}

static int check(const struct config *c)
{
	bool inline_mode = c->mode == MODE_INLINE;

	if (inline_mode && (!*c->pair_a || !*c->pair_b)) {
		fprintf(stderr, "metsuked: mode is inline: set both ends of the wire, pair.a and "
				"pair.b\n");
		return 1;
	}
	if (!inline_mode && c->ports.count == 0) {
		fprintf(stderr, "metsuked: there is nothing to listen on: set ports, for instance "
				"ports: [afxdp:eth1]\n");
		return 1;
	}
	return 0;
}

/* live: until a signal comes; else what a start would refuse is said. */
static int run(const struct config *c, bool live)
{
	struct supervisor s;
	char error[512];
	int status;

	if (supervisor_init(&s, c, live ? BOOT_LIVE : BOOT_CHECK, supervisor_workers(c, false), NULL, 0, error,
			    sizeof(error)) != 0) {
		fprintf(stderr, "metsuked: %s\n", error);
		return 1;
	}
	status = live ? supervisor_run(&s) : supervisor_check(&s);
	supervisor_free(&s);
	return status;
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{"config", required_argument, NULL, 'c'}, {"set", required_argument, NULL, 's'},
		{"check", no_argument, NULL, 'k'},        {"version", no_argument, NULL, 'V'},
		{"help", no_argument, NULL, 'h'},         {NULL, 0, NULL, 0},
	};
	struct config *c = config_new();
	char error[1024];
	bool only_check = false, given = false;
	int opt, status = 0;

	if (!c)
		return 1;
	while (status == 0 && (opt = getopt_long(argc, argv, "c:Vh", options, NULL)) != -1) {
		if (opt == 'c') {
			given = true;
			if (config_yaml_read(c, optarg, error, sizeof(error)) != 0) {
				fprintf(stderr, "metsuked: %s\n", error);
				status = 1;
			}
		} else if (opt == 's') {
			given = true;
			status = set_one(c, optarg);
		} else if (opt == 'k') {
			only_check = true;
		} else if (opt == 'V') {
			puts("metsuked " METSUKE_VERSION);
			config_free(c);
			return 0;
		} else {
			fputs(usage, opt == 'h' ? stdout : stderr);
			config_free(c);
			return opt == 'h' ? 0 : 2;
		}
	}
	if (status == 0 && (!given || optind < argc)) {
		fputs(usage, stderr);
		status = 2;
	}
	if (status == 0)
		status = check(c);
	if (status == 0)
		status = run(c, !only_check);
	config_free(c);
	return status;
}
