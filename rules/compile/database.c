/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Compiled pattern databases: cache, children, and the compilation itself (see database.h).
 *
 * Exchange with a child, in two memfds. In: struct job_head, then for each literal its length
 * (u32) and bytes, padded to 4; job after job. Out: for each job struct result_head and the
 * serialized database. The child runs with limits on memory and time, so that no set of literals
 * can hurt the process that loads it; and it is spawned, never forked, so that the pages of a
 * running dataplane are not copied.
 */
#include "rules/compile/database.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#define CACHE_MAGIC 0x3162646873746d00ull /* "\0mtshdb1" */
#define CHILD_MEMORY_BYTES (2ull << 30)
#define CHILD_SECONDS 120
#define CHILDREN_MAX 16
#define HELPER_NAME "metsuke-compile"
#define HELPER_LEVELS 5 /* folders above this program in which it is looked for */

extern char **environ;

struct cache_head {
	uint64_t magic;
	uint64_t hash[2];
	uint64_t bytes;      /* of the database that follows */
	uint64_t checksum;   /* XXH3 of it */
};

struct job_head {
	uint32_t literal_count;
	uint32_t bytes;      /* of the literals that follow */
};

struct result_head {
	uint64_t bytes;      /* 0: could not be compiled */
};

/* ---- compilation ---- */

struct patterns {
	const char **texts;
	size_t *lens;
	unsigned *flags, *ids;
	char *escaped; /* texts of patterns_escape */
};

static void patterns_free(struct patterns *p)
{
	free(p->texts);
	free(p->lens);
	free(p->flags);
	free(p->ids);
	free(p->escaped);
}

static bool patterns_make(struct patterns *p, const struct database_job *job)
{
	uint32_t n = job->literal_count;

	*p = (struct patterns){calloc(n, sizeof(*p->texts)), calloc(n, sizeof(*p->lens)),
			       calloc(n, sizeof(*p->flags)), calloc(n, sizeof(*p->ids)), NULL};
	if (!p->texts || !p->lens || !p->flags || !p->ids)
		return false;
	for (uint32_t i = 0; i < n; i++) {
		p->texts[i] = (const char *)job->literals[i].data;
		p->lens[i] = job->literals[i].len;
		p->flags[i] = HS_FLAG_CASELESS;
		p->ids[i] = i;
	}
	return true;
}

/* The same as expressions, every byte written \xNN. */
static bool patterns_escape(struct patterns *p, const struct database_job *job)
{
	size_t bytes = 0;
	char *at;

	for (uint32_t i = 0; i < job->literal_count; i++)
		bytes += 4 * (size_t)job->literals[i].len + 1;
	at = p->escaped = malloc(bytes);
	if (!at)
		return false;
	for (uint32_t i = 0; i < job->literal_count; i++) {
		p->texts[i] = at;
		for (uint32_t k = 0; k < job->literals[i].len; k++)
			at += snprintf(at, 5, "\\x%02x", job->literals[i].data[k]);
		at++;
	}
	return true;
}

struct sighting {
	unsigned wanted;
	bool seen;
};

static int on_sight(unsigned id, unsigned long long from, unsigned long long to, unsigned flags,
		    void *context)
{
	struct sighting *s = context;

	s->seen |= id == s->wanted;
	return 0;
}

/* Does the database find each of its literals? Hyperscan 5.4.0 loses a few that repeat themselves. */
static bool database_finds_all(const struct database_job *job)
{
	hs_scratch_t *scratch = NULL;
	bool all = hs_alloc_scratch(job->out, &scratch) == HS_SUCCESS;

	for (uint32_t i = 0; i < job->literal_count && all; i++) {
		struct sighting s = {.wanted = i};

		hs_scan(job->out, (const char *)job->literals[i].data, job->literals[i].len, 0,
			scratch, on_sight, &s);
		all = s.seen;
	}
	if (scratch)
		hs_free_scratch(scratch);
	return all;
}

static bool patterns_compile(const struct patterns *p, struct database_job *job, bool literally,
			     char *error, size_t error_size)
{
	hs_compile_error_t *problem = NULL;
	hs_error_t rc;

	if (literally)
		rc = hs_compile_lit_multi(p->texts, p->flags, p->ids, p->lens, job->literal_count,
					  HS_MODE_BLOCK, NULL, &job->out, &problem);
	else
		rc = hs_compile_multi(p->texts, p->flags, p->ids, job->literal_count, HS_MODE_BLOCK,
				      NULL, &job->out, &problem);
	if (rc == HS_SUCCESS)
		return true;
	snprintf(error, error_size, "Hyperscan cannot compile a group of %u literals: %s",
		 job->literal_count, problem ? problem->message : "unknown reason");
	hs_free_compile_error(problem);
	job->out = NULL;
	return false;
}

int database_compile(struct database_job *job, char *error, size_t error_size)
{
	struct patterns p = {0};
	int rc = -1;

	snprintf(error, error_size, "not enough memory to compile %u literals", job->literal_count);
	if (!patterns_make(&p, job) || !patterns_compile(&p, job, true, error, error_size))
		goto out;
	if (!database_finds_all(job)) {
		hs_free_database(job->out);
		job->out = NULL;
		if (!patterns_escape(&p, job) || !patterns_compile(&p, job, false, error, error_size))
			goto out;
	}
	rc = 0;
out:
	patterns_free(&p);
	return rc;
}

/* ---- the child ---- */

bool file_write_all(int fd, const void *data, size_t len)
{
	const char *p = data;

	while (len) {
		ssize_t n = write(fd, p, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return false;
		p += n;
		len -= (size_t)n;
	}
	return true;
}

/* Reads one job's literals at *at; false when they cannot be right. */
static bool job_read(const uint8_t **at, const uint8_t *end, struct database_job *job)
{
	struct job_head head;
	struct database_literal *literals;
	const uint8_t *p, *stop;

	if ((size_t)(end - *at) < sizeof(head))
		return false;
	memcpy(&head, *at, sizeof(head));
	p = *at + sizeof(head);
	if (head.bytes > (size_t)(end - p) || head.literal_count > head.bytes)
		return false;
	stop = p + head.bytes;
	literals = calloc(head.literal_count, sizeof(*literals));
	if (!literals)
		return false;
	for (uint32_t i = 0; i < head.literal_count; i++) {
		uint32_t len;

		if ((size_t)(stop - p) < sizeof(len))
			goto bad;
		memcpy(&len, p, sizeof(len));
		p += sizeof(len);
		if (len == 0 || len > (size_t)(stop - p))
			goto bad;
		literals[i] = (struct database_literal){p, len};
		p += (len + 3) & ~3u;
		if (p > stop)
			goto bad;
	}
	*job = (struct database_job){.literals = literals, .literal_count = head.literal_count};
	*at = stop;
	return true;
bad:
	free(literals);
	return false;
}

static bool result_write(int out, struct database_job *job)
{
	struct result_head head = {0};
	char *bytes = NULL;
	size_t len = 0;
	bool ok;

	if (job->out && hs_serialize_database(job->out, &bytes, &len) == HS_SUCCESS)
		head.bytes = len;
	ok = file_write_all(out, &head, sizeof(head)) && file_write_all(out, bytes, len);
	free(bytes);
	hs_free_database(job->out);
	return ok;
}

int database_child(int in, int out)
{
	struct rlimit memory = {CHILD_MEMORY_BYTES, CHILD_MEMORY_BYTES};
	struct rlimit seconds = {CHILD_SECONDS, CHILD_SECONDS + 1}, core = {0, 0};
	struct stat st;
	const uint8_t *map, *at, *end;
	struct database_job job;
	char error[256];

#ifndef __SANITIZE_ADDRESS__ /* its shadow alone is terabytes of address space */
	setrlimit(RLIMIT_AS, &memory);
#else
	(void)memory;
#endif
	setrlimit(RLIMIT_CPU, &seconds);
	setrlimit(RLIMIT_CORE, &core);
	if (fstat(in, &st) || st.st_size <= 0)
		return 1;
	map = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, in, 0);
	if (map == MAP_FAILED)
		return 1;
	for (at = map, end = map + st.st_size; at < end;) {
		if (!job_read(&at, end, &job))
			return 1;
		database_compile(&job, error, sizeof(error));
		free((void *)job.literals);
		if (!result_write(out, &job))
			return 1;
	}
	return 0;
}

/* ---- the parent ---- */

struct child {
	pid_t pid;
	int in, out;
	struct database_job **jobs;
	size_t count;
};

/* The helper stands beside this program, or in a folder above it (programs run in the build tree).
 * METSUKE_COMPILE names it otherwise. */
static bool helper_find(char *path, size_t size)
{
	const char *named = getenv("METSUKE_COMPILE");
	char self[4096], *dir = self;
	ssize_t n;

	if (named) {
		snprintf(path, size, "%s", named);
		return access(path, X_OK) == 0;
	}
	n = readlink("/proc/self/exe", self, sizeof(self) - 1);
	if (n <= 0)
		return false;
	self[n] = 0;
	for (int level = 0; level < HELPER_LEVELS; level++) {
		dir = dirname(dir);
		snprintf(path, size, "%s/" HELPER_NAME, dir);
		if (access(path, X_OK) == 0)
			return true;
		if (strcmp(dir, "/") == 0)
			break;
	}
	return false;
}

static bool job_send(int fd, const struct database_job *job)
{
	struct job_head head = {.literal_count = job->literal_count};
	uint8_t *block, *p;
	bool ok;

	for (uint32_t i = 0; i < job->literal_count; i++)
		head.bytes += 4 + ((job->literals[i].len + 3) & ~3u);
	block = p = calloc(1, head.bytes ? head.bytes : 1);
	if (!block)
		return false;
	for (uint32_t i = 0; i < job->literal_count; i++) {
		memcpy(p, &job->literals[i].len, 4);
		memcpy(p + 4, job->literals[i].data, job->literals[i].len);
		p += 4 + ((job->literals[i].len + 3) & ~3u);
	}
	ok = file_write_all(fd, &head, sizeof(head)) && file_write_all(fd, block, head.bytes);
	free(block);
	return ok;
}

static bool child_start(struct child *c, const char *helper)
{
	posix_spawn_file_actions_t actions;
	char *argv[] = {HELPER_NAME, NULL};
	bool ok = true;

	c->in = memfd_create("literals", MFD_CLOEXEC);
	c->out = memfd_create("databases", MFD_CLOEXEC);
	if (c->in < 0 || c->out < 0)
		return false;
	for (size_t i = 0; i < c->count && ok; i++)
		ok = job_send(c->in, c->jobs[i]);
	if (!ok || posix_spawn_file_actions_init(&actions))
		return false;
	posix_spawn_file_actions_adddup2(&actions, c->in, 0);
	posix_spawn_file_actions_adddup2(&actions, c->out, 1);
	ok = posix_spawn(&c->pid, helper, &actions, NULL, argv, environ) == 0;
	posix_spawn_file_actions_destroy(&actions);
	if (!ok)
		c->pid = 0;
	return ok;
}

/* Waits for its end, at most CHILD_SECONDS. */
static void child_wait(struct child *c)
{
	int status, fd;

	if (c->pid <= 0)
		return;
	fd = (int)syscall(SYS_pidfd_open, c->pid, 0);
	if (fd >= 0) {
		struct pollfd p = {.fd = fd, .events = POLLIN};

		while (poll(&p, 1, CHILD_SECONDS * 1000) < 0 && errno == EINTR)
			;
		if (!(p.revents & POLLIN))
			kill(c->pid, SIGKILL);
		close(fd);
	}
	while (waitpid(c->pid, &status, 0) < 0 && errno == EINTR)
		;
	c->pid = 0;
}

/* Takes what it has written; jobs without a result stay without one. */
static void child_collect(struct child *c)
{
	struct stat st;
	const uint8_t *map, *at, *end;

	if (c->out < 0 || fstat(c->out, &st) || st.st_size <= 0)
		return;
	map = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, c->out, 0);
	if (map == MAP_FAILED)
		return;
	at = map;
	end = map + st.st_size;
	for (size_t i = 0; i < c->count; i++) {
		struct result_head head;

		if ((size_t)(end - at) < sizeof(head))
			break;
		memcpy(&head, at, sizeof(head));
		at += sizeof(head);
		if (head.bytes > (size_t)(end - at))
			break;
		if (head.bytes && hs_deserialize_database((const char *)at, head.bytes,
							  &c->jobs[i]->out) != HS_SUCCESS)
			c->jobs[i]->out = NULL;
		at += head.bytes;
	}
	munmap((void *)map, (size_t)st.st_size);
}

/* ---- the cache ---- */

static void job_hash(struct database_job *job, const hs_platform_info_t *platform)
{
	static const char format[] = "metsuke literals 2";
	XXH3_state_t *s = XXH3_createState();
	XXH128_hash_t h;

	if (!s)
		return;
	XXH3_128bits_reset(s);
	XXH3_128bits_update(s, format, sizeof(format));
	XXH3_128bits_update(s, hs_version(), strlen(hs_version()));
	XXH3_128bits_update(s, platform, sizeof(*platform));
	for (uint32_t i = 0; i < job->literal_count; i++) {
		XXH3_128bits_update(s, &job->literals[i].len, sizeof(job->literals[i].len));
		XXH3_128bits_update(s, job->literals[i].data, job->literals[i].len);
	}
	h = XXH3_128bits_digest(s);
	job->hash[0] = h.low64;
	job->hash[1] = h.high64;
	XXH3_freeState(s);
}

static void cache_path(const struct database_job *job, const char *dir, char *path, size_t size)
{
	snprintf(path, size, "%s/%016llx%016llx.hsdb", dir, (unsigned long long)job->hash[1],
		 (unsigned long long)job->hash[0]);
}

static void cache_load(struct database_job *job, const char *dir)
{
	struct cache_head head;
	char path[4096];
	struct stat st;
	const char *map;
	int fd;

	cache_path(job, dir, path, sizeof(path));
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return;
	if (fstat(fd, &st) || st.st_size < (off_t)sizeof(head))
		goto out;
	map = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE | MAP_POPULATE, fd, 0);
	if (map == MAP_FAILED)
		goto out;
	memcpy(&head, map, sizeof(head));
	if (head.magic == CACHE_MAGIC && memcmp(head.hash, job->hash, sizeof(head.hash)) == 0 &&
	    head.bytes == (uint64_t)st.st_size - sizeof(head) &&
	    head.checksum == XXH3_64bits(map + sizeof(head), head.bytes) &&
	    hs_deserialize_database(map + sizeof(head), head.bytes, &job->out) == HS_SUCCESS)
		job->from_cache = true;
	else
		job->out = NULL;
	munmap((void *)map, (size_t)st.st_size);
out:
	close(fd);
}

/* A cache that cannot be written is no reason to fail. */
static void cache_store(const struct database_job *job, const char *dir)
{
	struct cache_head head = {.magic = CACHE_MAGIC, .hash = {job->hash[0], job->hash[1]}};
	char path[4096], beside[4200], *bytes = NULL;
	size_t len = 0;
	int fd;
	bool ok;

	if (hs_serialize_database(job->out, &bytes, &len) != HS_SUCCESS)
		return;
	head.bytes = len;
	head.checksum = XXH3_64bits(bytes, len);
	cache_path(job, dir, path, sizeof(path));
	snprintf(beside, sizeof(beside), "%s.%ld.tmp", path, (long)getpid());
	fd = open(beside, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	if (fd >= 0) {
		ok = file_write_all(fd, &head, sizeof(head)) && file_write_all(fd, bytes, len);
		ok = close(fd) == 0 && ok;
		if (!ok || rename(beside, path))
			unlink(beside);
	}
	free(bytes);
}

/* ---- all together ---- */

static int job_larger(const void *a, const void *b)
{
	const struct database_job *x = *(struct database_job *const *)a;
	const struct database_job *y = *(struct database_job *const *)b;

	return x->literal_count < y->literal_count ? 1 : x->literal_count > y->literal_count ? -1 : 0;
}

/* Deals the missing jobs to children, largest first, each to the one with least to do. */
static void jobs_to_children(struct database_job **missing, size_t count, struct child *children,
			     unsigned child_count, struct database_job **lists)
{
	uint64_t load[CHILDREN_MAX] = {0};

	qsort(missing, count, sizeof(*missing), job_larger);
	for (unsigned c = 0; c < child_count; c++)
		children[c] = (struct child){.in = -1, .out = -1, .jobs = lists + c * count};
	for (size_t i = 0; i < count; i++) {
		unsigned best = 0;

		for (unsigned c = 1; c < child_count; c++)
			if (load[c] < load[best])
				best = c;
		children[best].jobs[children[best].count++] = missing[i];
		load[best] += missing[i]->literal_count + 200;
	}
}

static void compile_in_children(struct database_job **missing, size_t count, unsigned child_count,
				const char *helper)
{
	struct child children[CHILDREN_MAX];
	struct database_job **lists;

	if (child_count > CHILDREN_MAX)
		child_count = CHILDREN_MAX;
	lists = calloc(count * child_count, sizeof(struct database_job *));
	if (!lists)
		return;
	jobs_to_children(missing, count, children, child_count, lists);
	for (unsigned c = 0; c < child_count; c++)
		if (children[c].count && !child_start(&children[c], helper))
			children[c].count = 0;
	for (unsigned c = 0; c < child_count; c++) {
		child_wait(&children[c]);
		child_collect(&children[c]);
		if (children[c].in >= 0)
			close(children[c].in);
		if (children[c].out >= 0)
			close(children[c].out);
	}
	free(lists);
}

static int compile_missing(struct database_job **missing, size_t count, unsigned children,
			   char *error, size_t error_size)
{
	char helper[4200];
	bool found = helper_find(helper, sizeof(helper));

	if (found)
		compile_in_children(missing, count, children ? children : 1, helper);
	for (size_t i = 0; i < count; i++) {
		if (missing[i]->out)
			continue;
		/* With a helper this is one that it could not do within its limits. */
		if (found) {
			snprintf(error, error_size,
				 "a group of %u literals could not be compiled within %d seconds and "
				 "%llu MiB", missing[i]->literal_count, CHILD_SECONDS,
				 CHILD_MEMORY_BYTES >> 20);
			return -1;
		}
		if (database_compile(missing[i], error, error_size))
			return -1;
	}
	return 0;
}

int database_make(struct database_job *jobs, size_t count, const char *cache_dir, unsigned children,
		  char *error, size_t error_size)
{
	struct database_job **missing = calloc(count ? count : 1, sizeof(struct database_job *));
	hs_platform_info_t platform = {0};
	size_t missing_count = 0;
	bool cache = cache_dir && *cache_dir && access(cache_dir, R_OK | X_OK) == 0;
	int rc;

	if (!missing) {
		snprintf(error, error_size, "not enough memory for %zu pattern groups", count);
		return -1;
	}
	hs_populate_platform(&platform);
	for (size_t i = 0; i < count; i++) {
		jobs[i].out = NULL;
		jobs[i].from_cache = false;
		job_hash(&jobs[i], &platform);
		if (cache)
			cache_load(&jobs[i], cache_dir);
		if (!jobs[i].out)
			missing[missing_count++] = &jobs[i];
	}
	rc = missing_count ? compile_missing(missing, missing_count, children, error, error_size) : 0;
	for (size_t i = 0; i < missing_count && cache && rc == 0; i++)
		cache_store(missing[i], cache_dir);
	for (size_t i = 0; i < count && rc; i++) {
		hs_free_database(jobs[i].out);
		jobs[i].out = NULL;
	}
	free(missing);
	return rc;
}
