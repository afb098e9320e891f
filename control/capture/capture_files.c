/* SPDX-License-Identifier: BSD-3-Clause */
#include "control/capture/capture_files.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "control/base/folder.h"
#include "control/base/say.h"
#include "control/base/text.h"
#include "control/capture/pcapng.h"
#include "dataplane/event/counters.h"
#include "dataplane/event/recording.h"

#define OPEN_MAX_FILES 256
#define PENDING_MAX (256u << 10) /* bytes of a file before they are written */
#define INTERFACES_MAX 64
#define BUDGET_LOW_PERCENT 90

struct capture_file {
	char name[RECORDING_FILE_MAX];
	char filter[FILTER_TEXT_MAX];
	uint32_t snaplen;
	int fd;
	uint64_t last_id;  /* of the packets in it */
	uint64_t used;     /* turn of its last packet */
	struct text pending;
	unsigned interfaces;
	struct {
		uint16_t link_type;
		char name[PCAPNG_NAME_MAX];
	} interface[INTERFACES_MAX];
};

struct capture_files {
	int dir;
	struct capture_files_options o;
	uint64_t bytes, turn;
	struct capture_file *open[OPEN_MAX_FILES];
	unsigned open_count;
	struct text options, comment;
	bool said_error;
	struct capture_files_figures figures;
};

static void failed(struct capture_files *f, const char *what, const char *name)
{
	if (!f->said_error)
		say("captured packets: %s/%s %s: %s; packets are lost until that is mended", f->o.dir, name, what,
		    strerror(errno));
	f->said_error = true;
}

/* ---- the budget ---- */

struct kept {
	struct timespec written;
	uint64_t bytes;
	char name[NAME_MAX + 1];
};

static int oldest_first(const void *a, const void *b)
{
	const struct timespec *x = &((const struct kept *)a)->written, *y = &((const struct kept *)b)->written;

	if (x->tv_sec != y->tv_sec)
		return x->tv_sec < y->tv_sec ? -1 : 1;
	return (x->tv_nsec > y->tv_nsec) - (x->tv_nsec < y->tv_nsec);
}

static bool is_ours(const char *name)
{
	size_t n = strlen(name), end = strlen(".pcapng");

	return name[0] != '.' && n > end && strcmp(name + n - end, ".pcapng") == 0;
}

/* All files with the bytes they take; the caller frees it. */
static struct kept *list_kept(struct capture_files *f, size_t *count)
{
	int fd = openat(f->dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = fd >= 0 ? fdopendir(fd) : NULL;
	struct kept *list = NULL, *more;
	size_t room = 0;
	struct dirent *e;
	struct stat st;

	*count = 0;
	f->bytes = 0;
	while (d && (e = readdir(d))) {
		if (!is_ours(e->d_name) || fstatat(f->dir, e->d_name, &st, AT_SYMLINK_NOFOLLOW) != 0)
			continue;
		f->bytes += (uint64_t)st.st_size;
		if (*count == room) {
			more = realloc(list, (room = room ? 2 * room : 64) * sizeof(*list));
			if (!more)
				break;
			list = more;
		}
		list[*count].written = st.st_mtim;
		list[*count].bytes = (uint64_t)st.st_size;
		snprintf(list[(*count)++].name, sizeof(list->name), "%s", e->d_name);
	}
	if (d)
		closedir(d);
	else if (fd >= 0)
		close(fd);
	return list;
}

static bool is_open(const struct capture_files *f, const char *name)
{
	for (unsigned i = 0; i < f->open_count; i++)
		if (strcmp(f->open[i]->name, name) == 0)
			return true;
	return false;
}

/* Files being written stay, so the budget may be passed by what they hold. */
static void keep_budget(struct capture_files *f)
{
	uint64_t low = f->o.budget_bytes / 100 * BUDGET_LOW_PERCENT;
	struct kept *list;
	size_t n;

	if (!f->o.budget_bytes || f->bytes <= f->o.budget_bytes)
		return;
	list = list_kept(f, &n);
	if (list)
		qsort(list, n, sizeof(*list), oldest_first);
	for (size_t i = 0; i < n && f->bytes > low; i++) {
		if (is_open(f, list[i].name) || unlinkat(f->dir, list[i].name, 0) != 0)
			continue;
		f->bytes -= list[i].bytes;
		f->figures.removed++;
	}
	free(list);
}

/* ---- files ---- */

static void write_out(struct capture_files *f, struct capture_file *file)
{
	const uint8_t *p = file->pending.data;
	size_t left = file->pending.failed ? 0 : file->pending.len;

	while (left) {
		ssize_t n = write(file->fd, p, left);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) {
			failed(f, "cannot be written", file->name);
			f->figures.lost++;
			break;
		}
		f->said_error = false;
		f->bytes += (uint64_t)n;
		p += n;
		left -= (size_t)n;
	}
	text_clear(&file->pending);
}

static void shut(struct capture_files *f, unsigned i)
{
	struct capture_file *file = f->open[i];

	write_out(f, file);
	close(file->fd);
	text_free(&file->pending);
	free(file);
	f->open[i] = f->open[--f->open_count];
}

static void shut_oldest(struct capture_files *f)
{
	unsigned oldest = 0;

	for (unsigned i = 1; i < f->open_count; i++)
		if (f->open[i]->used < f->open[oldest]->used)
			oldest = i;
	shut(f, oldest);
}

/* A worker that has begun its next file is done with those before: NAME.STARTED.WORKER.NUMBER. */
static void shut_earlier(struct capture_files *f, const char *name)
{
	size_t same = strlen(name) - strlen("00001.pcapng");

	for (unsigned i = 0; i < f->open_count;)
		if (strlen(f->open[i]->name) > same && memcmp(f->open[i]->name, name, same) == 0)
			shut(f, i);
		else
			i++;
}

/* What is in it stays; what is broken off goes. 0 or -errno. */
static int read_back(struct capture_file *file)
{
	struct pcapng_found found;
	int err = pcapng_read_back(file->fd, &found);

	if (err == -EPROTO)
		found.length = 0; /* not even a section: begun anew */
	else if (err)
		return err;
	if (ftruncate(file->fd, (off_t)found.length) != 0 || lseek(file->fd, 0, SEEK_END) < 0)
		return -errno;
	file->last_id = found.last_id;
	file->interfaces = found.interfaces < INTERFACES_MAX ? found.interfaces : INTERFACES_MAX;
	memcpy(file->interface, found.interface, sizeof(file->interface));
	if (!found.length)
		pcapng_section(&file->pending);
	return 0;
}

static bool name_good(const char *name, size_t len)
{
	return len >= sizeof("a.1.0.00001.pcapng") - 1 && len < RECORDING_FILE_MAX && !memchr(name, '/', len) &&
	       !memchr(name, '\0', len) && name[0] != '.';
}

static struct capture_file *open_file(struct capture_files *f, const char *name, const struct record_head *head)
{
	struct capture_file *file = calloc(1, sizeof(*file));
	struct value v;
	int err = file ? 0 : -ENOMEM;

	if (err)
		return NULL;
	shut_earlier(f, name);
	if (f->open_count == OPEN_MAX_FILES)
		shut_oldest(f);
	snprintf(file->name, sizeof(file->name), "%s", name);
	file->fd = openat(f->dir, name, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0640);
	err = file->fd < 0 ? -errno : read_back(file);
	if (err) {
		errno = -err;
		failed(f, "cannot be opened", name);
		if (file->fd >= 0)
			close(file->fd);
		text_free(&file->pending);
		free(file);
		return NULL;
	}
	if (record_find(head, F_recorded_filter, &v) && v.body.len < sizeof(file->filter))
		memcpy(file->filter, v.body.data, v.body.len);
	if (record_find(head, F_recorded_snaplen, &v))
		file->snaplen = (uint32_t)v.n;
	f->figures.files += file->pending.len != 0;
	return f->open[f->open_count++] = file;
}

static struct capture_file *get_file(struct capture_files *f, const struct record_head *head)
{
	char name[RECORDING_FILE_MAX] = "";
	struct value v;

	if (!record_find(head, F_recorded_file, &v) || !name_good((const char *)v.body.data, v.body.len))
		return NULL;
	memcpy(name, v.body.data, v.body.len);
	for (unsigned i = 0; i < f->open_count; i++)
		if (strcmp(f->open[i]->name, name) == 0)
			return f->open[i];
	return open_file(f, name, head);
}

/* ---- packets ---- */

/* The number of the port's interface in the file, which is described if it is new. */
static uint32_t interface_of(struct capture_files *f, struct capture_file *file, unsigned port, uint16_t link_type)
{
	struct pcapng_interface i = {link_type, file->snaplen, f->o.port_name(f->o.arg, port), file->filter};
	unsigned n = file->interfaces;

	for (unsigned k = 0; k < n; k++)
		if (file->interface[k].link_type == link_type &&
		    strncmp(file->interface[k].name, i.name, PCAPNG_NAME_MAX - 1) == 0)
			return k;
	if (n == INTERFACES_MAX)
		return 0;
	file->interface[n].link_type = link_type;
	snprintf(file->interface[n].name, PCAPNG_NAME_MAX, "%s", i.name);
	i.name = file->interface[n].name;
	pcapng_interface(&file->pending, &i);
	file->interfaces++;
	return n;
}

static void comment_alert(struct capture_files *f, struct value_reader *r)
{
	uint64_t gid = 0, sid = 0, rev = 0;
	struct bytes msg = {0};
	struct value v;

	while (value_next(r, &v) && !v.close) {
		if (v.field == F_recorded_gid)
			gid = v.n;
		else if (v.field == F_recorded_sid)
			sid = v.n;
		else if (v.field == F_recorded_rev)
			rev = v.n;
		else if (v.field == F_recorded_msg)
			msg = v.body;
	}
	text_clear(&f->comment);
	text_format(&f->comment, "alert %llu:%llu:%llu ", (unsigned long long)gid, (unsigned long long)sid,
		    (unsigned long long)rev);
	text_bytes(&f->comment, msg.data, msg.len);
	pcapng_comment(&f->options, f->comment.data, f->comment.len);
}

static void comment_drop(struct capture_files *f, uint64_t reason)
{
	if (!reason || reason >= DROP_COUNT || reason == DROP_tap)
		return;
	text_clear(&f->comment);
	text_format(&f->comment, "dropped: %s", drop_rows[reason].name);
	pcapng_comment(&f->options, f->comment.data, f->comment.len);
}

void capture_files_packet(struct capture_files *f, const struct record_head *head)
{
	struct capture_file *file = get_file(f, head);
	struct pcapng_packet p = {.ts_ns = head->ts_ns, .id = head->seq};
	uint16_t link_type = 0;
	struct value_reader r;
	struct value v;

	if (!file) {
		f->figures.lost++;
		return;
	}
	file->used = ++f->turn;
	if (head->seq <= file->last_id) {
		f->figures.again++;
		return;
	}
	text_clear(&f->options);
	value_reader_init(&r, head);
	while (value_next(&r, &v)) {
		if (v.close)
			continue;
		if (v.field == F_recorded_link_type)
			link_type = (uint16_t)v.n;
		else if (v.field == F_recorded_wire_len)
			p.wire_len = (uint32_t)v.n;
		else if (v.field == F_recorded_drop)
			comment_drop(f, v.n);
		else if (v.field == F_recorded_alert)
			comment_alert(f, &r);
		else if (v.field == F_recorded_data)
			p.data = v.body.data, p.len = (uint32_t)v.body.len;
	}
	p.interface = interface_of(f, file, head->port_index, link_type);
	p.options = f->options.data;
	p.options_len = f->options.len;
	pcapng_packet(&file->pending, &p);
	file->last_id = head->seq;
	f->figures.packets++;
	if (file->pending.len >= PENDING_MAX)
		write_out(f, file);
}

void capture_files_commit(struct capture_files *f)
{
	for (unsigned i = 0; i < f->open_count; i++)
		write_out(f, f->open[i]);
	keep_budget(f);
}

/* ---- open and close ---- */

int capture_files_open(struct capture_files **out, const struct capture_files_options *o)
{
	struct capture_files *f = calloc(1, sizeof(*f));
	int err = f ? folder_make(o->dir, 0750) : -ENOMEM;
	size_t n;

	if (!err) {
		f->o = *o;
		f->dir = open(o->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		err = f->dir < 0 ? -errno : 0;
	}
	if (err) {
		say("the folder for captured packets, %s, cannot be used: %s (capture.dir)", o->dir, strerror(-err));
		free(f);
		return err;
	}
	free(list_kept(f, &n));
	keep_budget(f);
	*out = f;
	return 0;
}

void capture_files_close(struct capture_files *f)
{
	if (!f)
		return;
	capture_files_commit(f);
	while (f->open_count)
		shut(f, 0);
	close(f->dir);
	text_free(&f->options);
	text_free(&f->comment);
	free(f);
}

const struct capture_files_figures *capture_files_figures(const struct capture_files *f)
{
	return &f->figures;
}
