/* SPDX-License-Identifier: BSD-3-Clause
 *
 * JSON rows as tables for people.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "tools/metsuke/cli.h"

#define COLUMNS_MAX 16
#define TEXTS 16
#define TEXT_BYTES 1024

void cli_print_json(const json_t *value)
{
	json_dumpf(value, stdout, JSON_INDENT(2) | JSON_PRESERVE_ORDER | JSON_ENCODE_ANY);
	putchar('\n');
}

const char *cli_text(const json_t *row, const char *path)
{
	static char texts[TEXTS][TEXT_BYTES]; /* in turn: a row's cells live together */
	static unsigned next;
	char *text = texts[next++ % TEXTS], key[64];
	const json_t *at = row;

	while (*path && at) {
		size_t n = strcspn(path, ".");

		snprintf(key, sizeof(key), "%.*s", (int)n, path);
		if (json_is_array(at))
			at = json_array_get(at, 0);
		if (json_object_get(at, path)) { /* a key with a dot: p99.9 */
			at = json_object_get(at, path);
			break;
		}
		at = json_object_get(at, key);
		path += n + (path[n] == '.');
	}
	text[0] = '\0';
	if (json_is_string(at))
		snprintf(text, TEXT_BYTES, "%s", json_string_value(at));
	else if (json_is_integer(at))
		snprintf(text, TEXT_BYTES, "%" JSON_INTEGER_FORMAT, json_integer_value(at));
	else if (json_is_real(at))
		snprintf(text, TEXT_BYTES, "%.2f", json_real_value(at));
	else if (json_is_boolean(at))
		snprintf(text, TEXT_BYTES, "%s", json_is_true(at) ? "yes" : "no");
	else if (json_is_array(at)) {
		size_t i, len = 0;
		json_t *one;

		json_array_foreach(at, i, one) {
			int n = json_is_string(one)
					? snprintf(text + len, TEXT_BYTES - len, "%s%s", i ? " " : "",
						   json_string_value(one))
					: snprintf(text + len, TEXT_BYTES - len, "%s%" JSON_INTEGER_FORMAT,
						   i ? " " : "", json_integer_value(one));
			if (n < 0 || (size_t)n >= TEXT_BYTES - len)
				break;
			len += (size_t)n;
		}
	}
	/* A cell is one line, whatever a packet put in it. */
	for (char *c = text; *c; c++)
		if ((unsigned char)*c < 32 || *c == 127)
			*c = '.';
	return text;
}

/* Characters, not bytes, of UTF-8. */
static int text_width(const char *s)
{
	int n = 0;

	for (; *s; s++)
		n += ((unsigned char)*s & 0xc0) != 0x80;
	return n;
}

static void print_cell(const char *text, int width, bool right, bool last)
{
	int have = text_width(text), shown = 0;

	if (right)
		printf("%*s", width > have ? width - have : 0, "");
	for (const char *s = text; *s; s++) {
		if (((unsigned char)*s & 0xc0) != 0x80 && shown++ >= width)
			break;
		putchar(*s);
	}
	if (!right && !last)
		printf("%*s", width > have ? width - have : 0, "");
	fputs(last ? "\n" : "  ", stdout);
}

static int terminal_width(void)
{
	struct winsize w;

	if (isatty(1) && ioctl(1, TIOCGWINSZ, &w) == 0 && w.ws_col > 40)
		return w.ws_col;
	return isatty(1) ? 120 : 100000;
}

/* Natural widths; when they do not fit, the widest column gives way. */
static void fit(int *width, int count)
{
	int room = terminal_width(), sum;

	for (;;) {
		int widest = 0;

		sum = 2 * (count - 1);
		for (int i = 0; i < count; i++) {
			sum += width[i];
			if (width[i] > width[widest])
				widest = i;
		}
		if (sum <= room || width[widest] <= 12)
			return;
		width[widest] -= sum - room < width[widest] - 12 ? sum - room : width[widest] - 12;
	}
}

/* RFC 4180. A cell that a spreadsheet would take for a formula gets a quote before it. */
static void print_csv_cell(const char *text, bool last)
{
	bool formula = *text && strchr("=+-@\t\r", *text) && strspn(text, "+-0123456789.") != strlen(text);

	if (strpbrk(text, "\",\r\n") || formula) {
		putchar('"');
		if (formula)
			putchar('\'');
		for (; *text; text++) {
			if (*text == '"')
				putchar('"');
			putchar(*text);
		}
		putchar('"');
	} else {
		fputs(text, stdout);
	}
	fputs(last ? "\r\n" : ",", stdout);
}

/* The header names the keys of the JSON rows. */
static void print_csv(const json_t *rows, const struct cli_column *columns)
{
	const json_t *row;
	size_t i;
	int count = 0;

	while (columns[count].title)
		count++;
	for (int k = 0; k < count; k++)
		print_csv_cell(columns[k].key, k == count - 1);
	json_array_foreach((json_t *)(uintptr_t)rows, i, row)
		for (int k = 0; k < count; k++)
			print_csv_cell(cli_text(row, columns[k].key), k == count - 1);
}

void cli_table(const json_t *rows, const struct cli_column *columns)
{
	int width[COLUMNS_MAX], count = 0;
	json_t *row;
	size_t i;

	if (cli_json) {
		cli_print_json(rows);
		return;
	}
	if (cli_csv) {
		print_csv(rows, columns);
		return;
	}
	for (; columns[count].title && count < COLUMNS_MAX; count++)
		width[count] = text_width(columns[count].title);
	json_array_foreach(rows, i, row) {
		for (int k = 0; k < count; k++) {
			int n = text_width(cli_text(row, columns[k].key));

			if (columns[k].width_max && n > columns[k].width_max)
				n = columns[k].width_max;
			if (n > width[k])
				width[k] = n;
		}
	}
	fit(width, count);
	for (int k = 0; k < count; k++)
		print_cell(columns[k].title, width[k], columns[k].right, k == count - 1);
	json_array_foreach(rows, i, row)
		for (int k = 0; k < count; k++)
			print_cell(cli_text(row, columns[k].key), width[k], columns[k].right,
				   k == count - 1);
}
