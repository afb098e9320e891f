/* SPDX-License-Identifier: BSD-3-Clause
 *
 * metsuke rules update, rollback, versions: the rules of others, fetched, changed, checked, swapped in.
 * The parts are in tools/update; here is their order, and what is told.
 */
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tools/metsuke/rules_set.h"
#include "tools/metsuke/view.h"
#include "tools/update/change.h"
#include "tools/update/fetch.h"
#include "tools/update/unpack.h"
#include "tools/update/versions.h"

#define SETS_MAX 256
#define ERROR_BYTES 1024

struct update {
	const struct config *config;
	const char *dir;
	struct listing rules;
	char *configs[2]; /* classification.config, reference.config, of the last source that has them */
	size_t config_sizes[2];
	json_t *result;   /* what is told at the end */
	const char *source; /* in hand */
	char staged[PATH_MAX], version[VERSION_NAME];
	char error[ERROR_BYTES];
};

static const char *const config_names[2] = {"classification.config", "reference.config"};

static const char *setting(const struct update *u, const char *name, const char *what)
{
	char key[128];

	snprintf(key, sizeof(key), "%s.%s", name, what);
	return config_map_get(&u->config->rule_sources, key);
}

/* ---- sources ---- */

static int file_found(const char *name, const char *bytes, size_t size, void *arg)
{
	struct update *u = arg;

	for (int i = 0; i < 2; i++)
		if (strcmp(name, config_names[i]) == 0) {
			free(u->configs[i]);
			u->configs[i] = malloc(size + 1);
			if (!u->configs[i])
				return -ENOMEM;
			memcpy(u->configs[i], bytes, size);
			u->config_sizes[i] = size;
			return 0;
		}
	return listing_read_memory(&u->rules, name, bytes, size);
}

static void source_told(struct update *u, const char *state, size_t bytes, size_t rules, const char *why)
{
	json_t *o = json_pack("{s:s s:s s:I s:I}", "name", u->source, "state", state, "bytes",
			      (json_int_t)bytes, "rules", (json_int_t)rules);

	if (*why)
		json_object_set_new(o, "why", json_string(why));
	json_array_append_new(json_object_get(u->result, "sources"), o);
}

static int source_fetch(struct update *u, const char *url, const char *path)
{
	struct fetch_source s = {.name = u->source,
				 .url = url,
				 .path = path,
				 .checksum = setting(u, u->source, "checksum"),
				 .ca_file = *u->config->courier_ca ? u->config->courier_ca : NULL,
				 .max_bytes = FETCH_BYTES_MAX,
				 .timeout_s = FETCH_TIMEOUT_S};
	char keep[PATH_MAX], key[128];
	struct fetched f;
	size_t before = u->rules.count;
	int err;

	if (s.checksum && strcmp(s.checksum, "md5") != 0 && strcmp(s.checksum, "sha256") != 0) {
		snprintf(u->error, sizeof(u->error), "rule_update.sources.%s.checksum: \"%s\" is not md5 or "
			 "sha256", u->source, s.checksum);
		return -EINVAL;
	}
	snprintf(key, sizeof(key), "%s.max_bytes", u->source);
	s.max_bytes = config_map_size(&u->config->rule_sources, key, s.max_bytes);
	snprintf(key, sizeof(key), "%s.timeout", u->source);
	s.timeout_s = (unsigned)config_map_size(&u->config->rule_sources, key, s.timeout_s);
	snprintf(keep, sizeof(keep), "%.3800s/kept", u->dir);
	u->error[0] = '\0';
	err = fetch(&s, keep, &f, u->error, sizeof(u->error));
	if (err)
		return err;
	if (f.kept)
		fprintf(stderr, "metsuke: source %s: %s; what was fetched before is used\n", u->source,
			u->error);
	err = unpack(f.data, f.size, url ? url : path, file_found, u, u->error, sizeof(u->error));
	if (!err)
		source_told(u, !url          ? "read"
			       : f.kept      ? "kept"
			       : f.unchanged ? "unchanged"
					     : "fetched", f.size,
			    u->rules.count - before, f.kept ? u->error : "");
	free(f.data);
	return err;
}

static bool is_folder(const char *path)
{
	char inside[PATH_MAX];

	return snprintf(inside, sizeof(inside), "%s/.", path) < (int)sizeof(inside) && access(inside, X_OK) == 0;
}

static int source_take(struct update *u, const char *name)
{
	const char *url = setting(u, name, "url"), *path = setting(u, name, "path");
	size_t before = u->rules.count;
	int err;

	u->source = name;
	if (!fetch_name_good(name) || !url == !path) {
		snprintf(u->error, sizeof(u->error), "rule_update.sources.%.64s: give it a url or a path; its "
			 "name may hold letters, digits, - and _", name);
		return -EINVAL;
	}
	if (path && is_folder(path)) {
		err = listing_read(&u->rules, path);
		snprintf(u->error, sizeof(u->error), "%s", u->rules.error);
		if (!err)
			source_told(u, "read", 0, u->rules.count - before, "");
	} else {
		err = source_fetch(u, url, path);
	}
	for (size_t i = before; i < u->rules.count; i++)
		u->rules.rules[i].file = name;
	if (!err && u->rules.count == before) {
		snprintf(u->error, sizeof(u->error), "there is no rule in it");
		err = -ENOENT;
	}
	return err;
}

/* Names of the sources, each once. */
static int sources_take(struct update *u)
{
	const struct config_map *m = &u->config->rule_sources;
	json_t *seen = json_object();
	const char *name;
	json_t *value;
	int err = 0;

	for (size_t i = 0; i < m->count; i++) {
		char text[80];

		snprintf(text, sizeof(text), "%.*s", (int)strcspn(m->keys[i], "."), m->keys[i]);
		json_object_set_new(seen, text, json_true());
	}
	if (!json_object_size(seen)) {
		fprintf(stderr, "metsuke: no source of rules is configured: rule_update.sources.NAME.url or "
				".path\n");
		err = -ENOENT;
	}
	json_object_foreach(seen, name, value) {
		if (!err && (err = source_take(u, name)) != 0)
			fprintf(stderr, "metsuke: source %s: %s\n", name,
				*u->error ? u->error : strerror(-err));
	}
	/* Rules point to names of sources: they must outlive this. */
	for (size_t i = 0; i < u->rules.count && !err; i++) {
		const char *file = u->rules.rules[i].file;

		for (size_t k = 0; k < m->count; k++)
			if (strncmp(m->keys[k], file, strlen(file)) == 0 && m->keys[k][strlen(file)] == '.') {
				u->rules.rules[i].file = m->keys[k];
				break;
			}
	}
	json_decref(seen);
	return err;
}

/* ---- changing and staging ---- */

static int rules_change(struct update *u)
{
	const struct config *c = u->config;
	struct changes *changes = changes_new(&c->rule_enable, &c->rule_disable, &c->rule_modify, u->error,
					      sizeof(u->error));
	struct change_counts n;

	if (!changes) {
		fprintf(stderr, "metsuke: rule_update: %s\n", u->error);
		return -EINVAL;
	}
	listing_finish(&u->rules);
	changes_apply(changes, &u->rules, &n);
	changes_free(changes);
	if (n.broken)
		fprintf(stderr, "metsuke: rule_update.modify would have made no rule of %zu: they are left as "
				"they were\n", n.broken);
	json_object_set_new(u->result, "changed_here",
			    json_pack("{s:I s:I s:I}", "enabled", (json_int_t)n.enabled, "disabled",
				      (json_int_t)n.disabled, "modified", (json_int_t)n.modified));
	return 0;
}

/* Rules of the source whose key begins at key: one file. */
static int source_write(struct update *u, const char *key)
{
	size_t name = strcspn(key, "."), bytes = 0, n = 0;
	char path[PATH_MAX], *text;
	int err;

	for (size_t i = 0; i < u->rules.count; i++)
		if (u->rules.rules[i].file == key)
			bytes += strlen(u->rules.rules[i].text) + 4;
	text = malloc(bytes + 1);
	if (!text)
		return -ENOMEM;
	for (size_t i = 0; i < u->rules.count; i++) {
		const struct listed_rule *r = &u->rules.rules[i];

		if (r->file == key)
			n += (size_t)snprintf(text + n, bytes + 1 - n, "%s%s\n", r->disabled ? "# " : "",
					      r->text);
	}
	snprintf(path, sizeof(path), "%.3900s/%.*s.rules", u->staged, (int)name, key);
	err = n ? versions_write_file(path, text, n) : 0;
	free(text);
	return err;
}

static int version_stage(struct update *u)
{
	const struct config_map *m = &u->config->rule_sources;
	char path[PATH_MAX];
	int err = versions_stage(u->dir, u->staged, sizeof(u->staged));

	for (size_t i = 0; i < m->count && !err; i++)
		err = source_write(u, m->keys[i]);
	for (int i = 0; i < 2 && !err; i++) {
		snprintf(path, sizeof(path), "%.3900s/%s", u->staged, config_names[i]);
		if (u->configs[i])
			err = versions_write_file(path, u->configs[i], u->config_sizes[i]);
	}
	if (err)
		fprintf(stderr, "metsuke: the new rules cannot be written to %s: %s\n", u->staged,
			strerror(-err));
	return err;
}

/* ---- judging ---- */

static void first_problems(const struct ruleset_report *r)
{
	unsigned shown = 0;

	for (size_t i = 0; i < r->problem_count && shown < 5; i++)
		if (r->problems[i].refused) {
			fprintf(stderr, "  rule %u: %s\n", r->problems[i].sid, r->problems[i].reason);
			shown++;
		}
}

static int version_check(struct update *u, bool force)
{
	char pattern[PATH_MAX], *files[] = {pattern};
	struct ruleset_report r = {0};
	struct ruleset *set;
	double share;
	int err = 0;

	snprintf(pattern, sizeof(pattern), "%.4000s/*.rules", u->staged);
	set = rules_set_read_files(u->config, files, 1, &r);
	if (!set)
		return -EINVAL;
	share = r.active ? 100.0 * (double)r.loaded / (double)r.active : 0;
	json_object_set_new(u->result, "check",
			    json_pack("{s:I s:I s:I s:f}", "active", (json_int_t)r.active, "loaded",
				      (json_int_t)r.loaded, "refused", (json_int_t)r.refused, "percent", share));
	if ((!r.loaded || share < (double)u->config->rule_loadable) && !force) {
		fprintf(stderr, "metsuke: only %zu of %zu rules load (%.2f %%), %llu %% must "
				"(rule_update.loadable): the rules stay as they were\n", r.loaded, r.active,
			share, (unsigned long long)u->config->rule_loadable);
		first_problems(&r);
		err = -EINVAL;
	}
	ruleset_report_clear(&r);
	ruleset_free(set);
	return err;
}

static void difference_count(const struct listed_difference *d, void *arg)
{
	size_t *count = arg;

	count[d->change]++;
}

/* What differs from the version in use; all, if there is none. */
static size_t version_compare(struct update *u)
{
	size_t count[5] = {0}, sum = 0;
	struct listing before = {0}, after = {0};
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "%.4000s/current", u->dir);
	if (access(path, X_OK) == 0)
		(void)listing_read(&before, path);
	listing_finish(&before);
	(void)listing_read(&after, u->staged);
	listing_finish(&after);
	listing_compare(&before, &after, difference_count, count);
	for (int i = 0; i < 5; i++)
		sum += count[i];
	json_object_set_new(u->result, "changes",
			    json_pack("{s:I s:I s:I s:I s:I}", "added", (json_int_t)count[LISTED_ADDED],
				      "removed", (json_int_t)count[LISTED_REMOVED], "enabled",
				      (json_int_t)count[LISTED_ENABLED], "disabled",
				      (json_int_t)count[LISTED_DISABLED], "changed",
				      (json_int_t)count[LISTED_CHANGED]));
	listing_free(&before);
	listing_free(&after);
	return sum;
}

/* ---- telling ---- */

static void result_print(const json_t *r)
{
	const json_t *changes = json_object_get(r, "changes"), *here = json_object_get(r, "changed_here");
	size_t i;
	json_t *s;

	json_array_foreach(json_object_get(r, "sources"), i, s)
		printf("source %s: %s, %s rules\n", cli_text(s, "name"), cli_text(s, "state"),
		       cli_text(s, "rules"));
	printf("here: %s enabled, %s disabled, %s modified\n", cli_text(here, "enabled"),
	       cli_text(here, "disabled"), cli_text(here, "modified"));
	printf("%s of %s rules load (%s %%)\n", cli_text(r, "check.loaded"), cli_text(r, "check.active"),
	       cli_text(r, "check.percent"));
	printf("%s added, %s removed, %s enabled, %s disabled, %s changed\n", cli_text(changes, "added"),
	       cli_text(changes, "removed"), cli_text(changes, "enabled"), cli_text(changes, "disabled"),
	       cli_text(changes, "changed"));
	printf("%s\n", cli_text(r, "outcome"));
}

static bool is_configured(const struct config *c)
{
	char part[PATH_MAX];

	snprintf(part, sizeof(part), "%.4000s/current/", c->rule_dir);
	for (size_t i = 0; i < c->rules.count; i++)
		if (strncmp(c->rules.items[i], part, strlen(part)) == 0)
			return true;
	return false;
}

/* The running engine takes them; none runs: it will when it starts. */
static int engine_reload(const struct config *c, const char *socket, json_t *result)
{
	const char *path = socket ? socket : c->socket;
	json_t *reply;

	json_object_set_new(result, "reloaded", json_false());
	if (!*path || access(path, F_OK) != 0)
		return EXIT_GOOD;
	reply = cli_call(path, NULL, "rules.reload", NULL);
	if (!reply)
		return EXIT_FAILED;
	json_object_set_new(result, "reloaded", json_true());
	json_object_set_new(result, "engine", json_string(cli_text(reply, "summary")));
	json_decref(reply);
	return EXIT_GOOD;
}

static int version_use(struct update *u, const char *socket, bool reload)
{
	int err = versions_commit(u->dir, u->staged, (unsigned)u->config->rule_keep, u->version), status;
	char text[PATH_MAX];

	if (err) {
		fprintf(stderr, "metsuke: the new rules cannot be put in use: %s\n", strerror(-err));
		return EXIT_FAILED;
	}
	json_object_set_new(u->result, "version", json_string(u->version));
	status = reload ? engine_reload(u->config, socket, u->result) : EXIT_GOOD;
	snprintf(text, sizeof(text), "version %s is in use%s%s", u->version,
		 json_is_true(json_object_get(u->result, "reloaded")) ? "; the engine took it: " : "",
		 cli_text(u->result, "engine"));
	json_object_set_new(u->result, "outcome", json_string(text));
	if (!is_configured(u->config))
		fprintf(stderr, "metsuke: rules: does not name %s/current/*.rules: the engine does not read "
				"them\n", u->dir);
	return status;
}

static int update_run(struct update *u, const char *socket, bool reload, bool force, bool dry)
{
	int err = sources_take(u), status = EXIT_GOOD;

	if (!err)
		err = rules_change(u);
	if (!err)
		err = version_stage(u);
	if (!err)
		err = version_check(u, force);
	if (err) {
		if (*u->staged)
			versions_unstage(u->staged);
		return EXIT_FAILED;
	}
	if (!version_compare(u) || dry) {
		versions_unstage(u->staged);
		json_object_set_new(u->result, "outcome",
				    json_string(dry ? "a dry run: the rules stay as they were"
						    : "nothing changed"));
	} else {
		status = version_use(u, socket, reload);
	}
	if (cli_json)
		cli_print_json(u->result);
	else if (json_object_get(u->result, "outcome"))
		result_print(u->result);
	return status;
}

/* ---- the commands ---- */

static int lock_dir(const char *dir)
{
	int fd = versions_lock(dir);

	if (fd == -EBUSY)
		fprintf(stderr, "metsuke: another update of the rules in %s is under way\n", dir);
	else if (fd < 0)
		fprintf(stderr, "metsuke: %s cannot be used: %s (rule_update.dir)\n", dir, strerror(-fd));
	return fd;
}

int command_rules_update(const struct cli_command *self, int argc, char **argv)
{
	const char *sets[SETS_MAX];
	struct cli_option o[] = {{"--config", 'c', true, NULL, NULL, 0, 0},
				 {"--set", 0, true, NULL, sets, SETS_MAX, 0},
				 {"--socket", 0, true, NULL, NULL, 0, 0},
				 {"--no-reload", 0, false, NULL, NULL, 0, 0},
				 {"--force", 0, false, NULL, NULL, 0, 0},
				 {"--dry-run", 0, false, NULL, NULL, 0, 0},
				 NO_MORE_OPTIONS};
	struct update u = {0};
	struct config *c;
	int status, lock;

	if (cli_parse(self, o, argc, argv) != 0)
		return cli_usage(self);
	c = config_new();
	status = c ? cli_config(c, o[0].value, sets, o[1].count) : EXIT_FAILED;
	if (!status) {
		u.config = c;
		u.dir = c->rule_dir;
		u.result = json_pack("{s:[]}", "sources");
		lock = lock_dir(u.dir);
		status = lock < 0 ? EXIT_FAILED
				  : update_run(&u, o[2].value, !o[3].value, o[4].value, o[5].value);
		if (lock >= 0)
			close(lock);
	}
	json_decref(u.result);
	listing_free(&u.rules);
	free(u.configs[0]);
	free(u.configs[1]);
	config_free(c);
	return status;
}

/* The version before the current one; NULL: there is none. */
static const char *version_before(const struct version *list, int count)
{
	for (int i = 1; i < count; i++)
		if (list[i].current)
			return list[i - 1].name;
	return NULL;
}

static int rollback(const struct config *c, const char *name, const char *socket, bool reload)
{
	static struct version list[VERSIONS_LIST_MAX];
	int count = versions_list(c->rule_dir, list, VERSIONS_LIST_MAX), err, status = EXIT_GOOD;
	json_t *result;

	if (!name)
		name = version_before(list, count);
	err = name ? versions_switch(c->rule_dir, name) : -ENOENT;
	if (err) {
		fprintf(stderr, "metsuke: there is no %s%s in %s\n", name ? "version " : "version before this "
			"one", name ? name : "", c->rule_dir);
		return EXIT_FAILED;
	}
	result = json_pack("{s:s}", "version", name);
	if (reload)
		status = engine_reload(c, socket, result);
	if (cli_json)
		cli_print_json(result);
	else
		printf("version %s is in use%s%s\n", name,
		       json_is_true(json_object_get(result, "reloaded")) ? "; the engine took it: " : "",
		       cli_text(result, "engine"));
	json_decref(result);
	return status;
}

int command_rules_rollback(const struct cli_command *self, int argc, char **argv)
{
	const char *sets[SETS_MAX];
	struct cli_option o[] = {{"--config", 'c', true, NULL, NULL, 0, 0},
				 {"--set", 0, true, NULL, sets, SETS_MAX, 0},
				 {"--socket", 0, true, NULL, NULL, 0, 0},
				 {"--no-reload", 0, false, NULL, NULL, 0, 0},
				 NO_MORE_OPTIONS};
	int count = cli_parse(self, o, argc, argv), status, lock;
	struct config *c;

	if (count < 0 || count > 1)
		return cli_usage(self);
	c = config_new();
	status = c ? cli_config(c, o[0].value, sets, o[1].count) : EXIT_FAILED;
	if (!status) {
		lock = lock_dir(c->rule_dir);
		status = lock < 0 ? EXIT_FAILED
				  : rollback(c, count ? argv[0] : NULL, o[2].value, !o[3].value);
		if (lock >= 0)
			close(lock);
	}
	config_free(c);
	return status;
}

int command_rules_versions(const struct cli_command *self, int argc, char **argv)
{
	static const struct cli_column columns[] = {{"VERSION", "version", false, 0},
						    {"IN USE", "current", false, 0},
						    NO_MORE_COLUMNS};
	static struct version list[VERSIONS_LIST_MAX];
	const char *sets[SETS_MAX];
	struct cli_option o[] = {{"--config", 'c', true, NULL, NULL, 0, 0},
				 {"--set", 0, true, NULL, sets, SETS_MAX, 0},
				 NO_MORE_OPTIONS};
	struct config *c;
	json_t *rows;
	int status, count;

	if (cli_parse(self, o, argc, argv) != 0)
		return cli_usage(self);
	c = config_new();
	status = c ? cli_config(c, o[0].value, sets, o[1].count) : EXIT_FAILED;
	if (!status) {
		rows = json_array();
		count = versions_list(c->rule_dir, list, VERSIONS_LIST_MAX);
		for (int i = count; i-- > 0;)
			json_array_append_new(rows, json_pack("{s:s s:b}", "version", list[i].name, "current",
							      list[i].current));
		status = view_show(rows, columns, "no rules have been fetched yet");
	}
	config_free(c);
	return status;
}
