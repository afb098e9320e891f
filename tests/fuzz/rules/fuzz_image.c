/* SPDX-License-Identifier: BSD-3-Clause
 *
 * An image of rules with bytes changed, and a checksum that is right again: reading it must refuse it or
 * take it, and stay inside of it. The input is a list of changes: place (3 bytes), length (1), bytes.
 */
#include <assert.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "rules/image/format.h"

#define CHANGES_MAX 64

static const char rules[] =
	"alert http any any -> any [80,8080] (msg:\"a\"; http.uri; content:\"/gate.php\"; pcre:\"/x+y/R\"; "
	"flowbits:set,seen; metadata:a b; reference:url,example.org; sid:1;)\n"
	"alert tcp any any -> any 445 (msg:\"b\"; content:\"|ff|SMB\"; offset:4; depth:4; sid:2;)\n"
	"alert udp any 53 -> any any (msg:\"c\"; content:\"evil\"; nocase; content:\"example\"; sid:3;)\n"
	"alert ip [192.0.2.0/24,!192.0.2.7] any -> any any (msg:\"d\"; sid:4;)\n"
	"alert http any any -> any any (msg:\"refused\"; http.uri; sid:5;)\n";

static char folder[] = "/dev/shm/fuzz-image-XXXXXX", path[64];
static const struct image_key key = {{1, 2}};
static uint8_t *whole, *changed;
static size_t whole_bytes;

static void write_file(const char *name, const void *data, size_t bytes)
{
	int fd = open(name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	assert(fd >= 0 && write(fd, data, bytes) == (ssize_t)bytes);
	close(fd);
}

static void forget(void)
{
	unlink(path);
	rmdir(folder);
}

/* The image of the rules above. */
static void begin(void)
{
	const char *files[] = {path};
	const struct ruleset_options o = {.files = files, .file_count = 1};
	struct ruleset_report report;
	struct ruleset *set;
	char error[1024];
	struct stat st;
	int fd;

	assert(mkdtemp(folder));
	atexit(forget);
	snprintf(path, sizeof(path), "%s/file", folder);
	write_file(path, rules, sizeof(rules) - 1);
	set = ruleset_load(&o, &report, error, sizeof(error));
	assert(set && image_store(path, &key, set, &report, error, sizeof(error)));
	ruleset_free(set);
	ruleset_report_clear(&report);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	assert(fd >= 0 && fstat(fd, &st) == 0);
	whole_bytes = (size_t)st.st_size;
	whole = malloc(whole_bytes);
	changed = malloc(whole_bytes);
	assert(whole && changed && read(fd, whole, whole_bytes) == st.st_size);
	close(fd);
}

/* Half of the changes go to the head, where each byte counts. */
static size_t change(const uint8_t *data, size_t size)
{
	size_t bytes = whole_bytes;

	memcpy(changed, whole, whole_bytes);
	for (unsigned i = 0; i < CHANGES_MAX && size >= 5; i++) {
		size_t at = data[0] | (size_t)data[1] << 8 | (size_t)data[2] << 16, len = data[3];

		at %= i % 2 ? whole_bytes : sizeof(struct image_head);
		data += 4;
		size -= 4;
		if (len > size)
			len = size;
		if (len > whole_bytes - at)
			len = whole_bytes - at;
		memcpy(changed + at, data, len);
		data += len;
		size -= len;
	}
	if (size)
		bytes -= (size_t)data[0] * 16;
	return bytes;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char note[1024];
	struct image_head head;
	struct ruleset *set;
	XXH128_hash_t sum;
	size_t bytes;

	if (!whole)
		begin();
	if (!changed)
		abort();
	bytes = change(data, size);
	memcpy(&head, changed, sizeof(head));
	head.magic = IMAGE_MAGIC;
	head.key = key;
	head.bytes = bytes;
	memcpy(changed, &head, sizeof(head));
	sum = XXH3_128bits(changed + IMAGE_CHECKED_FROM, bytes - IMAGE_CHECKED_FROM);
	head.checksum[0] = sum.low64;
	head.checksum[1] = sum.high64;
	memcpy(changed, &head, sizeof(head));
	write_file(path, changed, bytes);
	set = image_load(path, &key, NULL, note, sizeof(note));
	assert(set || *note);
	ruleset_free(set);
	return 0;
}
