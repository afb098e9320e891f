/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Protocol names of rule headers and of app-layer-protocol; hooks. Constant.
 */
#include "rules/language/protocol.h"

#include <stdio.h>

#include "dataplane/event/frame.h"

static const struct protocol_row protocols[] = {
	{"ip", RULE_ANY_PROTO, 0, false, 0},
	{"pkthdr", RULE_ANY_PROTO, 0, false, RULE_DECODE_EVENT},
	{"ipv4", RULE_ANY_PROTO, 1, false, 0},
	{"ip4", RULE_ANY_PROTO, 1, false, 0},
	{"ipv6", RULE_ANY_PROTO, 2, false, 0},
	{"ip6", RULE_ANY_PROTO, 2, false, 0},
	{"tcp", RULE_TCP, 0, false, 0},
	{"tcp-pkt", RULE_TCP, 0, false, RULE_PACKET_ONLY},
	{"tcp-stream", RULE_TCP, 0, false, RULE_STREAM_ONLY},
	{"udp", RULE_UDP, 0, false, 0},
	{"sctp", RULE_SCTP, 0, false, 0},
	{"icmp", RULE_ICMP4 | RULE_ICMP6, 0, false, 0},
	{"icmpv4", RULE_ICMP4, 0, false, 0},
	{"icmp4", RULE_ICMP4, 0, false, 0},
	{"icmpv6", RULE_ICMP6, 0, false, 0},
	{"icmp6", RULE_ICMP6, 0, false, 0},
	{"http", RULE_TCP, 0, true, 0},
	{"http1", RULE_TCP, 0, true, 0},
	{"http2", RULE_TCP, 0, true, 0},
	{"tls", RULE_TCP, 0, true, 0},
	{"ssl", RULE_TCP, 0, true, 0},
	{"dns", RULE_TCP | RULE_UDP, 0, true, 0},
	{"mdns", RULE_UDP, 0, true, 0},
	{"llmnr", RULE_TCP | RULE_UDP, 0, true, 0},
	{"nbns", RULE_UDP, 0, true, 0},
	{"doh2", RULE_TCP, 0, true, 0},
	{"ftp", RULE_TCP, 0, true, 0},
	{"ftp-data", RULE_TCP, 0, true, 0},
	{"tftp", RULE_UDP, 0, true, 0},
	{"smtp", RULE_TCP, 0, true, 0},
	{"imap", RULE_TCP, 0, true, 0},
	{"pop3", RULE_TCP, 0, true, 0},
	{"smb", RULE_TCP, 0, true, 0},
	{"dcerpc", RULE_TCP | RULE_UDP, 0, true, 0},
	{"nfs", RULE_TCP | RULE_UDP, 0, true, 0},
	{"ssh", RULE_TCP, 0, true, 0},
	{"krb5", RULE_TCP | RULE_UDP, 0, true, 0},
	{"ldap", RULE_TCP | RULE_UDP, 0, true, 0},
	{"quic", RULE_UDP, 0, true, 0},
	{"dhcp", RULE_UDP, 0, true, 0},
	{"ntp", RULE_UDP, 0, true, 0},
	{"snmp", RULE_UDP, 0, true, 0},
	{"syslog", RULE_TCP | RULE_UDP, 0, true, 0},
	{"sip", RULE_TCP | RULE_UDP, 0, true, 0},
	{"rfb", RULE_TCP, 0, true, 0},
	{"rdp", RULE_TCP, 0, true, 0},
	{"mqtt", RULE_TCP, 0, true, 0},
	{"ike", RULE_UDP, 0, true, 0},
	{"pgsql", RULE_TCP, 0, true, 0},
	{"mysql", RULE_TCP, 0, true, 0},
	{"redis", RULE_TCP, 0, true, 0},
	{"irc", RULE_TCP, 0, true, 0},
	{"telnet", RULE_TCP, 0, true, 0},
	{"websocket", RULE_TCP, 0, true, 0},
	{"bittorrent-dht", RULE_UDP, 0, true, 0},
	{"modbus", RULE_TCP, 0, true, 0},
	{"dnp3", RULE_TCP | RULE_UDP, 0, true, 0},
	{"enip", RULE_TCP | RULE_UDP, 0, true, 0},
};

/* Names that protocols had. */
static const struct {
	const char *name, *now;
} former[] = {
	{"ikev2", "ike"},
};

const struct protocol_row *protocol_find(const struct scan *name)
{
	for (size_t i = 0; i < sizeof(former) / sizeof(*former); i++)
		if (scan_is_nocase(name, former[i].name))
			return protocol_find(&(struct scan){former[i].now, former[i].now + strlen(former[i].now)});
	for (size_t i = 0; i < sizeof(protocols) / sizeof(*protocols); i++)
		if (scan_is_nocase(name, protocols[i].name))
			return &protocols[i];
	return NULL;
}

const struct protocol_row *protocol_app_find(const struct scan *name)
{
	const struct protocol_row *row = protocol_find(name);

	return row && row->app ? row : NULL;
}

bool protocol_in(const char *app, size_t len, const char *list)
{
	for (const char *p = list; *p;) {
		size_t n = strcspn(p, " ");

		if (n == len && memcmp(p, app, n) == 0)
			return true;
		p += n + strspn(p + n, " ");
	}
	return false;
}

/* The ends, which all protocols have, have no app. */
static const struct {
	const char *app, *name;
} hooks[] = {
	{NULL, "request_started"},
	{NULL, "request_complete"},
	{NULL, "response_started"},
	{NULL, "response_complete"},
#define HOOK(app, name, direction, progress) {#app, name},
#define HOOK_ALIAS(app, other, name) {#app, other},
#include "dataplane/event/hook.def"
#undef HOOK
#undef HOOK_ALIAS
};

static bool hook_of(const char *app, const char *apps)
{
	return !app || protocol_in(app, strlen(app), apps) || (strcmp(app, "http") == 0 && protocol_in("http1", 5, apps));
}

bool protocol_hook_known(const char *apps, const struct scan *hook, char *names, size_t size)
{
	size_t used = 0;

	names[0] = '\0';
	for (size_t i = 0; i < sizeof(hooks) / sizeof(*hooks); i++) {
		if (!hook_of(hooks[i].app, apps))
			continue;
		if (scan_is(hook, hooks[i].name))
			return true;
		if (strlen(hooks[i].name) + 3 < size - used)
			used += (size_t)snprintf(names + used, size - used, "%s%s", used ? ", " : "", hooks[i].name);
	}
	return false;
}

static const struct {
	const char *app, *name;
} frames[] = {
#define FRAME(proto, name) {#proto, name},
#include "dataplane/event/frame.def"
#undef FRAME
};

/* May a rule on apps (NULL: any) be about the protocol? "http" stands for both versions. */
static bool app_among(const char *app, const char *apps)
{
	return !apps || hook_of(app, apps) || (strcmp(app, "http2") == 0 && protocol_in("http", 4, apps));
}

bool protocol_frame_known(const char *apps, const char *frame)
{
	for (size_t i = 0; i < sizeof(frames) / sizeof(frames[0]); i++)
		if (app_among(frames[i].app, apps) && frame_is(frames[i].app, frames[i].name, frame))
			return true;
	/* every protocol over TCP has its stream */
	for (size_t i = 0; i < sizeof(protocols) / sizeof(protocols[0]); i++)
		if (protocols[i].app && protocols[i].ip_protos & RULE_TCP && app_among(protocols[i].name, apps) &&
		    frame_is(protocols[i].name, "stream", frame))
			return true;
	return false;
}
