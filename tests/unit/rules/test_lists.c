/* SPDX-License-Identifier: BSD-3-Clause
 *
 * rules/lists: values, several threads at one list, files and the folders they may not leave.
 */
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/unit/rules/rule_tests.h"

#include "rules/lists/lists.h"
#include "rules/lists/reputation.h"

static char folder[] = "/tmp/metsuke-lists-XXXXXX";

static const uint8_t *bytes(const char *text)
{
	return (const uint8_t *)text;
}

static const char *inside(const char *name)
{
	static char path[2][256];
	static unsigned turn;

	turn = !turn;
	snprintf(path[turn], sizeof(path[turn]), "%s/%s", folder, name);
	return path[turn];
}

static void file_write(const char *name, const char *text)
{
	FILE *f = fopen(inside(name), "w");

	assert_non_null(f);
	fputs(text, f);
	fclose(f);
}

static void file_is(const char *name, const char *want)
{
	char text[256] = "";
	FILE *f = fopen(inside(name), "r");

	assert_non_null(f);
	text[fread(text, 1, sizeof(text) - 1, f)] = '\0';
	fclose(f);
	assert_string_equal(text, want);
}

static void values(void **state)
{
	struct list *l = list_new(LIST_STRING, 0, 0);

	(void)state;
	assert_null(list_find(l, bytes("evil"), 4));
	assert_int_equal(list_add(l, bytes("evil"), 4, 9, "{}", 2), LIST_NEW);
	assert_int_equal(list_add(l, bytes("evil"), 4, 1, NULL, 0), LIST_KNOWN);
	assert_int_equal(list_find(l, bytes("evil"), 4)->reputation, 9);
	assert_null(list_find(l, bytes("evi"), 3));
	assert_true(list_remove(l, bytes("evil"), 4));
	assert_false(list_remove(l, bytes("evil"), 4));
	assert_null(list_find(l, bytes("evil"), 4));
	assert_int_equal(list_add(l, bytes("evil"), 4, 0, NULL, 0), LIST_NEW);
	assert_int_equal(list_count(l), 1);
	assert_int_equal(list_changes(l), 3);
	assert_int_equal(list_add(l, bytes(""), 0, 0, NULL, 0), LIST_BAD);
	list_put(l);

	l = list_new(LIST_IP, 0, 0);
	assert_int_equal(list_add(l, bytes("\x0a\x00\x00\x01"), 4, 0, NULL, 0), LIST_NEW);
	assert_non_null(list_find(l, bytes("\0\0\0\0\0\0\0\0\0\0\xff\xff\x0a\0\0\1"), 16));
	assert_int_equal(list_add(l, bytes("12345"), 5, 0, NULL, 0), LIST_BAD);
	list_put(l);
}

static void memcap(void **state)
{
	struct list *l;
	unsigned n = 0;

	(void)state;
	errno = 0;
	assert_null(list_new(LIST_STRING, 1000, 0));
	assert_int_equal(errno, EINVAL);
	l = list_new(LIST_STRING, 104000 + 64 + 40, 1);
	while (list_add(l, (const uint8_t *)&n, sizeof(n), 0, NULL, 0) == LIST_NEW)
		n++;
	assert_int_equal(n, 10);
	assert_int_equal(list_add(l, (const uint8_t *)&n, sizeof(n), 0, NULL, 0), LIST_FULL);
	assert_int_equal(list_count(l), 10);
	list_put(l);
}

#define THREADS 4
#define VALUES 20000

struct thread_part {
	struct list *list;
	uint32_t fresh;
};

static void *add_all(void *arg)
{
	struct thread_part *t = arg;

	for (uint32_t i = 0; i < VALUES; i++)
		t->fresh += list_add(t->list, (const uint8_t *)&i, sizeof(i), 0, NULL, 0) == LIST_NEW;
	for (uint32_t i = 0; i < VALUES; i++)
		if (!list_find(t->list, (const uint8_t *)&i, sizeof(i)))
			return t;
	return NULL;
}

/* Each value is new to one of them alone, and seen by all. */
static void threads(void **state)
{
	struct list *l = list_new(LIST_STRING, 16 << 20, 64);
	struct thread_part parts[THREADS];
	pthread_t ids[THREADS];
	uint32_t fresh = 0;

	(void)state;
	for (unsigned i = 0; i < THREADS; i++) {
		parts[i] = (struct thread_part){l, 0};
		assert_int_equal(pthread_create(&ids[i], NULL, add_all, &parts[i]), 0);
	}
	for (unsigned i = 0; i < THREADS; i++) {
		void *failed;

		pthread_join(ids[i], &failed);
		assert_null(failed);
		fresh += parts[i].fresh;
	}
	assert_int_equal(fresh, VALUES);
	assert_int_equal(list_count(l), VALUES);
	list_put(l);
}

static char error[512];

static struct list *open_list(struct lists *in, const struct lists_options *o, struct list_request r)
{
	struct list *l;

	error[0] = '\0';
	r.rule_file = inside("a.rules");
	if (!r.name)
		r.name = "l";
	l = lists_open(in, o, &r, error, sizeof(error));
	list_put(l);
	return l;
}

#define REQUEST(...) ((struct list_request){__VA_ARGS__})

static void loading(void **state)
{
	const struct lists_options o = {.dir = folder};
	struct lists *in = lists_new();
	struct list *l;

	(void)state;
	file_write("good", "# hosts\nZXZpbA==\r\n\nYmFk\n");
	file_write("rep", "ZXZpbA==,200\n");
	file_write("hash", "1d5920f4b44b27a802bd77c4f0536f5a  setup.exe\n");
	file_write("bad", "ZXZpbA==\nZXZpb!==\n");
	file_write("json", "{\"a\":{\"b\":[{\"v\":{\"host\":\"evil\",\"n\":1}},{\"x\":2}]}}");
	l = open_list(in, &o, REQUEST(.load = "good"));
	assert_int_equal(list_count(l), 2);
	assert_non_null(list_find(l, bytes("evil"), 4));
	assert_ptr_equal(open_list(in, &o, REQUEST(.type = -1)), l);
	assert_null(open_list(in, &o, REQUEST(.type = LIST_MD5)));
	assert_non_null(strstr(error, "another type"));
	l = open_list(in, &o, REQUEST(.name = "r", .load = "rep", .kind = LIST_REPUTATION));
	assert_int_equal(list_find(l, bytes("evil"), 4)->reputation, 200);
	assert_null(open_list(in, &o, REQUEST(.name = "x", .load = "rep")));
	assert_non_null(strstr(error, "datarep only"));
	assert_non_null(open_list(in, &o, REQUEST(.name = "h", .type = LIST_MD5, .load = "hash")));
	assert_null(open_list(in, &o, REQUEST(.name = "x", .load = "bad")));
	assert_non_null(strstr(error, "line 2"));
	assert_null(open_list(in, &o, REQUEST(.name = "x", .load = "none")));
	assert_null(open_list(in, &o, REQUEST(.name = "x", .type = -1)));
	assert_non_null(strstr(error, "no type"));
	l = open_list(in, &o, REQUEST(.name = "j", .load = "json", .kind = LIST_CONTEXT, .format = FORMAT_JSON,
				      .value_key = "v.host", .array_key = "a.b", .remove_key = true));
	assert_non_null(l);
	assert_memory_equal(list_find(l, bytes("evil"), 4)->bytes, "evil{\"v\":{\"n\":1}}", 17);
	lists_free(in);
}

/* What rules added is there after a reload and after a restart. */
static void states(void **state)
{
	struct lists_options o = {.state_dir = folder, .kept = lists_new()};
	struct lists *in = lists_new();
	struct list *l = open_list(in, &o, REQUEST(.state = "seen"));

	(void)state;
	assert_non_null(l);
	list_add(l, bytes("evil"), 4, 0, NULL, 0);
	lists_free(in);
	in = lists_new();
	assert_ptr_equal(open_list(in, &o, REQUEST(.state = "seen")), l);
	assert_null(open_list(in, &o, REQUEST(.state = "other")));
	assert_non_null(strstr(error, "elsewhere"));
	assert_int_equal(lists_save(o.kept, error, sizeof(error)), 0);
	file_is("seen", "ZXZpbA==\n");
	lists_free(in);
	lists_free(o.kept);

	o.kept = lists_new();
	in = lists_new();
	l = open_list(in, &o, REQUEST(.state = "seen"));
	assert_non_null(list_find(l, bytes("evil"), 4));
	lists_free(in);
	lists_free(o.kept);
}

static void folders(void **state)
{
	const char *allowed[] = {folder};
	struct lists_options o = {.dir = folder, .state_dir = folder};
	struct lists *in = lists_new();

	(void)state;
	file_write("good", "ZXZpbA==\n");
	assert_int_equal(symlink("/etc/hostname", inside("out")), 0);
	assert_null(open_list(in, &o, REQUEST(.load = "out")));
	assert_null(open_list(in, &o, REQUEST(.load = "../etc/hostname")));
	assert_non_null(strstr(error, "leads out"));
	assert_null(open_list(in, &o, REQUEST(.state = "a/../../b")));
	assert_null(open_list(in, &o, REQUEST(.load = "/etc/hostname")));
	assert_non_null(strstr(error, "datasets.folders"));
	assert_null(open_list(in, &o, REQUEST(.save = "/tmp/seen")));
	o.folders = allowed;
	o.folder_count = 1;
	assert_non_null(open_list(in, &o, REQUEST(.load = inside("good"))));
	assert_null(open_list(in, &o, REQUEST(.name = "m", .load = "/etc/hostname")));
	o.no_write = true;
	assert_null(open_list(in, &o, REQUEST(.name = "m", .save = "seen")));
	assert_non_null(strstr(error, "allow_write"));
	o.state_dir = NULL;
	o.no_write = false;
	assert_null(open_list(in, &o, REQUEST(.name = "m", .save = "seen")));
	lists_free(in);
}

static int score(const struct reputation *r, unsigned category, const char *address)
{
	struct addr a;
	int version = addr_parse(address, &a);

	return reputation_of(r, category, &a, (uint8_t)version);
}

static void reputations(void **state)
{
	char file[256];
	const char *files[] = {file};
	struct reputation *r;
	size_t bad;

	(void)state;
	file_write("categories", "1,Bad,very bad\n2,Scan,scanners\n99,Far,too far\n");
	file_write("scores", "# comment\n10.1.0.0/16,1,50\n10.1.2.3,1,0\n10.1.2.0/24,2,7\n"
			     "2001:db8::/32,1,99\n10.0.0.1,1,128\nnonsense\n");
	snprintf(file, sizeof(file), "%s", inside("scores"));
	r = reputation_read(inside("categories"), files, 1, &bad, error, sizeof(error));
	assert_non_null(r);
	assert_int_equal(bad, 3);
	assert_int_equal(reputation_category(r, "Scan", 4), 2);
	assert_int_equal(reputation_category(r, "Sca", 3), 0);
	assert_int_equal(score(r, 1, "10.1.9.9"), 50);
	assert_int_equal(score(r, 1, "10.1.2.3"), 0);
	assert_int_equal(score(r, 2, "10.1.2.3"), 7);
	assert_int_equal(score(r, 2, "10.1.9.9"), -1);
	assert_int_equal(score(r, 1, "2001:db8::5"), 99);
	assert_int_equal(score(r, 1, "10.2.0.1"), -1);
	reputation_free(r);
	assert_null(reputation_read("/nonexistent", files, 1, &bad, error, sizeof(error)));
}

static void language(void **state)
{
	const struct rule *r = loads(HTTP("http.host; dataset:set,seen,type string,memcap 10mb,hashsize 512;"));

	(void)state;
	assert_int_equal(r->buffers[0].matches[0].u.dataset.command, DATASET_SET);
	loads(HTTP("http.host; dataset:set,seen,type string; http.user_agent; dataset:isset,seen;"));
	refused("alert ip any any -> any any (^geoip:src,DE; sid:1;)", "no database of countries");
	refused(HTTP("^dataset:isset,a,type string;"), "no buffer");
	refused(HTTP("http.host; dataset:^is,a,type string;"), "no command");
	refused(HTTP("http.host; dataset:isset,a,^kind string;"), "not understood");
	refused(HTTP("http.host; dataset:isset,a,^type text;"), "not understood");
	refused(HTTP("http.host; ^dataset:isset,a;"), "no type");
	refused(HTTP("http.host; dataset:isset,a,type string,^memcap 1x;"), "not understood");
	refused(HTTP("http.host; ^dataset:set,a,type string,memcap 10;"), "too small");
	refused(HTTP("http.host; ^dataset:isset,a,type string,state x,load y;"), "cannot stand beside");
	refused(HTTP("http.host; ^dataset:isset,a,type string,load y,value_key k;"), "JSON only");
	refused(HTTP("http.host; ^dataset:set,a,type string,load y,format json,value_key k,context_key c;"),
		"cannot be changed");
	refused(HTTP("http.host; ^dataset:set,a,type string,save x;"), "no folder");
	refused(HTTP("http.host; ^datarep:a,>,200,load x,type string;"), "no folder");
	refused(HTTP("http.host; datarep:a,^=>,200,load x,type string;"), "comparison");
	refused(HTTP("http.host; datarep:a,>,200,^state x;"), "not understood");
	refused(HTTP("^filemd5:list;"), "no folder");
	refused(TCP("iprep:src,^Bad,>,1;"), "no category");
	refused(TCP("iprep:^left,Bad,>,1;"), "no side");
}

static void entropies(void **state)
{
	const struct rule *r = loads(TCP("entropy:bytes 16, offset 2, value >= 7.25;"));
	const struct match_entropy *e = &r->buffers[0].matches[0].u.entropy;

	(void)state;
	assert_int_equal(e->op, NUMBER_GREATER_EQUAL);
	assert_true(e->low == 7.25);
	assert_int_equal(e->bytes, 16);
	assert_int_equal(e->offset, 2);
	loads(TCP("entropy:value 3.5-4;"));
	loads(TCP("entropy:value !3.5-4;"));
	refused(TCP("entropy:^value;"), "not understood");
	refused(TCP("entropy:^value 4-3;"), "not understood");
	refused(TCP("entropy:value 4,^value 5;"), "not understood");
	refused(TCP("^entropy:bytes 4;"), "value is missing");
}

static int folder_make(void **state)
{
	return mkdtemp(folder) ? reader_start(state) : -1;
}

static int folder_remove(void **state)
{
	static const char *const names[] = {"good", "rep", "hash", "bad", "json", "seen", "out", "categories",
					    "scores"};

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		unlink(inside(names[i]));
	return reader_stop(state) ? -1 : rmdir(folder);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(values),  cmocka_unit_test(memcap),      cmocka_unit_test(threads),
		cmocka_unit_test(loading), cmocka_unit_test(states),      cmocka_unit_test(folders),
		cmocka_unit_test(reputations), cmocka_unit_test(language),
		cmocka_unit_test(entropies),
	};

	return cmocka_run_group_tests(tests, folder_make, folder_remove);
}
