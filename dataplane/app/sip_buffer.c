/* SPDX-License-Identifier: BSD-3-Clause
 *
 * SIP: what rules may look at. Runs in a worker.
 */
#include "dataplane/app/sip.h"

#define GET(name)                                                                                  \
	static bool get_##name(struct worker *w, struct flow *f, struct tx *tx, enum direction d,  \
			       unsigned instance, struct buffer_view *out)

/* A part of the first line. */
#define PART(name, member)                                                                         \
	GET(name)                                                                                  \
	{                                                                                          \
		const struct sip_tx *t = sip_of(tx);                                               \
                                                                                                   \
		return t->direction == d && bytes_view(t->member, out);                            \
	}

PART(method, method)
PART(uri, uri)
PART(version, version)
PART(code, code)
PART(reason, reason)

GET(request_line)
{
	return sip_of(tx)->direction == d && sip_of(tx)->request && bytes_view(sip_of(tx)->line, out);
}

GET(response_line)
{
	return sip_of(tx)->direction == d && !sip_of(tx)->request && bytes_view(sip_of(tx)->line, out);
}

#define HEADER(name, title, compact)                                                               \
	GET(name)                                                                                  \
	{                                                                                          \
		struct bytes b;                                                                    \
                                                                                                   \
		return sip_of(tx)->direction == d &&                                               \
		       sip_header(sip_of(tx)->headers, title, compact, instance, &b) &&            \
		       bytes_view(b, out);                                                         \
	}

HEADER(from, "from", 'f')
HEADER(to, "to", 't')
HEADER(via, "via", 'v')
HEADER(user_agent, "user-agent", 0)
HEADER(content_type, "content-type", 'c')
HEADER(content_length, "content-length", 'l')

/* Of the session: the one of its kind, or one of several. */
#define SESSION(name, letter)                                                                      \
	GET(name)                                                                                  \
	{                                                                                          \
		struct bytes b;                                                                    \
                                                                                                   \
		return sip_of(tx)->direction == d && sip_of(tx)->sdp &&                            \
		       sdp_line(sip_of(tx)->body, 0, letter, instance, &b) && bytes_view(b, out);  \
	}
#define MEDIA(name, letter)                                                                        \
	GET(name)                                                                                  \
	{                                                                                          \
		struct bytes b;                                                                    \
                                                                                                   \
		return sip_of(tx)->direction == d && sip_of(tx)->sdp &&                            \
		       sdp_media_line(sip_of(tx)->body, letter, instance, &b) &&                   \
		       bytes_view(b, out);                                                         \
	}

SESSION(session_name, 's')
SESSION(session_info, 'i')
SESSION(origin, 'o')
SESSION(sdp_uri, 'u')
SESSION(email, 'e')
SESSION(phone_number, 'p')
SESSION(connection_data, 'c')
SESSION(bandwidth, 'b')
SESSION(time, 't')
SESSION(repeat_time, 'r')
SESSION(timezone, 'z')
SESSION(encryption_key, 'k')
SESSION(attribute, 'a')
MEDIA(media, 'm')
MEDIA(media_info, 'i')
MEDIA(media_connection, 'c')
MEDIA(media_key, 'k')

const struct proto_buffer sip_buffers[] = {
	{"sip.method", 0, 1, 0, get_method},
	{"sip.uri", 0, 1, 0, get_uri},
	{"sip.request_line", 0, 1, 0, get_request_line},
	{"sip.stat_code", 0, 0, 1, get_code},
	{"sip.stat_msg", 0, 0, 1, get_reason},
	{"sip.response_line", 0, 0, 1, get_response_line},
	{"sip.protocol", 0, 1, 1, get_version},
	{"sip.from", BUFFER_MULTI, 1, 1, get_from},
	{"sip.to", BUFFER_MULTI, 1, 1, get_to},
	{"sip.via", BUFFER_MULTI, 1, 1, get_via},
	{"sip.user_agent", BUFFER_MULTI, 1, 1, get_user_agent},
	{"sip.content_type", BUFFER_MULTI, 1, 1, get_content_type},
	{"sip.content_length", BUFFER_MULTI, 1, 1, get_content_length},
	{"sdp.session_name", 0, 1, 1, get_session_name},
	{"sdp.session_info", 0, 1, 1, get_session_info},
	{"sdp.origin", 0, 1, 1, get_origin},
	{"sdp.uri", 0, 1, 1, get_sdp_uri},
	{"sdp.email", 0, 1, 1, get_email},
	{"sdp.phone_number", 0, 1, 1, get_phone_number},
	{"sdp.connection_data", 0, 1, 1, get_connection_data},
	{"sdp.bandwidth", BUFFER_MULTI, 1, 1, get_bandwidth},
	{"sdp.time", BUFFER_MULTI, 1, 1, get_time},
	{"sdp.repeat_time", BUFFER_MULTI, 1, 1, get_repeat_time},
	{"sdp.timezone", 0, 1, 1, get_timezone},
	{"sdp.encryption_key", 0, 1, 1, get_encryption_key},
	{"sdp.attribute", BUFFER_MULTI, 1, 1, get_attribute},
	{"sdp.media.media", BUFFER_MULTI, 1, 1, get_media},
	{"sdp.media.media_info", BUFFER_MULTI, 1, 1, get_media_info},
	{"sdp.media.connection_data", BUFFER_MULTI, 1, 1, get_media_connection},
	{"sdp.media.encryption_key", BUFFER_MULTI, 1, 1, get_media_key},
	{NULL},
};
