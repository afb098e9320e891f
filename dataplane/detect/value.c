/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Protocol values against what rules ask of them. Most keywords hold a test on a number; a few hold
 * words that the language has numbered. Which is which follows from the keyword's parser, by the
 * keyword table. Runs in the workers (value_holds) and in the main thread (value_form_known).
 */
#include <string.h>

#include "dataplane/detect/program.h"

#define TLS_1_0 0x0301u
#define SSL_2 0x0002u
#define SSL_3 0x0300u

/* Bits of ssl_version: sslv2, sslv3, tls1.0 and later. */
static uint32_t version_bit(uint64_t version)
{
	if (version == SSL_2)
		return 1;
	return version >= SSL_3 && version <= SSL_3 + 4 ? 2u << (version - SSL_3) : 0;
}

bool value_holds(const struct match *m, uint64_t v)
{
	uint32_t bits = m->u.word.bits, mask = m->u.word.mask;

	switch (m->keyword) {
	case KEYWORD_ftp_reply_received:
	case KEYWORD_mqtt_connack_session_present:
		return (v & 1) == (bits & 1);
	case KEYWORD_dnp3_ind: /* any of them */
		return (v & m->u.number.low) != 0;
	case KEYWORD_ike_chosen_sa_attribute:
	case KEYWORD_http2_settings: /* its number in the upper half */
		return v >> 32 == (uint64_t)m->u.number.which &&
		       number_test_holds(&m->u.number, v & UINT32_MAX);
	case KEYWORD_tls_version:
		return v == TLS_1_0 + bits;
	case KEYWORD_ssl_version:
		/* Once one is negated the others add nothing: all but the negated match. */
		return mask ? !(version_bit(v) & mask) : (version_bit(v) & bits) != 0;
	case KEYWORD_ssl_state:
		return !(v & mask) && (!bits || (v & bits));
	case KEYWORD_ftp_mode:
	case KEYWORD_ftpdata_command:
		return v == bits;
	case KEYWORD_ftpbounce:
		return v != 0;
	case KEYWORD_krb5_ticket_encryption: /* weak: all but AES and Camellia */
		if (bits && !((v >= 17 && v <= 20) || v == 25 || v == 26))
			return true;
		return v < 32 && (mask >> v & 1);
	default:
		return number_test_holds(&m->u.number, v);
	}
}

static const char *parser_of(unsigned keyword)
{
	static const char *const parsers[KEYWORD_COUNT] = {
#define KEYWORD(id, name, aliases, parser, place, about, traits, doc) [KEYWORD_##id] = #parser,
#include "rules/language/keywords.def"
#undef KEYWORD
	};

	return keyword < KEYWORD_COUNT && parsers[keyword] ? parsers[keyword] : "";
}

bool value_form_indexed(unsigned keyword)
{
	return strcmp(parser_of(keyword), "ldap_indexed") == 0;
}

/* Is the keyword's argument one that value_holds understands? */
bool value_form_known(unsigned keyword)
{
	static const char *const numbers[] = {"u8", "u16", "u32", "u64", "name_u8", "name_u16",
					      "name_u32", "tls_version", "ssl_version", "ssl_state",
					      "tls_date", "ftp_mode", "ftpdata_command", "yes_no", "flag", "bit_names",
					      "krb5_encryption", "i32", "settings", "ldap_indexed", "dnp3_obj", "enip_revision", "procedure",
					      "ike_attribute"};

	for (size_t i = 0; i < sizeof(numbers) / sizeof(*numbers); i++)
		if (strcmp(parser_of(keyword), numbers[i]) == 0)
			return true;
	return false;
}
