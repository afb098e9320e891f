/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/app/http_multipart.h"
struct http_multipart *http_multipart_new(struct worker *w, struct bytes content_type){return NULL;}
void http_multipart_data(struct http_state *s, struct http_tx *tx, const uint8_t *data, uint32_t len){}
void http_multipart_end(struct http_state *s, struct http_tx *tx){}
void http_multipart_free(struct worker *w, struct http_tx *tx){}
