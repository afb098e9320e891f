/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Tor by the names that it invents: up to version 1.2 of TLS a relay shows a certificate for "www.RANDOM.net" by
 * "www.RANDOM.com" (8 to 20 letters of base32 each: crypto_random_hostname of its source), and a client asks for
 * "www.RANDOM.com" (4 to 25) without offering a protocol (ALPN), as browsers do. The first is sure; of the second,
 * only names that no word could be count, and as a guess. Runs in the worker that owns the flow.
 */
#include "dataplane/app/service.h"

#define RELAY_LEAST 8u
#define RELAY_MOST 20u
#define CLIENT_LEAST 10u
#define CLIENT_MOST 25u
#define UNSPEAKABLE 5u /* letters and digits in a row without a vowel */

/* What stands between "www." and the ending, if all of it is of base32. */
static struct bytes invented(struct bytes name, const char *end, uint32_t least, uint32_t most)
{
	static const char begin[] = "www.";
	uint32_t before = sizeof(begin) - 1, behind = (uint32_t)strlen(end);
	struct bytes none = {NULL, 0}, label;

	if (name.len < before + behind + least || name.len > before + behind + most || memcmp(name.data, begin, before) != 0 ||
	    memcmp(name.data + name.len - behind, end, behind) != 0)
		return none;
	label = (struct bytes){name.data + before, name.len - before - behind};
	for (uint32_t i = 0; i < label.len; i++)
		if (!(label.data[i] >= 'a' && label.data[i] <= 'z') && !(label.data[i] >= '2' && label.data[i] <= '7'))
			return none;
	return label;
}

/* "CN=…" alone */
static struct bytes common_name(struct bytes subject)
{
	if (subject.len < 3 || memcmp(subject.data, "CN=", 3) != 0)
		return (struct bytes){NULL, 0};
	return (struct bytes){subject.data + 3, subject.len - 3};
}

bool service_is_tor_relay(struct bytes subject, struct bytes issuer)
{
	return invented(common_name(subject), ".net", RELAY_LEAST, RELAY_MOST).data &&
	       invented(common_name(issuer), ".com", RELAY_LEAST, RELAY_MOST).data;
}

bool service_is_tor_client(struct bytes sni, bool alpn)
{
	struct bytes label = invented(sni, ".com", CLIENT_LEAST, CLIENT_MOST);
	uint32_t row = 0, longest = 0, digits = 0, letters = 0;

	for (uint32_t i = 0; i < label.len; i++) {
		bool digit = label.data[i] < 'a';

		row = strchr("aeiouy", label.data[i]) ? 0 : row + 1;
		longest = row > longest ? row : longest;
		digits += digit;
		letters += !digit;
	}
	return !alpn && label.data && longest >= UNSPEAKABLE && digits && letters > digits;
}
