/* SPDX-License-Identifier: BSD-3-Clause
 *
 * MQTT messages, see mqtt.h. Runs in the worker that owns the flow.
 */
#include "dataplane/app/mqtt.h"

/* MQTT 5, 1.5.5: seven bits a byte, lowest first, at most four bytes. */
static bool variable(struct cursor *c, uint32_t *out)
{
	*out = 0;
	for (unsigned i = 0; i < 4; i++) {
		uint8_t b = cursor_u8(c);

		*out |= (uint32_t)(b & 0x7f) << 7 * i;
		if (!(b & 0x80))
			return !c->bad;
	}
	c->bad = true;
	return false;
}

enum mqtt_header_status mqtt_header_read(struct mqtt_header *h, const uint8_t *data, uint32_t len)
{
	uint32_t have = len < MQTT_HEADER_MAX ? len : MQTT_HEADER_MAX;
	struct cursor c = cursor_of(data, have);
	uint8_t first = cursor_u8(&c);

	h->type = first >> 4;
	h->flags = first & 0xf;
	if (!variable(&c, &h->remaining))
		return have < MQTT_HEADER_MAX && c.p == c.end ? MQTT_HEADER_MORE : MQTT_HEADER_BAD;
	h->bytes = (uint8_t)(c.p - data);
	return MQTT_HEADER_GOOD;
}

static struct bytes run(struct cursor *c, uint32_t n)
{
	const uint8_t *at = cursor_take(c, n);

	return (struct bytes){at, at ? n : 0};
}

/* Two bytes of length, then so many. */
static struct bytes text(struct cursor *c)
{
	return run(c, cursor_be16(c));
}

static void read_id(struct mqtt_message *m, struct cursor *c)
{
	m->id = cursor_be16(c);
	m->has_id = true;
}

static void read_code(struct mqtt_message *m, struct cursor *c)
{
	m->code = cursor_u8(c);
	m->has_code = true;
}

static void read_properties(const struct mqtt_message *m, struct cursor *c, struct bytes *out)
{
	uint32_t n;

	if (m->version == 5 && variable(c, &n))
		*out = run(c, n);
}

static void read_connect(struct mqtt_message *m, struct cursor *c)
{
	m->protocol = text(c);
	m->version = cursor_u8(c);
	m->connect_flags = cursor_u8(c);
	cursor_be16(c); /* keep alive */
	read_properties(m, c, &m->properties);
	m->client_id = text(c);
	if (m->connect_flags & MQTT_CONNECT_WILL) {
		read_properties(m, c, &m->will_properties);
		m->will_topic = text(c);
		m->will_message = text(c);
	}
	if (m->connect_flags & MQTT_CONNECT_USERNAME)
		m->username = text(c);
	if (m->connect_flags & MQTT_CONNECT_PASSWORD)
		m->password = text(c);
}

static void read_connack(struct mqtt_message *m, struct cursor *c)
{
	m->session_present = cursor_u8(c) & 1;
	read_code(m, c);
	if (m->version == 5 && cursor_left(c))
		read_properties(m, c, &m->properties);
}

static void read_publish(struct mqtt_message *m, struct cursor *c)
{
	m->topic = text(c);
	if (mqtt_qos(m) > 0)
		read_id(m, c);
	read_properties(m, c, &m->properties);
	m->payload = run(c, (uint32_t)cursor_left(c));
}

/* Code and properties, both of which may be left out (MQTT 5, 3.4.2.1). */
static void read_outcome(struct mqtt_message *m, struct cursor *c)
{
	if (m->version != 5 || !cursor_left(c))
		return;
	read_code(m, c);
	if (cursor_left(c))
		read_properties(m, c, &m->properties);
}

bool mqtt_message_read(struct mqtt_message *m, uint32_t len)
{
	struct cursor c = cursor_of(m->body, len);

	switch (m->type) {
	case MQTT_CONNECT:
		read_connect(m, &c);
		break;
	case MQTT_CONNACK:
		read_connack(m, &c);
		break;
	case MQTT_PUBLISH:
		read_publish(m, &c);
		break;
	case MQTT_PUBACK:
	case MQTT_PUBREC:
	case MQTT_PUBREL:
	case MQTT_PUBCOMP:
		read_id(m, &c);
		read_outcome(m, &c);
		break;
	case MQTT_SUBSCRIBE:
	case MQTT_SUBACK:
	case MQTT_UNSUBSCRIBE:
	case MQTT_UNSUBACK:
		read_id(m, &c);
		read_properties(m, &c, &m->properties);
		m->list = run(&c, (uint32_t)cursor_left(&c));
		break;
	case MQTT_DISCONNECT:
	case MQTT_AUTH:
		/* Left out, it is 0 (3.14.2.1); the reference has a code only before properties. */
		m->has_code = m->version == 5;
		if (len > 1)
			read_outcome(m, &c);
		break;
	}
	return !c.bad;
}

bool mqtt_topic_next(const struct mqtt_message *m, struct cursor *c, struct bytes *topic, uint8_t *qos)
{
	if (!cursor_left(c))
		return false;
	*topic = text(c);
	*qos = m->type == MQTT_SUBSCRIBE ? cursor_u8(c) & 3 : 0;
	return !c->bad;
}

/* MQTT 5, 2.2.2.2 */
static enum mqtt_property_kind kind_of(uint32_t id, bool *known)
{
	static const uint8_t kinds[0x2b] = {
#define KIND(id, kind) [id] = 1 + MQTT_PROPERTY_##kind
		KIND(0x01, BYTE), KIND(0x02, FOUR), KIND(0x03, TEXT), KIND(0x08, TEXT),
		KIND(0x09, TEXT), KIND(0x0b, VARIABLE), KIND(0x11, FOUR), KIND(0x12, TEXT),
		KIND(0x13, TWO), KIND(0x15, TEXT), KIND(0x16, TEXT), KIND(0x17, BYTE),
		KIND(0x18, FOUR), KIND(0x19, BYTE), KIND(0x1a, TEXT), KIND(0x1c, TEXT),
		KIND(0x1f, TEXT), KIND(0x21, TWO), KIND(0x22, TWO), KIND(0x23, TWO),
		KIND(0x24, BYTE), KIND(0x25, BYTE), KIND(0x26, PAIR), KIND(0x27, FOUR),
		KIND(0x28, BYTE), KIND(0x29, BYTE), KIND(0x2a, BYTE),
#undef KIND
	};

	*known = id < sizeof(kinds) && kinds[id];
	return *known ? (enum mqtt_property_kind)(kinds[id] - 1) : MQTT_PROPERTY_BYTE;
}

bool mqtt_property_next(struct cursor *c, struct mqtt_property *p)
{
	bool known;

	*p = (struct mqtt_property){0};
	if (!cursor_left(c) || !variable(c, &p->id))
		return false;
	p->kind = kind_of(p->id, &known);
	if (!known) {
		c->bad = true;
		return false;
	}
	switch (p->kind) {
	case MQTT_PROPERTY_BYTE:
		p->number = cursor_u8(c);
		break;
	case MQTT_PROPERTY_TWO:
		p->number = cursor_be16(c);
		break;
	case MQTT_PROPERTY_FOUR:
		p->number = cursor_be32(c);
		break;
	case MQTT_PROPERTY_VARIABLE:
		variable(c, &p->number);
		break;
	case MQTT_PROPERTY_PAIR:
		p->text = text(c);
		p->value = text(c);
		break;
	case MQTT_PROPERTY_TEXT:
		p->text = text(c);
		break;
	}
	return !c->bad;
}
