/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Records of MQTT, see mqtt.h. Texts are cut at eve.types.mqtt.string_log_limit, and then say how
 * much is missing. Runs in the worker that owns the flow.
 */

#include "dataplane/app/mqtt.h"
#include "dataplane/base/put.h"
#include "dataplane/engine/emit.h"

#define LOG_TEXT_MAX 16384

void mqtt_configure(const struct worker *w, void *memory)
{
	struct mqtt_config *c = memory;
	uint64_t message_max = MQTT_MESSAGE_MAX, text = MQTT_LOG_TEXT_BYTES;

	c->log_passwords = true;
	if (w->config) {
		message_max = config_map_size(&w->config->app, "mqtt.max_msg_length", message_max);
		text = config_map_size(&w->config->eve_types, "mqtt.string_log_limit", text);
		c->log_passwords = config_map_bool(&w->config->eve_types, "mqtt.passwords", true);
	}
	c->message_max = message_max < MQTT_MESSAGE_MAX ? (uint32_t)message_max : MQTT_MESSAGE_MAX;
	c->log_text_bytes = text < LOG_TEXT_MAX ? (uint32_t)text : LOG_TEXT_MAX;
}

static void write_text(struct recorder *r, const struct mqtt_config *c, enum field_id f,
		       struct bytes b)
{
	char text[LOG_TEXT_MAX + 64];
	struct put p;

	if (!b.data)
		return;
	if (b.len <= c->log_text_bytes) {
		rec_bytes(r, f, b.data, b.len);
		return;
	}
	memcpy(text, b.data, c->log_text_bytes);
	p = put_text(put_to(text + c->log_text_bytes, 64), "[truncated ");
	p = put_text(put_uint(p, b.len - c->log_text_bytes), " additional bytes]");
	rec_bytes(r, f, text, (uint32_t)(p.at - text));
}

static enum field_id property_field(uint32_t id)
{
	static const uint16_t fields[0x2b] = {
		[0x01] = F_mqtt_payload_format_indicator,
		[0x02] = F_mqtt_message_expiry_interval,
		[0x03] = F_mqtt_content_type,
		[0x08] = F_mqtt_response_topic,
		[0x09] = F_mqtt_correlation_data,
		[0x0b] = F_mqtt_subscription_identifier,
		[0x11] = F_mqtt_session_expiry_interval,
		[0x12] = F_mqtt_assigned_client_identifier,
		[0x13] = F_mqtt_server_keep_alive,
		[0x15] = F_mqtt_authentication_method,
		[0x16] = F_mqtt_authentication_data,
		[0x17] = F_mqtt_request_problem_information,
		[0x18] = F_mqtt_will_delay_interval,
		[0x19] = F_mqtt_request_response_information,
		[0x1a] = F_mqtt_response_information,
		[0x1c] = F_mqtt_server_reference,
		[0x1f] = F_mqtt_reason_string,
		[0x21] = F_mqtt_receive_maximum,
		[0x22] = F_mqtt_topic_alias_maximum,
		[0x23] = F_mqtt_topic_alias,
		[0x24] = F_mqtt_maximum_qos,
		[0x25] = F_mqtt_retain_available,
		[0x27] = F_mqtt_maximum_packet_size,
		[0x28] = F_mqtt_wildcard_subscription_available,
		[0x29] = F_mqtt_subscription_identifiers_available,
		[0x2a] = F_mqtt_shared_subscription_available,
	};

	return id < sizeof(fields) / sizeof(*fields) ? fields[id] : FIELD_NONE;
}

/* Is the name that of a property of the protocol's own, or of an earlier one of the user's? */
static bool name_taken(struct bytes name, const struct bytes *earlier, unsigned count)
{
	for (uint32_t id = 0; id < 0x2b; id++) {
		const char *key = field_rows[property_field(id)].key;

		if (strlen(key) == name.len && memcmp(key, name.data, name.len) == 0)
			return true;
	}
	for (unsigned i = 0; i < count; i++)
		if (earlier[i].len == name.len && memcmp(earlier[i].data, name.data, name.len) == 0)
			return true;
	return false;
}

/* Each key once: of several the first. */
static void write_properties(struct recorder *r, const struct mqtt_config *c, struct bytes data)
{
	struct cursor cursor = cursor_of(data.data, data.len);
	struct mqtt_property p;
	struct bytes names[MQTT_USER_PROPERTIES_MAX];
	unsigned count = 0;
	uint64_t written = 0;

	if (!data.data)
		return;
	rec_open(r, F_mqtt_properties);
	for (unsigned i = 0; i < MQTT_PROPERTIES_MAX && mqtt_property_next(&cursor, &p); i++) {
		if (p.kind == MQTT_PROPERTY_PAIR) {
			if (count < MQTT_USER_PROPERTIES_MAX && !name_taken(p.text, names, count)) {
				names[count++] = p.text;
				rec_member(r, F_mqtt_user_property, p.text, p.value);
			}
			continue;
		}
		if (written >> p.id & 1)
			continue;
		written |= 1ull << p.id;
		if (p.kind == MQTT_PROPERTY_TEXT)
			write_text(r, c, property_field(p.id), p.text);
		else
			rec_uint(r, property_field(p.id), p.number);
	}
	rec_close(r);
}

static void write_connect(struct recorder *r, const struct mqtt_config *c, const struct mqtt_message *m)
{
	uint8_t bits = m->connect_flags;

	rec_bytes(r, F_mqtt_protocol_string, m->protocol.data, m->protocol.len);
	rec_uint(r, F_mqtt_protocol_version, m->version);
	write_text(r, c, F_mqtt_client_id, m->client_id);
	rec_open(r, F_mqtt_flags);
	rec_bool(r, F_mqtt_flag_username, bits & MQTT_CONNECT_USERNAME);
	rec_bool(r, F_mqtt_flag_password, bits & MQTT_CONNECT_PASSWORD);
	rec_bool(r, F_mqtt_flag_will_retain, bits & MQTT_CONNECT_WILL_RETAIN);
	rec_bool(r, F_mqtt_flag_will, bits & MQTT_CONNECT_WILL);
	rec_bool(r, F_mqtt_flag_clean_session, bits & MQTT_CONNECT_CLEAN);
	rec_close(r);
	write_text(r, c, F_mqtt_username, m->username);
	if (c->log_passwords)
		write_text(r, c, F_mqtt_password, m->password);
	if (bits & MQTT_CONNECT_WILL) {
		rec_open(r, F_mqtt_will);
		write_text(r, c, F_mqtt_topic, m->will_topic);
		write_text(r, c, F_mqtt_message, m->will_message);
		write_properties(r, c, m->will_properties);
		rec_close(r);
	}
}

static void write_topics(struct recorder *r, const struct mqtt_config *config,
			 const struct mqtt_message *m)
{
	struct cursor c = cursor_of(m->list.data, m->list.len);
	struct bytes topic;
	uint8_t qos;

	rec_open(r, F_mqtt_topics);
	for (unsigned i = 0; i < MQTT_TOPICS_MAX && mqtt_topic_next(m, &c, &topic, &qos); i++) {
		if (m->type == MQTT_UNSUBSCRIBE) {
			write_text(r, config, F_mqtt_filter_text, topic);
			continue;
		}
		rec_open(r, F_mqtt_filter);
		write_text(r, config, F_mqtt_topic, topic);
		rec_uint(r, F_mqtt_qos, qos);
		rec_close(r);
	}
	rec_close(r);
}

static void write_codes(struct recorder *r, enum field_id array, const struct mqtt_message *m)
{
	if (!m->list.len && m->type == MQTT_UNSUBACK)
		return;
	rec_open(r, array);
	for (uint32_t i = 0; i < m->list.len && i < MQTT_TOPICS_MAX; i++)
		rec_uint(r, F_mqtt_code, m->list.data[i]);
	rec_close(r);
}

static void write_body(struct recorder *r, const struct mqtt_config *c, const struct mqtt_message *m)
{
	if (m->has_id)
		rec_uint(r, F_mqtt_message_id, m->id);
	switch (m->type) {
	case MQTT_CONNECT:
		write_connect(r, c, m);
		break;
	case MQTT_CONNACK:
		rec_bool(r, F_mqtt_session_present, m->session_present);
		rec_uint(r, F_mqtt_return_code, m->code);
		break;
	case MQTT_PUBLISH:
		write_text(r, c, F_mqtt_topic, m->topic);
		write_text(r, c, F_mqtt_message, m->payload);
		break;
	case MQTT_SUBSCRIBE:
	case MQTT_UNSUBSCRIBE:
		write_topics(r, c, m);
		break;
	case MQTT_SUBACK:
		write_codes(r, F_mqtt_qos_granted, m);
		break;
	case MQTT_UNSUBACK:
		write_codes(r, F_mqtt_reason_codes, m);
		break;
	default:
		if (m->has_code)
			rec_uint(r, F_mqtt_reason_code, m->code);
	}
	write_properties(r, c, m->properties);
}

static void write_message(struct recorder *r, const struct mqtt_config *c, const struct mqtt_message *m)
{
	static const uint16_t fields[MQTT_TYPES] = {
		FIELD_NONE,	    F_mqtt_connect,	F_mqtt_connack,	 F_mqtt_publish,
		F_mqtt_puback,	    F_mqtt_pubrec,	F_mqtt_pubrel,	 F_mqtt_pubcomp,
		F_mqtt_subscribe,   F_mqtt_suback,	F_mqtt_unsubscribe, F_mqtt_unsuback,
		F_mqtt_pingreq,	    F_mqtt_pingresp,	F_mqtt_disconnect, F_mqtt_auth,
	};

	rec_open(r, fields[m->type]);
	rec_uint(r, F_mqtt_qos, mqtt_qos(m));
	rec_bool(r, F_mqtt_retain, m->flags & 1);
	rec_bool(r, F_mqtt_dup, m->flags & 8);
	if (m->truncated) {
		rec_bool(r, F_mqtt_truncated, true);
		rec_uint(r, F_mqtt_skipped_length, m->length);
	} else {
		write_body(r, c, m);
	}
	rec_close(r);
}

/* A key stands in an object once: of several messages of a type the first is written. */
static void write_messages(struct worker *w, struct recorder *r, struct tx *tx)
{
	uint32_t written = 1u << MQTT_UNASSIGNED;

	rec_open(r, F_mqtt_mqtt);
	for (const struct mqtt_message *m = mqtt_of(tx)->first; m; m = m->next) {
		if (written >> m->type & 1)
			continue;
		written |= 1u << m->type;
		write_message(r, app_config(w, APP_mqtt), m);
	}
	rec_close(r);
}

void mqtt_log(struct worker *w, struct flow *f, struct tx *tx, const struct packet *p)
{
	struct recorder *r = emit_flow(w, RECORD_mqtt, f, mqtt_of(tx)->direction, tx->id, p);

	if (!r)
		return;
	write_messages(w, r, tx);
	emit_end(w);
}

void mqtt_alert_context(struct worker *w, struct flow *f, struct tx *tx, struct recorder *r)
{
	write_messages(w, r, tx);
}
