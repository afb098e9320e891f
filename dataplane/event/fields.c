/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/event/fields.h"

const struct record_row record_rows[RECORD_COUNT] = {
#define RECORD(name, class, doc) [RECORD_##name] = {#name, CLASS_##class, doc},
#define FIELD(record, field, kind, key, doc)
#include "record_index.def"
#undef RECORD
#undef FIELD
};

const struct field_row field_rows[FIELD_COUNT] = {
	[FIELD_NONE] = {RECORD_COUNT, "", KIND_HIDDEN, "", ""},
#define RECORD(name, class, doc)
#define FIELD(record, field, kind, key, doc)                                                       \
	[F_##record##_##field] = {RECORD_##record, #record "." #field, KIND_##kind, key, doc},
#include "record_index.def"
#undef RECORD
#undef FIELD
};
