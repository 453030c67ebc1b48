/* The settings table: the only place where a setting is written down.
 *
 * Row: kind, field, path, default, low, high, flags, environment, help
 *
 * - kind: TEXT; CHOICE (values in high, separated by |); NUMBER; SIZE (512, 64KiB, 1MiB, 2GiB);
 *   DURATION (250ms, 10s, 5m, 24h); LIST (YAML list; in flags and environment separated by commas);
 *   TREE (YAML of any shape; in flags and environment JSON)
 * - path: in the YAML file; the flag --<path with '-' for '.' and '_'> and the variable
 *   GURNARD_<PATH> always exist
 * - low, high: bounds of numbers as texts (sizes and durations in their own notation), "" for none
 * - flags: further flags, of the replaced programs, separated by commas
 * - environment: further variables, of the replaced programs, first one wins
 * - help: one or two sentences */
#ifndef GURNARD_APP_SETTINGS_TABLE_H
#define GURNARD_APP_SETTINGS_TABLE_H

/* clang-format off */
#define GN_SETTINGS_TABLE(ROW) \
ROW(TEXT, node_name, "node.name", "mock", "", "", "", "NODE_NAME", \
    "Name of this node. Redfish events are published under /cluster/node/NAME.") \
ROW(TEXT, node_ip, "node.ip", "", "", "", "", "NODE_IP", \
    "Address of this node; what NODE_IP in transport.host and transport.publishers stands for.") \
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
    "Folder of everything that outlasts the daemon. Made when missing.") \
ROW(LIST, registries_paths, "registries.paths", GN_DATA_DIR "/registries," GN_SYSCONF_DIR "/registries", "", "", "", "", \
    "Folders with message registries, JSON or gzip. Later ones win. Read at start and on SIGHUP; a folder that is missing is passed over.") \
ROW(CHOICE, events_severity, "events.severity", "keep", "", "keep|overwrite", "", "", \
    "Severity of an event whose text comes from a registry: the BMC's own, or the registry's as hw-event-proxy did.") \
ROW(TREE, bmcs, "bmcs", "[]", "", "", "", "", \
    "List of the BMCs to be watched; see docs/bmcs.md.") \
ROW(TEXT, bmc_folder, "bmc.folder", "", "", "", "", "", \
    "Folder of files (`*.yaml`, `*.yml`, `*.json`) with further BMCs, or with BareMetalHosts as kubectl prints them. Read again when something in it changes.") \
ROW(TEXT, bmc_secrets_folder, "bmc.secrets_folder", "", "", "", "", "", \
    "Folder with the credentials of BareMetalHosts: in each folder of it, named as credentialsName, the files username and password.") \
ROW(TEXT, bmc_webhook_url, "bmc.webhook_url", "", "", "", "", "", \
    "Base under which BMCs reach the webhook, e.g. http://192.0.2.1:9087. Empty: our own address towards the BMC, with the port of the webhook.") \
ROW(TEXT, bmc_username_file, "bmc.username_file", "", "", "", "", "", \
    "File with the user name for BMCs that have none of their own; a line end behind it is cut off.") \
ROW(TEXT, bmc_password_file, "bmc.password_file", "", "", "", "", "", \
    "File with the password for BMCs that have none of their own; a line end behind it is cut off. Read again when it changes.") \
ROW(TEXT, bmc_ca_file, "bmc.ca_file", "", "", "", "", "", \
    "Certificates that those of BMCs are checked by. Empty: the system's.") \
ROW(TEXT, bmc_headers_file, "bmc.headers_file", "", "", "", "", "", \
    "File of lines `Name: value`: HTTP headers that BMCs are asked to send with each event.") \
ROW(CHOICE, bmc_tls, "bmc.tls", "verify", "", "verify|tofu|off", "", "", \
    "How certificates of BMCs are checked: verified, trusted and kept when first seen, or not at all.") \
ROW(CHOICE, bmc_auth, "bmc.auth", "auto", "", "auto|basic|session|none", "", "", \
    "How gurnard logs in to BMCs. auto: by session where there is a session service, else Basic.") \
ROW(CHOICE, bmc_way, "bmc.way", "auto", "", "auto|push|sse|none", "", "", \
    "How events come in. auto: the BMC pushes them, or they are read as a stream when that does not work. none: no subscription is made; only logs and registries are read.") \
ROW(CHOICE, bmc_recover, "bmc.recover", "outage", "", "outage|always|no", "", "", \
    "When a BMC's logs are read for events that never came: after an outage of ours or of the BMC, at each resync too, or never.") \
ROW(CHOICE, bmc_retry_policy, "bmc.retry_policy", "forever", "", "default|terminate|suspend|forever|backoff", "", "", \
    "DeliveryRetryPolicy asked for where the BMC offers it. default: the BMC's own.") \
ROW(NUMBER, bmc_heartbeat, "bmc.heartbeat", "0", "0", "65535", "", "", \
    "Minutes between heartbeats asked for where the BMC offers them. 0: none.") \
ROW(CHOICE, bmc_verify_certificate, "bmc.verify_certificate", "no", "", "no|yes", "", "", \
    "Whether BMCs are asked to check the certificate of the webhook.") \
ROW(CHOICE, bmc_metric_reports, "bmc.metric_reports", "no", "", "no|yes", "", "", \
    "Whether metric reports are subscribed to as well.") \
ROW(CHOICE, bmc_keep, "bmc.keep", "yes", "", "yes|no", "", "", \
    "Whether subscriptions stay on the BMCs when gurnardd ends, so that a restart finds them.") \
ROW(CHOICE, bmc_prove, "bmc.prove", "yes", "", "yes|no", "", "", \
    "Whether each new subscription is proved by a test event.") \
ROW(DURATION, bmc_proof_timeout, "bmc.proof_timeout", "30s", "100ms", "10m", "", "", \
    "How long a test event may take to come back.") \
ROW(DURATION, bmc_resync, "bmc.resync", "5m", "1s", "24h", "", "", \
    "How often a BMC's subscription is looked at without any sign of trouble.") \
ROW(DURATION, bmc_silence, "bmc.silence", "0ms", "0ms", "720h", "", "", \
    "After so long without an event or heartbeat a BMC is looked at at once. 0ms: never.") \
ROW(NUMBER, bmc_concurrency, "bmc.concurrency", "64", "1", "1000", "", "", \
    "Requests to BMCs under way at a time, at most two of them to one BMC.") \
ROW(DURATION, bmc_spread, "bmc.spread", "30s", "0ms", "10m", "", "", \
    "Time over which the first looks at all BMCs are spread at start, at most; a small fleet takes 30 ms for each BMC.") \
ROW(DURATION, bmc_timeout, "bmc.timeout", "60s", "100ms", "10m", "", "", \
    "How long one request to a BMC may take.") \
ROW(CHOICE, bmc_registries, "bmc.registries", "yes", "", "yes|no", "", "", \
    "Whether message registries that are missing here are fetched from the BMCs.") \
ROW(TEXT, bmc_registry_language, "bmc.registry_language", "en", "", "", "", "", \
    "Language of the registries that are fetched, where a BMC has several.") \
ROW(SIZE, bmc_registry_size, "bmc.registry_size", "256MiB", "1MiB", "64GiB", "", "", \
    "Room on disk for registries that were fetched; beyond, those unused for longest go.") \
ROW(DURATION, bmc_registry_wait, "bmc.registry_wait", "0ms", "0ms", "5s", "", "", \
    "How long an event may wait for a registry of its BMC that is being fetched.") \
ROW(TEXT, bmc_legacy_host, "bmc.legacy_host", "", "", "", "", "REDFISH_HOSTADDR", \
    "Address of the one BMC of hw-event-proxy's manifests; taken as one more entry of bmcs, with tls: tofu, and way: none as long as bmc.webhook_url is empty.") \
ROW(TEXT, bmc_legacy_username, "bmc.legacy_username", "", "", "", "", "REDFISH_USERNAME", \
    "User name for that BMC.") \
ROW(TEXT, bmc_legacy_password, "bmc.legacy_password", "", "", "", "", "REDFISH_PASSWORD", \
    "Password for that BMC; never printed. Files are the better place: bmc.password_file.") \
ROW(CHOICE, metrics_reports, "metrics.reports", "with", "", "apart|with|drop", "", "", \
    "Metric reports of BMCs: events under a resource of their own, among the other events, or dropped.") \
ROW(NUMBER, storm_rate, "storm.rate", "0", "0", "100000", "", "", \
    "Records a second of one BMC beyond which repeats are folded into one; never critical ones. 0: off.") \
ROW(NUMBER, storm_burst, "storm.burst", "100", "1", "1000000", "", "", \
    "Records that may come at once before that.") \
ROW(TEXT, transport_host, "transport.host", "", "", "", "", "", \
    "This daemon's URL for other proxies, http://host:port; the first NODE_IP or NODE_NAME in it is replaced. Other proxies know us by the text as it is. amqp:// forms: an AMQP 1.0 router or broker instead of HTTP.") \
ROW(LIST, transport_amqp_more, "transport.amqp_more", "", "", "", "", "", \
    "Further AMQP connections beside transport.host: URLs, each followed by the prefixes of the resources that go by it, separated by blanks; without any, all do.") \
ROW(TEXT, transport_amqp_pattern, "transport.amqp_pattern", "router", "", "", "", "", \
    "The broker's address for a resource: router, rabbitmq-topic, rabbitmq-queue, rabbitmq-exchange:NAME, artemis-multicast, artemis-anycast, or a text with {resource}, {path} or {key}.") \
ROW(CHOICE, transport_amqp_prefix, "transport.amqp_prefix", "cloudEvents:", "", "cloudEvents:|cloudEvents_", "", "", \
    "What the application properties of CloudEvents begin with when sent; both are understood.") \
ROW(CHOICE, transport_amqp_format, "transport.amqp_format", "v1", "", "v1|binary|structured", "", "", \
    "What is sent: v1, the messages of cloud-event-proxy; or CloudEvents 1.0, one for each record, in binary or structured mode.") \
ROW(LIST, transport_amqp_presettled, "transport.amqp_presettled", "", "", "", "", "", \
    "Beginnings of the addresses that messages are sent to settled: faster, and lost when the broker loses them. A slash: all of a router.") \
ROW(NUMBER, transport_amqp_window, "transport.amqp_window", "100", "1", "1000", "", "", \
    "Messages under way for one resource without an outcome, and received ones that are not stored yet.") \
ROW(DURATION, transport_amqp_outcome_timeout, "transport.amqp_outcome_timeout", "10s", "100ms", "5m", "", "", \
    "How long an outcome is waited for; then the message is sent again.") \
ROW(TEXT, transport_amqp_user, "transport.amqp_user", "", "", "", "", "", \
    "User for SASL PLAIN; also in the URL. Empty: EXTERNAL with a client certificate, else ANONYMOUS.") \
ROW(TEXT, transport_amqp_password_file, "transport.amqp_password_file", "", "", "", "", "", \
    "File with the password; a line end behind it is cut off.") \
ROW(CHOICE, transport_amqp_insecure_plain, "transport.amqp_insecure_plain", "no", "", "no|yes", "", "", \
    "Whether a password may be sent without TLS.") \
ROW(TEXT, transport_amqp_ca_file, "transport.amqp_ca_file", "", "", "", "", "", \
    "Certificates that the broker's is checked by. Empty: the system's.") \
ROW(TEXT, transport_amqp_cert_file, "transport.amqp_cert_file", "", "", "", "", "", \
    "Certificate of ours, PEM; read again at each connection.") \
ROW(TEXT, transport_amqp_key_file, "transport.amqp_key_file", "", "", "", "", "", \
    "Its key, PEM.") \
ROW(CHOICE, transport_amqp_verify, "transport.amqp_verify", "yes", "", "yes|no", "", "", \
    "Whether the broker's certificate and its name are checked.") \
ROW(TEXT, transport_listen, "transport.listen", "", "", "", "", "", \
    "Where other proxies are listened to, host:port or :port; off: not at all. Empty: on all addresses, with the port of transport.host, else 9043. Port 0: any free one.") \
ROW(LIST, transport_publishers, "transport.publishers", "", "", "", "http-event-publishers", "", \
    "URLs of the proxies whose events are wanted here: this daemon registers with each of them for what its own subscribers want.") \
ROW(DURATION, transport_retry_min, "transport.retry_min", "500ms", "10ms", "1h", "", "", \
    "Upper bound of the first pause after a registration that failed; it doubles with each further one.") \
ROW(DURATION, transport_retry_max, "transport.retry_max", "30s", "10ms", "1h", "", "", \
    "Where that doubling ends.") \
ROW(DURATION, transport_health, "transport.health", "10s", "100ms", "1h", "", "", \
    "How often a publisher is asked whether it is there; when it comes back, all is registered anew.") \
ROW(DURATION, transport_renew, "transport.renew", "60s", "100ms", "24h", "", "", \
    "How often all is registered anew, for publishers that have lost their store.") \
ROW(DURATION, transport_status_timeout, "transport.status_timeout", "5s", "100ms", "60s", "", "", \
    "How long publishers may take to tell a resource's current state.") \
ROW(DURATION, transport_client_expire, "transport.client_expire", "168h", "0ms", "720h", "", "", \
    "A proxy that has registered here and has failed for so long is forgotten. 0ms: never.") \
ROW(DURATION, delivery_timeout, "delivery.timeout", "10s", "100ms", "5m", "", "", \
    "How long one attempt may take, from connecting to the end of the answer.") \
ROW(DURATION, delivery_retry_min, "delivery.retry_min", "500ms", "1ms", "1h", "", "", \
    "Upper bound of the first pause after a failed attempt; it doubles with each further one. The pause is drawn at random below the bound.") \
ROW(DURATION, delivery_retry_max, "delivery.retry_max", "60s", "1ms", "1h", "", "", \
    "Where the doubling ends.") \
ROW(DURATION, delivery_expire, "delivery.expire", "24h", "1s", "720h", "", "", \
    "Age at which an event that a subscriber did not take is given up.") \
ROW(NUMBER, delivery_refused_tries, "delivery.refused_tries", "3", "1", "100", "", "", \
    "Attempts after which an event becomes a dead letter when the subscriber answers 4xx or 3xx (404, 408, 409, 425 and 429 are tried on until they expire).") \
ROW(DURATION, delivery_gone_pause, "delivery.gone_pause", "10m", "1s", "720h", "", "", \
    "How long a subscriber that answers 410 Gone is left alone; its events are kept meanwhile.") \
ROW(NUMBER, delivery_concurrency, "delivery.concurrency", "16", "1", "1000", "", "", \
    "Attempts under way for one subscriber, over different BMCs. Events of one BMC always go one after another.") \
ROW(NUMBER, delivery_queue_events, "delivery.queue_events", "100000", "1", "100000000", "", "", \
    "A subscriber with a longer backlog may lose its oldest events when the journal has no room left.") \
ROW(SIZE, delivery_queue_size, "delivery.queue_size", "64MiB", "1KiB", "512GiB", "", "", \
    "The same in bytes of journal behind the subscriber's position.") \
ROW(SIZE, delivery_memory, "delivery.memory", "64MiB", "1MiB", "64GiB", "", "", \
    "Events held in memory for delivery; beyond, subscribers read them from the journal.") \
ROW(CHOICE, durability, "durability", "journal", "", "journal|memory", "", "", \
    "What a 200 to a BMC means. journal: the event is on disk. memory: it is in memory, and a restart loses what is not delivered.") \
ROW(SIZE, journal_size, "journal.size", "256MiB", "1MiB", "512GiB", "", "", \
    "Room for stored events. At its last twentieth, after dropping what may be dropped, BMCs are answered 503.") \
ROW(SIZE, journal_segment, "journal.segment", "8MiB", "64KiB", "64MiB", "", "", \
    "Size of one file of the journal; at most an eighth of journal.size is used.") \
ROW(DURATION, journal_keep, "journal.keep", "24h", "0ms", "720h", "", "", \
    "How long events that everybody has are kept for replay, as long as there is room.") \
ROW(NUMBER, journal_disk_spare, "journal.disk_spare", "5", "0", "90", "", "", \
    "Percent of the file system's space and of its inodes that are left to others; beyond, events are shed and BMCs answered 503. 0: all may be used.") \
ROW(CHOICE, journal_repair, "journal.repair", "no", "", "no|yes", "", "", \
    "Whether to start although files of the journal are missing; what was in them is lost.") \
ROW(SIZE, deadletter_size, "deadletter.size", "16MiB", "1MiB", "64GiB", "", "", \
    "Room for dead letters, the events that a subscriber refused; beyond, the oldest go.") \
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
    "At SIGTERM, how long the daemon waits for deliveries under way (with durability memory: for all that is queued) before it exits.") \
ROW(CHOICE, log_level, "log.level", "info", "", "debug|info|warn|error", "", "LOG_LEVEL", \
    "Lowest level written. The names of the replaced programs (trace, warning, fatal, panic) are understood.") \
ROW(CHOICE, log_format, "log.format", "text", "", "text|json", "", "", \
    "Form of the log lines on standard error.") \
ROW(TEXT, legacy_api_version, "legacy.api_version", "", "", "", "api-version", "", \
    "Taken for cloud-event-proxy's manifests; without effect, v1 and v2 are both served.") \
ROW(TEXT, legacy_msg_parser_port, "legacy.msg_parser_port", "", "", "", "", "MSG_PARSER_PORT", \
    "Taken for hw-event-proxy's manifests; without effect, registries are inside the daemon.") \
ROW(TEXT, legacy_msg_parser_timeout, "legacy.msg_parser_timeout", "", "", "", "", "MSG_PARSER_TIMEOUT", \
    "Taken for hw-event-proxy's manifests; without effect, registries are inside the daemon.")
/* clang-format on */

#endif
