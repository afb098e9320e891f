/* SPDX-License-Identifier: BSD-3-Clause */
#include "tools/metsuke/rules_set.h"

#include <glob.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int rules_set_default(struct config *c)
{
	char self[PATH_MAX], pattern[PATH_MAX + 64], error[256];
	ssize_t n;
	glob_t found;

	if (c->rules.count)
		return EXIT_GOOD;
	n = readlink("/proc/self/exe", self, sizeof(self) - 1);
	self[n > 0 ? n : 0] = '\0';
	for (int up = 0; up < 2 && strrchr(self, '/'); up++)
		*strrchr(self, '/') = '\0';
	snprintf(pattern, sizeof(pattern), "%s/rules/signatures/*.rules", self);
	if (glob(pattern, 0, NULL, &found) != 0)
		snprintf(pattern, sizeof(pattern), "/usr/share/metsuke/rules/*.rules");
	else
		globfree(&found);
	if (glob(pattern, 0, NULL, &found) != 0)
		return EXIT_GOOD;
	globfree(&found);
	if (config_append(c, "rules", pattern, error, sizeof(error)) == 0)
		return EXIT_GOOD;
	fprintf(stderr, "metsuke: %s\n", error);
	return EXIT_USAGE;
}

int rules_set_files(struct config *c, char *const *files, int count)
{
	char error[256];

	if (count > 0)
		config_list_clear(c, "rules");
	for (int i = 0; i < count; i++)
		if (config_append(c, "rules", files[i], error, sizeof(error)) != 0) {
			fprintf(stderr, "metsuke: %s\n", error);
			return EXIT_USAGE;
		}
	return rules_set_default(c);
}

int rules_set_firewall(struct config *c, const char *const *files, int count)
{
	char error[256];
	int err = count ? config_set(c, "firewall.enabled", "yes", error, sizeof(error)) : 0;

	if (count)
		config_list_clear(c, "firewall.rule_files");
	for (int i = 0; i < count && !err; i++)
		err = config_append(c, "firewall.rule_files", files[i], error, sizeof(error));
	if (err)
		fprintf(stderr, "metsuke: %s\n", error);
	return err ? EXIT_USAGE : EXIT_GOOD;
}

struct ruleset *rules_set_read_files(const struct config *c, char *const *files, int count,
				     struct ruleset_report *report)
{
	const struct ruleset_options o = {
		.files = (const char *const *)files,
		.file_count = (size_t)count,
		.firewall = c->firewall_enabled,
		.firewall_files = (const char *const *)c->firewall_files.items,
		.firewall_file_count = c->firewall_files.count,
		.variables = {(const char *const *)c->address_vars.keys,
			      (const char *const *)c->address_vars.values, c->address_vars.count,
			      (const char *const *)c->port_vars.keys,
			      (const char *const *)c->port_vars.values, c->port_vars.count},
		.classification_file = c->classification,
		.reference_file = c->reference_file,
		.threshold_file = c->threshold_file,
		.action_order = c->action_order,
		.lists = {.dir = c->lists_dir,
			  .state_dir = c->lists_state_dir,
			  .folders = (const char *const *)c->lists_folders.items,
			  .folder_count = c->lists_folders.count,
			  .no_write = !c->lists_allow_write,
			  .memcap = c->lists_memcap,
			  .hashsize = (uint32_t)c->lists_hashsize,
			  .set_keys = (const char *const *)c->lists_sets.keys,
			  .set_values = (const char *const *)c->lists_sets.values,
			  .set_count = c->lists_sets.count},
		.reputation_categories = c->reputation_categories,
		.reputation_files = (const char *const *)c->reputation_files.items,
		.reputation_file_count = c->reputation_files.count,
		.geoip_database = c->geoip_database,
		.script_dir = c->lua_dir,
		.no_scripts = !c->lua_enabled,
		.no_ja4 = !config_map_bool(&c->app, "tls.ja4-fingerprints",
					   config_map_bool(&c->app, "tls.ja4_fingerprints", true)),
		.parse_only = true,
	};
	char error[1024];
	struct ruleset *set = ruleset_load(&o, report, error, sizeof(error));

	if (!set) {
		fprintf(stderr, "metsuke: %s\n", error);
		if (report)
			ruleset_report_clear(report);
	}
	return set;
}

struct ruleset *rules_set_read(const struct config *c, struct ruleset_report *report)
{
	return rules_set_read_files(c, c->rules.items, (int)c->rules.count, report);
}

bool rules_set_id(const char *text, uint32_t *gid, uint32_t *sid)
{
	unsigned long long first, second = 0;
	char *end;

	*gid = 1;
	if (*text < '0' || *text > '9')
		return false;
	first = strtoull(text, &end, 10);
	if (*end == ':' && end[1] >= '0' && end[1] <= '9') {
		second = strtoull(end + 1, &end, 10);
		*gid = (uint32_t)first;
		first = second;
	}
	*sid = (uint32_t)first;
	return *end == '\0' && first <= UINT32_MAX;
}

const struct rule *rules_set_find(const struct ruleset *set, const struct ruleset_report *report,
				  const char *id)
{
	uint32_t gid, sid;

	if (!rules_set_id(id, &gid, &sid)) {
		fprintf(stderr, "metsuke: %s is no rule number: write SID or GID:SID\n", id);
		return NULL;
	}
	for (size_t i = 0; i < set->rule_count; i++)
		if (set->rules[i]->sid == sid && set->rules[i]->gid == gid)
			return set->rules[i];
	for (size_t i = 0; report && i < report->problem_count; i++) {
		const struct ruleset_problem *p = &report->problems[i];

		if (p->sid != sid || !p->refused)
			continue;
		fprintf(stderr, "metsuke: rule %s does not load: %s:%u:%u: %s\n", id, p->file, p->line,
			p->column, p->reason);
		if (*p->advice)
			fprintf(stderr, "    %s\n", p->advice);
		return NULL;
	}
	fprintf(stderr, "metsuke: there is no rule %s among %zu that load\n", id, set->rule_count);
	return NULL;
}
