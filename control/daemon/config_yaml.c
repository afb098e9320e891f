/* SPDX-License-Identifier: BSD-3-Clause
 *
 * YAML → configuration keys. Mappings become dotted paths; a sequence under a list key sets its
 * items; a sequence under a map key (address variables, OS policies) becomes "[a,b,[c]]", as rules
 * write lists.
 */
#include "control/daemon/config_yaml.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <yaml.h>

#define DEPTH_MAX 16
#define PATH_MAX_BYTES 256
#define TEXT_MAX_BYTES 65536

struct reader {
	struct config *config;
	yaml_document_t *doc;
	const char *file;
	char *error;
	size_t error_size;
	char text[TEXT_MAX_BYTES]; /* a sequence as one text */
	size_t text_len;
};

static int fail(struct reader *r, const yaml_node_t *at, const char *what)
{
	snprintf(r->error, r->error_size, "%s:%zu: %s", r->file,
		 at ? at->start_mark.line + 1 : (size_t)1, what);
	return -EINVAL;
}

static int text_add(struct reader *r, const char *s, size_t n)
{
	if (r->text_len + n + 1 > sizeof(r->text))
		return -E2BIG;
	memcpy(r->text + r->text_len, s, n);
	r->text_len += n;
	r->text[r->text_len] = '\0';
	return 0;
}

/* Appends a scalar, or a sequence as "[a,b]". depth bounds the nesting. */
static int text_of(struct reader *r, const yaml_node_t *n, int depth)
{
	int err = 0;

	if (n->type == YAML_SCALAR_NODE)
		return text_add(r, (const char *)n->data.scalar.value, n->data.scalar.length);
	if (n->type != YAML_SEQUENCE_NODE || depth >= DEPTH_MAX)
		return -EINVAL;
	err = text_add(r, "[", 1);
	for (yaml_node_item_t *i = n->data.sequence.items.start;
	     i < n->data.sequence.items.top && !err; i++) {
		if (i > n->data.sequence.items.start)
			err = text_add(r, ",", 1);
		if (!err)
			err = text_of(r, yaml_document_get_node(r->doc, *i), depth + 1);
	}
	return err ? err : text_add(r, "]", 1);
}

static int set(struct reader *r, const char *path, const yaml_node_t *value)
{
	char why[512];
	int err;

	if (value->type == YAML_SEQUENCE_NODE && config_list_clear(r->config, path) == 0) {
		for (yaml_node_item_t *i = value->data.sequence.items.start;
		     i < value->data.sequence.items.top; i++) {
			r->text_len = 0;
			if (text_of(r, yaml_document_get_node(r->doc, *i), 0))
				return fail(r, value, "an item of the list is neither a text nor a list");
			err = config_append(r->config, path, r->text, why, sizeof(why));
			if (err)
				return fail(r, value, why);
		}
		return 0;
	}
	r->text_len = 0;
	r->text[0] = '\0';
	if (text_of(r, value, 0))
		return fail(r, value, "the value is nested too deeply or too long");
	err = config_set(r->config, path, r->text, why, sizeof(why));
	return err ? fail(r, value, why) : 0;
}

static int walk(struct reader *r, const yaml_node_t *map, char *path, size_t len, int depth)
{
	for (yaml_node_pair_t *p = map->data.mapping.pairs.start; p < map->data.mapping.pairs.top;
	     p++) {
		const yaml_node_t *key = yaml_document_get_node(r->doc, p->key);
		const yaml_node_t *value = yaml_document_get_node(r->doc, p->value);
		size_t n;
		int err;

		if (!key || !value || key->type != YAML_SCALAR_NODE)
			return fail(r, map, "a key is not a plain text");
		n = key->data.scalar.length;
		if (len + n + 2 > PATH_MAX_BYTES || depth >= DEPTH_MAX)
			return fail(r, key, "the key is nested too deeply or too long");
		if (len)
			path[len] = '.';
		memcpy(path + len + (len > 0), key->data.scalar.value, n);
		path[len + (len > 0) + n] = '\0';
		if (value->type == YAML_MAPPING_NODE)
			err = walk(r, value, path, strlen(path), depth + 1);
		else
			err = set(r, path, value);
		path[len] = '\0';
		if (err)
			return err;
	}
	return 0;
}

static int read_document(struct reader *r, yaml_parser_t *parser)
{
	yaml_document_t doc;
	char path[PATH_MAX_BYTES] = "";
	const yaml_node_t *top;
	int err = 0;

	if (!yaml_parser_load(parser, &doc)) {
		snprintf(r->error, r->error_size, "%s:%zu: not valid YAML: %s", r->file,
			 parser->problem_mark.line + 1,
			 parser->problem ? parser->problem : "unreadable");
		return -EINVAL;
	}
	r->doc = &doc;
	top = yaml_document_get_root_node(&doc);
	if (top && top->type == YAML_MAPPING_NODE)
		err = walk(r, top, path, 0, 0);
	else if (top)
		err = fail(r, top, "the file is not a list of \"key: value\" lines");
	yaml_document_delete(&doc);
	return err;
}

int config_yaml_read(struct config *c, const char *path, char *error, size_t error_size)
{
	static struct reader r; /* 64 KB; read at start, by one thread */
	yaml_parser_t parser;
	FILE *f = fopen(path, "re");
	int err;

	if (!f) {
		err = -errno;
		snprintf(error, error_size, "%s: cannot be read: %s", path, strerror(errno));
		return err;
	}
	r = (struct reader){.config = c, .file = path, .error = error, .error_size = error_size};
	if (!yaml_parser_initialize(&parser)) {
		fclose(f);
		return -ENOMEM;
	}
	yaml_parser_set_input_file(&parser, f);
	err = read_document(&r, &parser);
	yaml_parser_delete(&parser);
	fclose(f);
	return err;
}
