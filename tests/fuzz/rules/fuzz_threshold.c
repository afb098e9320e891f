/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Any bytes as threshold.config: what is taken must be whole, what is not must name its line and a reason.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "rules/ruleset.h"

static void must(bool what)
{
	if (!what)
		abort();
}

static int file_of(const void *bytes, size_t size, char path[64])
{
	int fd = memfd_create("file", 0);

	must(fd >= 0 && write(fd, bytes, size) == (ssize_t)size);
	snprintf(path, 64, "/proc/self/fd/%d", fd);
	return fd;
}

static void check(const struct rule *r, const struct match_threshold *t)
{
	must(t->type <= THRESHOLD_RATE_LIMIT && t->track <= TRACK_TX);
	if (t->type == THRESHOLD_RATE_LIMIT) {
		must(r->action != ACTION_PASS);
		must(t->track != TRACK_BOTH && t->rate >= (t->packets ? 1 : 8000) && t->rate <= 1000000000000ull);
	}
	for (uint32_t i = 1; i < t->addresses.count; i++)
		must(t->addresses.ranges[i - 1].ip_version <= t->addresses.ranges[i].ip_version);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char rules[] = "alert tcp any any -> any any (sid:1;)\npass udp any any -> any any (sid:2;)\n"
				    "drop http any any -> any any (threshold:type limit, track by_src, count 1, seconds 5; sid:3;)\n";
	char path[2][64], error[256] = "";
	int fd[2] = {file_of(rules, strlen(rules), path[0]), file_of(data, size, path[1])};
	const char *files[] = {path[0]};
	struct ruleset_options o = {.files = files, .file_count = 1, .threshold_file = path[1], .parse_only = true};
	struct ruleset_report report = {0};
	struct ruleset *set = ruleset_load(&o, &report, error, sizeof(error));

	must(set && set->rule_count == 3);
	for (size_t i = 0; i < set->rule_count; i++)
		for (uint32_t k = 0; k < set->rules[i]->threshold_count; k++)
			check(set->rules[i], &set->rules[i]->thresholds[k].u.threshold);
	for (size_t i = 0; i < report.problem_count; i++)
		must(report.problems[i].line && *report.problems[i].reason && !report.problems[i].refused);
	ruleset_report_clear(&report);
	ruleset_free(set);
	close(fd[0]);
	close(fd[1]);
	return 0;
}
