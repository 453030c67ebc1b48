/* The settings table: the only place where a setting is written down.
 *
 * Row: kind, field, path, default, low, high, flags, environment, help
 *   kind         TEXT; CHOICE (values in high, separated by |); NUMBER; SIZE (512, 64KiB, 1MiB,
 * 2GiB); DURATION (250ms, 10s, 5m, 24h); LIST (YAML list; in flags and environment separated by
 * commas) path         in the YAML file; the flag --<path with '-' for '.' and '_'> and the
 * variable GURNARD_<PATH> always exist low, high    bounds of numbers as texts (sizes and durations
 * in their own notation), "" for none flags        further flags, of the replaced programs,
 * separated by commas environment  further variables, of the replaced programs, first one wins help
 * one or two sentences */
#ifndef GURNARD_APP_SETTINGS_TABLE_H
#define GURNARD_APP_SETTINGS_TABLE_H

/* clang-format off */
#define GN_SETTINGS_TABLE(ROW) \
ROW(TEXT, node_name, "node.name", "mock", "", "", "", "NODE_NAME", \
    "Name of this node. Redfish events are published under /cluster/node/NAME.") \
ROW(TEXT, webhook_address, "webhook.address", "", "", "", "", "", \
    "Address on which BMCs are listened to. Empty: all, IPv4 and IPv6.") \
ROW(NUMBER, webhook_port, "webhook.port", "9087", "0", "65535", "", \
    "HW_EVENT_PROXY_SERVICE_SERVICE_PORT,HW_EVENT_PORT", \
    "Port on which BMCs are listened to. 0: any free one, printed in the log.") \
ROW(NUMBER, webhook_max_connections, "webhook.max_connections", "2048", "1", "100000", "", "", \
    "Connections of BMCs served at a time; further ones wait. Lowered at start when the limit of open files asks for it.") \
ROW(SIZE, webhook_max_body, "webhook.max_body", "4MiB", "1KiB", "64MiB", "", "", \
    "Largest body of one POST; a larger one is answered 413.") \
ROW(CHOICE, webhook_unreadable, "webhook.unreadable", "quarantine", "", "quarantine|reject", "", "", \
    "What happens to a body that is not JSON: kept in quarantine and answered 200, or answered 400. Many BMCs drop their subscription after a few answers that are not 2xx.") \
ROW(TEXT, webhook_tokens_file, "webhook.tokens_file", "", "", "", "", "", \
    "File with lines `NAME TOKEN`: /webhook/NAME is then only served as /webhook/NAME/TOKEN. Read at start and on SIGHUP.") \
ROW(CHOICE, webhook_require_token, "webhook.require_token", "no", "", "no|yes", "", "", \
    "Whether /webhook itself, and names without a line in the tokens file, are refused.") \
ROW(TEXT, api_address, "api.address", "", "", "", "", "", \
    "Address on which the REST API listens. Empty: all, IPv4 and IPv6.") \
ROW(NUMBER, api_port, "api.port", "8089", "0", "65535", "", "", \
    "Port of the REST API. 0: any free one, printed in the log.") \
ROW(NUMBER, api_max_connections, "api.max_connections", "1024", "1", "100000", "", "", \
    "Connections of API clients served at a time; further ones wait.") \
ROW(SIZE, api_max_body, "api.max_body", "1MiB", "1KiB", "64MiB", "", "", \
    "Largest body of one API request; a larger one is answered 413.") \
ROW(DURATION, api_probe_timeout, "api.probe_timeout", "10s", "100ms", "60s", "", "", \
    "How long a new subscriber's endpointUri may take to answer the probe.") \
ROW(CHOICE, api_duplicates, "api.duplicates", "separate", "", "separate|first", "", "", \
    "A second subscription to the same resource with another endpointUri: a subscription of its own, or the first one's object as cloud-event-proxy answered.") \
ROW(TEXT, admin_listen, "admin.listen", "127.0.0.1:9091", "", "", "metrics-addr", "", \
    "Address and port of metrics, probes and the admin API; `:9091` is all addresses.") \
ROW(TEXT, store_path, "store.path", "/var/lib/gurnard", "", "", "", "", \
    "Folder of subscriptions, publishers and quarantine. Made when missing.") \
ROW(LIST, registries_paths, "registries.paths", GN_DATA_DIR "/registries," GN_SYSCONF_DIR "/registries", "", "", "", "", \
    "Folders with message registries, JSON or gzip. Later ones win. Read at start and on SIGHUP; a folder that is missing is passed over.") \
ROW(CHOICE, events_severity, "events.severity", "keep", "", "keep|overwrite", "", "", \
    "Severity of an event whose text comes from a registry: the BMC's own, or the registry's as hw-event-proxy did.") \
ROW(DURATION, delivery_timeout, "delivery.timeout", "10s", "100ms", "5m", "", "", \
    "How long one attempt may take, from connecting to the end of the answer.") \
ROW(DURATION, delivery_retry_min, "delivery.retry_min", "500ms", "1ms", "1h", "", "", \
    "Upper bound of the first pause after a failed attempt; it doubles with each further one. The pause is drawn at random below the bound.") \
ROW(DURATION, delivery_retry_max, "delivery.retry_max", "60s", "1ms", "1h", "", "", \
    "Where the doubling ends.") \
ROW(DURATION, delivery_expire, "delivery.expire", "24h", "1s", "720h", "", "", \
    "Age at which an event that a subscriber did not take is given up.") \
ROW(NUMBER, delivery_refused_tries, "delivery.refused_tries", "3", "1", "100", "", "", \
    "Attempts after which an event is given up when the subscriber answers 4xx or 3xx (404, 408, 409, 425 and 429 are tried on until they expire).") \
ROW(DURATION, delivery_gone_pause, "delivery.gone_pause", "10m", "1s", "720h", "", "", \
    "How long a subscriber that answers 410 Gone is left alone; events for it are dropped meanwhile.") \
ROW(NUMBER, delivery_concurrency, "delivery.concurrency", "16", "1", "1000", "", "", \
    "Attempts under way for one subscriber, over different BMCs. Events of one BMC always go one after another.") \
ROW(NUMBER, delivery_queue_events, "delivery.queue_events", "100000", "1", "10000000", "", "", \
    "Events waiting for one subscriber; beyond, its oldest is dropped.") \
ROW(SIZE, delivery_memory, "delivery.memory", "256MiB", "1MiB", "64GiB", "", "", \
    "Events held in all. When it is used up, backlogs of subscribers that do not answer are dropped; if that is not enough, BMCs are answered 503.") \
ROW(NUMBER, quarantine_files, "quarantine.files", "1000", "1", "1000000", "", "", \
    "Unreadable bodies kept; beyond, the oldest goes.") \
ROW(SIZE, quarantine_size, "quarantine.size", "16MiB", "64KiB", "16GiB", "", "", \
    "Bytes of unreadable bodies kept; beyond, the oldest goes.") \
ROW(DURATION, http_idle_timeout, "http.idle_timeout", "120s", "1s", "1h", "", "", \
    "A connection without a request is closed after this.") \
ROW(DURATION, http_header_deadline, "http.header_deadline", "5s", "100ms", "5m", "", "", \
    "Time for a client to send its request's headers, however slowly it sends.") \
ROW(DURATION, http_body_deadline, "http.body_deadline", "10s", "100ms", "10m", "", "", \
    "Time for a client to send its request's body, and one second more for each 4 KiB.") \
ROW(DURATION, shutdown_drain, "shutdown.drain", "5s", "0ms", "10m", "", "", \
    "At SIGTERM, how long queued events may still go out before the daemon exits.") \
ROW(CHOICE, log_level, "log.level", "info", "", "debug|info|warn|error", "", "LOG_LEVEL", \
    "Lowest level written. The names of the replaced programs (trace, warning, fatal, panic) are understood.") \
ROW(CHOICE, log_format, "log.format", "text", "", "text|json", "", "", \
    "Form of the log lines on standard error.") \
ROW(TEXT, legacy_transport_host, "legacy.transport_host", "", "", "", "transport-host", "", \
    "Taken for cloud-event-proxy's manifests; without effect, deliveries go straight to subscribers.") \
ROW(TEXT, legacy_http_event_publishers, "legacy.http_event_publishers", "", "", "", "http-event-publishers", "", \
    "Taken for cloud-event-proxy's manifests; without effect in this version.") \
ROW(TEXT, legacy_api_version, "legacy.api_version", "", "", "", "api-version", "", \
    "Taken for cloud-event-proxy's manifests; without effect, v1 is what is served.") \
ROW(TEXT, legacy_msg_parser_port, "legacy.msg_parser_port", "", "", "", "", "MSG_PARSER_PORT", \
    "Taken for hw-event-proxy's manifests; without effect, registries are inside the daemon.") \
ROW(TEXT, legacy_msg_parser_timeout, "legacy.msg_parser_timeout", "", "", "", "", "MSG_PARSER_TIMEOUT", \
    "Taken for hw-event-proxy's manifests; without effect, registries are inside the daemon.")
/* clang-format on */

#endif
