/* SPDX-License-Identifier: BSD-3-Clause
 *
 * rules/image: what is loaded from an image is what is loaded from the rule files; an image that is
 * not what it should be is not used.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "rules/image/image.h"
#include "tests/support/rule_grammar.h"
#include "tests/support/ruleset_compare.h"

#define GENERATED_SETS 12
#define RULES_A_SET 150
#define CHANGES 3
#define RULE_ROOM 8192

/* One of each kind of condition that points to something, and of each kind of group. */
static const char *const seeds[] = {
	"alert http $HOME_NET any -> any [80,8080] (msg:\"gate\"; flow:established,to_server; http.uri; "
	"content:\"/gate.php\"; pcre:\"/id=(?P<flow_id>[0-9]+)/R\"; http.host; content:\"evil.example\"; endswith; "
	"flowbits:isset,seen|other; reference:url,example.org; metadata:a b, c d; classtype:trojan-activity; "
	"threshold:type limit, track by_src, count 1, seconds 60; sid:1; rev:3;)",
	"alert tcp any any -> any 80 (msg:\"first\"; content:\"GET\"; depth:3; noalert; flowbits:set,seen; sid:2;)",
	"alert dns any any -> any any (msg:\"name\"; dns.query; to_lowercase; xor:\"0d0a\"; content:\"abc|00|\"; sid:3;)",
	"alert udp any 53 <> any any (msg:\"u\"; dsize:<200; content:\"|de ad|\"; offset:4; depth:2; byte_test:2,>,10,0; "
	"sid:4;)",
	"alert ip [192.0.2.0/24,!192.0.2.7] any -> any any (msg:\"list\"; sid:5;)",
	"alert tcp any any -> any any (msg:\"int\"; flowint:count,+,1; content:\"x1y2z3\"; nocase; sid:6;)",
	"alert tcp any any -> any any (msg:\"bits\"; xbits:set,bad,track ip_src,expire 60; hostbits:isset,h,src; "
	"flags:S; sid:7;)",
	"alert smb any any -> any any (msg:\"dce\"; dcerpc.iface:12345678-1234-abcd-ef00-0123456789ab,>1; "
	"dcerpc.opnum:1,3-5; sid:8;)",
	"alert modbus any any -> any any (msg:\"m\"; modbus:access write holding, address 500, value >200; sid:9;)",
	"alert tls any any -> any any (msg:\"t\"; tls.sni; content:\"a.example\"; bsize:9; tls.version:1.2; sid:10;)",
	"alert pkthdr any any -> any any (msg:\"e\"; decode-event:ipv4.pkt_too_small; sid:11;)",
	"alert http any any -> any any (msg:\"ev\"; app-layer-event:http.missing_host_header; sid:12;)",
	"alert tcp any any -> any any (msg:\"entropy\"; content:\"abcd\"; entropy: value >= 7; sid:13;)",
	"alert enip any any -> any any (msg:\"cip\"; cip_service:75; sid:14;)",
	"alert tcp any any -> any any (msg:\"proto\"; app-layer-protocol:!http; content:\"SSH-\"; startswith; sid:15;)",
	"drop tcp any any -> any any (msg:\"var\"; flowvar:id,\"7\"; content:\"a|3b|b\"; sid:16;)",
	"alert http any any -> any any (msg:\"body\"; http.request_body; base64_decode:offset 0; base64_data; "
	"content:\"deadbeef\"; sid:17;)",
	"alert tcp any any -> any 445 (msg:\"many\"; byte_extract:4,0,len,relative; content:\"|ff|SMB\"; "
	"isdataat:!len,relative; tag:session,5,packets; sid:18;)",
	"alert http any any -> any any (msg:\"refused\"; http.uri; sid:19;)",
	"alert tcp any any -> any any (msg:\"x\"; content:\"no end; sid:20;)",
	"alert ip any any -> any any (requires:version >= 99; sid:21;)",
};

static char folder[] = "/tmp/metsuke-image-XXXXXX", rules_path[64], cache[64];

static void write_text(const char *path, const char *text)
{
	FILE *f = fopen(path, "we");

	assert_non_null(f);
	fputs(text, f);
	fclose(f);
}

static void seeds_write(const char *more)
{
	FILE *f = fopen(rules_path, "we");

	assert_non_null(f);
	for (size_t i = 0; i < sizeof(seeds) / sizeof(*seeds); i++)
		fprintf(f, "%s\n", seeds[i]);
	fprintf(f, "%s", more);
	fclose(f);
}

static struct ruleset_options options_of(const char *file_list[1], const char *cache_dir)
{
	static const char *const names[] = {"HOME_NET", "EXTERNAL_NET", "HTTP_SERVERS", "SMTP_SERVERS", "SQL_SERVERS",
					    "DNS_SERVERS", "TELNET_SERVERS", "AIM_SERVERS", "DC_SERVERS",
					    "DNP3_SERVER", "DNP3_CLIENT", "MODBUS_CLIENT", "MODBUS_SERVER",
					    "ENIP_CLIENT", "ENIP_SERVER"};
	static const char *const values[] = {"[10.0.0.0/8,192.168.0.0/16]", "!$HOME_NET", "$HOME_NET", "$HOME_NET",
					     "$HOME_NET", "$HOME_NET", "$HOME_NET", "$EXTERNAL_NET", "$HOME_NET",
					     "$HOME_NET", "$HOME_NET", "$HOME_NET", "$HOME_NET", "$HOME_NET",
					     "$HOME_NET"};
	static const char *const ports[] = {"HTTP_PORTS", "SHELLCODE_PORTS", "ORACLE_PORTS", "SSH_PORTS", "DNP3_PORTS",
					    "MODBUS_PORTS", "FILE_DATA_PORTS", "FTP_PORTS", "GENEVE_PORTS",
					    "VXLAN_PORTS", "TEREDO_PORTS"};
	static const char *const port_values[] = {"80", "!80", "1521", "22", "20000", "502", "[$HTTP_PORTS,110,143]",
						  "21", "6081", "4789", "3544"};

	return (struct ruleset_options){
		.files = file_list, .file_count = 1, .cache_dir = cache_dir, .image_least = 1,
		.variables = {names, values, sizeof(names) / sizeof(*names), ports, port_values,
			      sizeof(ports) / sizeof(*ports)}};
}

static struct ruleset *load_from(const char *file, const char *cache_dir, struct ruleset_report *report)
{
	const char *files[1] = {file};
	const struct ruleset_options o = options_of(files, cache_dir);
	char error[1024] = "";
	struct ruleset *set = ruleset_load(&o, report, error, sizeof(error));

	if (!set)
		fail_msg("%s", error);
	return set;
}

static struct ruleset *load(const char *cache_dir, struct ruleset_report *report)
{
	return load_from(rules_path, cache_dir, report);
}

static void clear(struct ruleset *set, struct ruleset_report *report)
{
	ruleset_free(set);
	ruleset_report_clear(report);
}

/* The image of the rules at rules_path. */
static const char *image_of_rules(void)
{
	static char path[256];
	const char *files[1] = {rules_path};
	const struct ruleset_options o = options_of(files, cache);

	image_path(&o, path, sizeof(path));
	return path;
}

/* Loads without a cache, with a cold one and from the image: all three are the same. */
static void three_ways(const char *file, const char *more)
{
	struct ruleset_report plain, cold, warm;
	struct ruleset *sets[3] = {load_from(file, NULL, &plain)};
	char difference[512] = "";

	sets[1] = load_from(file, cache, &cold);
	assert_string_equal(cold.image_note, "");
	assert_false(cold.from_image);
	sets[2] = load_from(file, cache, &warm);
	assert_true(warm.from_image);
	assert_string_equal(warm.image_note, "");
	if (!ruleset_same(sets[0], sets[1], difference, sizeof(difference)) ||
	    !ruleset_same(sets[0], sets[2], difference, sizeof(difference)) ||
	    !report_same(&plain, &cold, difference, sizeof(difference)) ||
	    !report_same(&plain, &warm, difference, sizeof(difference)))
		fail_msg("%s%s", difference, more);
	clear(sets[0], &plain);
	clear(sets[1], &cold);
	clear(sets[2], &warm);
}

static void each_condition(void **state)
{
	struct ruleset_report report;
	struct ruleset *set;

	(void)state;
	seeds_write("");
	three_ways(rules_path, "");
	set = load(cache, &report);
	assert_int_equal(report.skipped, 1);
	assert_true(set->rule_count >= 15);
	clear(set, &report);
}

/* Rules of all keywords, many of which do not load. Lists and scripts are not in images. */
static void generated(void **state)
{
	struct grammar *g = grammar_new();
	char text[RULE_ROOM + 1], seed_text[32];

	(void)state;
	assert_non_null(g);
	for (size_t i = 0; i < sizeof(seeds) / sizeof(*seeds); i++)
		grammar_learn(g, seeds[i], strlen(seeds[i]));
	for (unsigned set = 0; set < GENERATED_SETS; set++) {
		FILE *f = fopen(rules_path, "we");

		assert_non_null(f);
		for (unsigned i = 0; i < RULES_A_SET; i++) {
			size_t len = strlen(seeds[i % (sizeof(seeds) / sizeof(*seeds))]);

			memcpy(text, seeds[i % (sizeof(seeds) / sizeof(*seeds))], len);
			for (unsigned k = 0; k < CHANGES; k++)
				len = grammar_mutate(g, text, len, RULE_ROOM, ((uint64_t)set << 32) + i * CHANGES + k);
			text[len] = '\0';
			if (strstr(text, "dataset") || strstr(text, "datarep") || strstr(text, "lua") ||
			    strstr(text, "iprep") || strstr(text, "filemd5") || strstr(text, "filesha"))
				continue;
			fprintf(f, "%s\n", text);
		}
		fclose(f);
		snprintf(seed_text, sizeof(seed_text), " (set %u)", set);
		three_ways(rules_path, seed_text);
	}
	grammar_free(g);
}

static void whole_set(const char *name)
{
	const char *shared = getenv("METSUKE_SHARED");
	char path[4096];

	snprintf(path, sizeof(path), "%s/rules/%s", shared ? shared : METSUKE_SHARED_DEFAULT, name);
	if (access(path, R_OK) != 0)
		skip();
	three_ways(path, name);
}

static void emerging_threats_2019(void **state)
{
	(void)state;
	whole_set("etopen-2019.rules");
}

static void emerging_threats_2025(void **state)
{
	(void)state;
	whole_set("etopen-2025.rules");
}

/* Whatever the rules are made of makes another key. */
static void what_changes_is_seen(void **state)
{
	const char *files[1] = {rules_path};
	struct ruleset_options o = options_of(files, cache);
	char classes[96], *const values[] = {"10.0.0.0/8"};
	static const char *const names[] = {"HOME_NET"};
	struct image_key key, other;

	(void)state;
	seeds_write("");
	assert_true(image_key(&o, &key));
	assert_true(image_key(&o, &other));
	assert_memory_equal(&key, &other, sizeof(key));
	seeds_write("# a comment\n");
	assert_true(image_key(&o, &other));
	assert_memory_not_equal(&key, &other, sizeof(key));
	seeds_write("");
	o.no_ja4 = true;
	assert_true(image_key(&o, &other));
	assert_memory_not_equal(&key, &other, sizeof(key));
	o = options_of(files, cache);
	o.action_order = "drop,pass,alert";
	assert_true(image_key(&o, &other));
	assert_memory_not_equal(&key, &other, sizeof(key));
	o = options_of(files, cache);
	o.variables.address_names = names;
	o.variables.address_values = (const char *const *)values;
	o.variables.address_count = 1;
	assert_true(image_key(&o, &other));
	assert_memory_not_equal(&key, &other, sizeof(key));
	o = options_of(files, cache);
	snprintf(classes, sizeof(classes), "%s/classes", folder);
	o.classification_file = classes;
	unlink(classes);
	assert_false(image_key(&o, &other));
	write_text(classes, "config classification: a,b,1\n");
	assert_true(image_key(&o, &key));
	write_text(classes, "config classification: a,b,2\n");
	assert_true(image_key(&o, &other));
	assert_memory_not_equal(&key, &other, sizeof(key));
	o.parse_only = true;
	assert_false(image_key(&o, &other));
}

/* Rules changed: the image is replaced, not used. */
static void newer_rules(void **state)
{
	struct ruleset_report report;
	struct ruleset *set;
	size_t before;

	(void)state;
	seeds_write("");
	clear(load(cache, &report), &report);
	set = load(cache, &report);
	before = set->rule_count;
	clear(set, &report);
	seeds_write("alert tcp any any -> any any (msg:\"new\"; content:\"brand new\"; sid:99;)\n");
	set = load(cache, &report);
	assert_false(report.from_image);
	assert_string_equal(report.image_note, "");
	assert_int_equal(set->rule_count, before + 1);
	clear(set, &report);
	set = load(cache, &report);
	assert_true(report.from_image);
	assert_int_equal(set->rule_count, before + 1);
	clear(set, &report);
}

/* What rules look up elsewhere may change without them. */
static void outside(void **state)
{
	static const char *const rules[] = {
		"alert dns any any -> any any (dns.query; dataset:isset,seen,type string; sid:90;)\n",
		"alert tcp any any -> any any (lua:none.lua; sid:91;)\n",
		"alert ip any any -> any any (iprep:src,Bad,>,1; sid:92;)\n",
		"alert http any any -> any any (filemd5:none.txt; sid:93;)\n",
	};
	struct ruleset_report report;
	struct ruleset *set;

	(void)state;
	for (size_t i = 0; i < sizeof(rules) / sizeof(*rules); i++) {
		seeds_write(rules[i]);
		clear(load(cache, &report), &report);
		set = load(cache, &report);
		assert_false(report.from_image);
		clear(set, &report);
	}
}

/* A few rules are read as fast. */
static void few(void **state)
{
	const char *files[1] = {rules_path};
	struct ruleset_options o = options_of(files, cache);
	struct ruleset_report report;
	struct ruleset *set;
	char error[256];

	(void)state;
	seeds_write("# few\n");
	o.image_least = 0;
	for (unsigned i = 0; i < 2; i++) {
		set = ruleset_load(&o, &report, error, sizeof(error));
		assert_non_null(set);
		assert_false(report.from_image);
		clear(set, &report);
	}
}

/* Rule files that come and go do not fill the folder. */
static void as_many_as_needed(void **state)
{
	struct ruleset_report report;
	struct ruleset *set;
	struct dirent *e;
	char path[128];
	unsigned count = 0;
	DIR *d;

	(void)state;
	for (unsigned i = 0; i < 20; i++) {
		snprintf(path, sizeof(path), "%s/other-%u.rules", folder, i);
		write_text(path, "alert tcp any any -> any any (content:\"abcd\"; sid:1;)\n");
		clear(load_from(path, cache, &report), &report);
	}
	set = load_from(path, cache, &report);
	assert_true(report.from_image);
	clear(set, &report);
	d = opendir(cache);
	assert_non_null(d);
	while ((e = readdir(d)) != NULL)
		count += strstr(e->d_name, ".rules-image") != NULL;
	closedir(d);
	assert_int_equal(count, 8);
}

static void used_again(void)
{
	struct ruleset_report report;

	clear(load(cache, &report), &report);
	clear(load(cache, &report), &report);
}

/* A writer that is killed half-way: its files stay while it lives, then the next load removes them. */
static void killed_writer(void **state)
{
	static const struct {
		const char *name;
		bool goes;
	} files[] = {
		{"0123456789abcdef.rules-image.%d.tmp", true}, {"0123.hsdb.%d.tmp", true}, {"notes.%d.tmp", false},
		{"0123.hsdb.%d", false}, {".hsdb.%d.tmp", false}, {"0123.hsdb.x%d.tmp", false},
		{"0123.hsdb%d.tmp", false}, {"0123.hsdb.10000000000%d.tmp", false},
	};
	pid_t writer = fork();
	char path[sizeof(files) / sizeof(*files)][160], name[96];

	(void)state;
	if (writer == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		pause();
		_exit(0);
	}
	assert_true(writer > 0);
	for (size_t i = 0; i < sizeof(files) / sizeof(*files); i++) {
		snprintf(name, sizeof(name), files[i].name, (int)writer);
		snprintf(path[i], sizeof(path[i]), "%s/%s", cache, name);
		write_text(path[i], "half of it");
	}
	used_again();
	for (size_t i = 0; i < sizeof(files) / sizeof(*files); i++)
		assert_int_equal(access(path[i], F_OK), 0);
	assert_int_equal(kill(writer, SIGKILL), 0);
	assert_int_equal(waitpid(writer, NULL, 0), writer);
	used_again();
	for (size_t i = 0; i < sizeof(files) / sizeof(*files); i++)
		if ((access(path[i], F_OK) != 0) != files[i].goes)
			fail_msg("%s", path[i]);
}

/* ---- images that are not to be used ---- */

static void refused(const char *because)
{
	struct ruleset_report report;
	struct ruleset *set = load(cache, &report);

	assert_false(report.from_image);
	if (!strstr(report.image_note, because))
		fail_msg("\"%s\" does not say %s", report.image_note, because);
	assert_true(set->rule_count >= 15);
	clear(set, &report);
}

static void usable(void)
{
	struct ruleset_report report;
	struct ruleset *set = load(cache, &report);
	bool used = report.from_image;

	clear(set, &report);
	assert_true(used);
}

static void byte_flip(off_t at)
{
	int fd = open(image_of_rules(), O_RDWR | O_CLOEXEC);
	uint8_t byte = 0;

	assert_true(fd >= 0 && pread(fd, &byte, 1, at) == 1);
	byte ^= 0x40;
	assert_int_equal(pwrite(fd, &byte, 1, at), 1);
	close(fd);
}

static off_t image_bytes(void)
{
	struct stat st;

	assert_int_equal(stat(image_of_rules(), &st), 0);
	return st.st_size;
}

static void damaged(void **state)
{
	off_t bytes;

	(void)state;
	seeds_write("");
	used_again();
	usable();
	bytes = image_bytes();
	for (off_t at = 24; at < bytes; at += at < 256 ? 1 : bytes / 50) {
		byte_flip(at);
		refused("damaged");
		usable();
	}
	byte_flip(3);
	refused("no image of rules");
	usable();
}

static void cut_short(void **state)
{
	static const off_t lengths[] = {0, 1, 100, 4096, 8192};

	(void)state;
	seeds_write("");
	used_again();
	for (size_t i = 0; i < sizeof(lengths) / sizeof(*lengths); i++) {
		assert_int_equal(truncate(image_of_rules(), lengths[i]), 0);
		refused(lengths[i] < 4096 ? "no size that an image can have" : "damaged");
		usable();
	}
	assert_int_equal(truncate(image_of_rules(), image_bytes() + 1), 0);
	refused("damaged");
	usable();
}

static void written_by_others(void **state)
{
	(void)state;
	seeds_write("");
	used_again();
	assert_int_equal(chmod(image_of_rules(), 0666), 0);
	refused("can be written by others");
	usable();
	assert_int_equal(chmod(cache, 0777), 0);
	refused("can be written by others");
	assert_int_equal(chmod(cache, 0755), 0);
	usable();
}

/* Not even one to an image that would be good. */
static void symbolic_link(void **state)
{
	char aside[300];

	(void)state;
	seeds_write("");
	used_again();
	snprintf(aside, sizeof(aside), "%s.aside", image_of_rules());
	assert_int_equal(rename(image_of_rules(), aside), 0);
	assert_int_equal(symlink(aside, image_of_rules()), 0);
	refused("not used");
	usable();
	unlink(aside);
}

/* Set up and tear down. */
static int begin(void **state)
{
	(void)state;
	if (!mkdtemp(folder))
		return -1;
	snprintf(rules_path, sizeof(rules_path), "%s/test.rules", folder);
	snprintf(cache, sizeof(cache), "%s/cache", folder);
	return mkdir(cache, 0755);
}

static void empty(const char *path)
{
	DIR *d = opendir(path);
	struct dirent *e;
	char name[512];

	while (d && (e = readdir(d)) != NULL) {
		snprintf(name, sizeof(name), "%s/%s", path, e->d_name);
		if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
			unlink(name);
	}
	if (d)
		closedir(d);
}

static int end(void **state)
{
	(void)state;
	empty(cache);
	rmdir(cache);
	empty(folder);
	return rmdir(folder);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_condition),       cmocka_unit_test(generated),
		cmocka_unit_test(emerging_threats_2019), cmocka_unit_test(emerging_threats_2025),
		cmocka_unit_test(what_changes_is_seen), cmocka_unit_test(newer_rules),
		cmocka_unit_test(outside),              cmocka_unit_test(few),
		cmocka_unit_test(as_many_as_needed),    cmocka_unit_test(killed_writer),
		cmocka_unit_test(damaged),              cmocka_unit_test(cut_short),
		cmocka_unit_test(written_by_others),    cmocka_unit_test(symbolic_link),
	};

	return cmocka_run_group_tests(tests, begin, end);
}
