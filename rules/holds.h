/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Which member of struct match.u a condition has: told by its keyword's parser (language/holds.def).
 */
#ifndef RULES_HOLDS_H
#define RULES_HOLDS_H

#include "rules/rule.h"

/* Those that point to something, and those that do not. */
#define MATCH_MEMBERS_POINTING(X) \
	X(word) X(content) X(pcre) X(bits) X(threshold) X(event) X(app_proto) X(geoip) X(entropy) X(variable) \
	X(dce_iface) X(dce_opnum) X(modbus) X(cip_service) X(dataset) X(datarep) X(script)
#define MATCH_MEMBERS_PLAIN(X) \
	X(number) X(isdataat) X(byte) X(tcp_flags) X(flowint) X(stream_size) X(tag) X(base64) X(iprep) X(asn1) X(rpc)

enum match_member {
	MEMBER_nothing, /* of such a keyword there are no conditions */
#define MEMBER(member) MEMBER_##member,
	MATCH_MEMBERS_POINTING(MEMBER) MATCH_MEMBERS_PLAIN(MEMBER)
#undef MEMBER
};

enum match_member match_member(unsigned keyword);
/* A condition on bytes: does it begin where the one before it ended? */
bool match_is_relative(const struct match *m);

#endif
