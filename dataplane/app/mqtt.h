/* SPDX-License-Identifier: BSD-3-Clause
 *
 * MQTT 3.1, 3.1.1 and 5 (OASIS "MQTT Version 3.1.1" 2014, chapters 2 and 3; "MQTT Version 5.0"
 * 2019, chapters 2 and 3): messages and what is kept of them. Private to mqtt*.c.
 *
 * A message is a first byte (type, flags), its remaining length (variable byte integer, at most 4
 * bytes), and so many bytes. A transaction is a request and what answers it: CONNECT and CONNACK;
 * PUBLISH with PUBACK, or with PUBREC, PUBREL, PUBCOMP; SUBSCRIBE and SUBACK; UNSUBSCRIBE and
 * UNSUBACK. All other messages stand alone.
 */
#ifndef APP_MQTT_H
#define APP_MQTT_H

#include "dataplane/app/app.h"

#define MQTT_MESSAGE_MAX (1u << 20)     /* of the option max_msg_length; longer ones are skipped */
#define MQTT_HEADER_MAX 5
#define MQTT_TRANSACTIONS_MAX 1024      /* one more: the oldest waiting one waits no longer */
#define MQTT_MESSAGES_PER_TX_MAX 32     /* more are not kept */
#define MQTT_TOPICS_MAX 1024            /* looked at in one message */
#define MQTT_PROPERTIES_MAX 1024        /* likewise */
#define MQTT_USER_PROPERTIES_MAX 64     /* written of one message */
#define MQTT_LOG_TEXT_BYTES 1024        /* of a text in a record, eve.types.mqtt.string_log_limit */

enum mqtt_type {
	MQTT_UNASSIGNED,
	MQTT_CONNECT,
	MQTT_CONNACK,
	MQTT_PUBLISH,
	MQTT_PUBACK,
	MQTT_PUBREC,
	MQTT_PUBREL,
	MQTT_PUBCOMP,
	MQTT_SUBSCRIBE,
	MQTT_SUBACK,
	MQTT_UNSUBSCRIBE,
	MQTT_UNSUBACK,
	MQTT_PINGREQ,
	MQTT_PINGRESP,
	MQTT_DISCONNECT,
	MQTT_AUTH,
	MQTT_TYPES
};

enum mqtt_connect_bits {
	MQTT_CONNECT_CLEAN = 1 << 1,
	MQTT_CONNECT_WILL = 1 << 2,
	MQTT_CONNECT_WILL_RETAIN = 1 << 5,
	MQTT_CONNECT_PASSWORD = 1 << 6,
	MQTT_CONNECT_USERNAME = 1 << 7,
};

/* First bytes of a message. */
struct mqtt_header {
	uint8_t type;       /* enum mqtt_type */
	uint8_t flags;      /* low four bits of the first byte */
	uint8_t bytes;      /* of this header: 2 to 5 */
	uint32_t remaining; /* bytes after it */
};

enum mqtt_header_status { MQTT_HEADER_GOOD, MQTT_HEADER_MORE, MQTT_HEADER_BAD };

struct mqtt_message {
	struct mqtt_message *next;
	uint32_t length;       /* with the header */
	uint8_t type, flags;   /* as in the header */
	uint8_t version;       /* of the connection, or that of this CONNECT */
	uint8_t connect_flags; /* enum mqtt_connect_bits */
	uint8_t code;          /* return or reason code, with .has_code */
	uint16_t id;           /* packet identifier, with .has_id */
	bool has_code, has_id, session_present;
	bool truncated;        /* too long: none of the following is there */
	/* Views into .body; data NULL: not there. */
	struct bytes properties, will_properties; /* without their length */
	struct bytes protocol, client_id, will_topic, will_message, username, password;
	struct bytes topic, payload;
	struct bytes list;     /* SUBSCRIBE, UNSUBSCRIBE: topics; SUBACK, UNSUBACK: codes */
	uint8_t body[];        /* what followed the header; nothing if truncated */
};

struct mqtt_tx {
	struct tx tx;
	struct mqtt_message *first, *last; /* owned */
	uint8_t count;
	uint8_t direction;  /* of the first message */
	uint8_t version;
	bool complete;
	uint32_t waits_for; /* packet identifier of the answer; MQTT_WAITS_CONNACK; MQTT_WAITS_NOT */
};

#define MQTT_WAITS_NOT UINT32_MAX
#define MQTT_WAITS_CONNACK (UINT32_MAX - 1)

struct mqtt_config {
	uint32_t message_max;
	uint32_t log_text_bytes;
	bool log_passwords;
};

static inline struct mqtt_tx *mqtt_of(struct tx *tx)
{
	return (struct mqtt_tx *)(void *)tx;
}

static inline uint8_t mqtt_qos(const struct mqtt_message *m)
{
	return m->flags >> 1 & 3;
}

/* mqtt_message.c */
enum mqtt_header_status mqtt_header_read(struct mqtt_header *h, const uint8_t *data, uint32_t len);
/* Fills the views from .body (len bytes), with .type, .flags and .version set. False: malformed. */
bool mqtt_message_read(struct mqtt_message *m, uint32_t len);
/* The next topic of .list; false at the end. qos is set where there is one. */
bool mqtt_topic_next(const struct mqtt_message *m, struct cursor *c, struct bytes *topic, uint8_t *qos);

enum mqtt_property_kind {
	MQTT_PROPERTY_BYTE,
	MQTT_PROPERTY_TWO,
	MQTT_PROPERTY_FOUR,
	MQTT_PROPERTY_VARIABLE,
	MQTT_PROPERTY_TEXT,
	MQTT_PROPERTY_PAIR,
};

struct mqtt_property {
	uint32_t id;
	enum mqtt_property_kind kind;
	uint32_t number;
	struct bytes text, value; /* .value: of a pair */
};

/* The next property; false at the end, or when it is malformed (c->bad). */
bool mqtt_property_next(struct cursor *c, struct mqtt_property *p);

/* mqtt_log.c */
void mqtt_configure(const struct worker *w, void *config);
void mqtt_log(struct worker *w, struct flow *f, struct tx *tx, const struct packet *p);
void mqtt_alert_context(struct worker *w, struct flow *f, struct tx *tx, struct recorder *r);

#endif
