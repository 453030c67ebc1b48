/* Micro benchmarks of what is pure on an event's way: scan, write, look-up; and loading a registry.
 * Prints one JSON object. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "gurnard/base/arena.h"
#include "gurnard/base/buf.h"
#include "gurnard/base/clock.h"
#include "gurnard/redfish/event_scan.h"
#include "gurnard/redfish/event_write.h"
#include "gurnard/redfish/message_text.h"
#include "gurnard/redfish/registry.h"

#define MESSAGES  3000U
#define ROUNDS    200000U
#define BODY_MAX  ((size_t)1 << 20)
#define NS_PER_US 1000.0

static const char body_text[] =
    "{\"@odata.context\":\"/redfish/v1/$metadata#Event.Event\",\"@odata.id\":"
    "\"/redfish/v1/EventService/Events/5e004f5a\",\"@odata.type\":\"#Event.v1_5_0.Event\","
    "\"Context\":\"gurnard bench\",\"Events\":[{\"EventId\":\"2162\",\"EventTimestamp\":"
    "\"2026-11-21T03:49:30-0600\",\"EventType\":\"Alert\",\"MemberId\":\"615703\","
    "\"Message\":\"Temperature of CPU 1 is 93 degrees C, over its critical limit of 90.\","
    "\"MessageArgs\":[\"CPU 1\",\"93\",\"90\"],\"MessageArgs@odata.count\":3,\"MessageId\":"
    "\"Environmental.1.1.TemperatureAboveUpperCriticalThreshold\",\"MessageSeverity\":\"Critical\","
    "\"OriginOfCondition\":{\"@odata.id\":\"/redfish/v1/Chassis/1/Sensors/CpuTemp1\"},"
    "\"Severity\":\"Critical\"}],\"Events@odata.count\":1,\"Id\":\"5e004f5a\",\"Name\":"
    "\"Event Array\",\"Oem\":{\"Dell\":{\"@odata.type\":\"#DellEvent.v1_0_0.DellEvent\","
    "\"ServerHostname\":\"node-001.example.net\"}}}";

static void must(bool holds, const char *what)
{
    if (holds)
        return;
    fprintf(stderr, "bench_micro: %s failed\n", what);
    exit(1);
}

static double ns_each(uint64_t begin_us, uint64_t rounds)
{
    return (double)(gn_clock_mono_us() - begin_us) * NS_PER_US / (double)rounds;
}

static double scan_ns(void)
{
    const struct gn_str body = GN_STR(body_text);
    uint64_t begin_us = gn_clock_mono_us();

    for (uint32_t i = 0; i < ROUNDS; i++) {
        struct gn_redfish_payload payload;
        struct gn_arena arena;

        gn_arena_init(&arena, BODY_MAX);
        must(gn_redfish_scan(body, BODY_MAX, &arena, &payload, NULL) == GN_OK, "scan");
        gn_arena_fini(&arena);
    }
    return ns_each(begin_us, ROUNDS);
}

static double write_ns(void)
{
    const struct gn_str body = GN_STR(body_text);
    struct gn_redfish_payload payload;
    struct gn_arena arena;
    struct gn_buf out = GN_BUF_INIT;
    uint64_t begin_us;
    double result;

    gn_arena_init(&arena, BODY_MAX);
    must(gn_redfish_scan(body, BODY_MAX, &arena, &payload, NULL) == GN_OK, "scan");
    begin_us = gn_clock_mono_us();
    for (uint32_t i = 0; i < ROUNDS; i++) {
        gn_buf_reset(&out);
        gn_redfish_write_v1(&payload.events[0], NULL, &out);
    }
    result = ns_each(begin_us, ROUNDS);
    must(gn_buf_err(&out) == GN_OK && out.len > 0, "write");
    gn_arena_fini(&arena);
    gn_buf_free(&out);
    return result;
}

static void make_registry(struct gn_buf *json)
{
    gn_buf_puts(json, "{\"@odata.type\":\"#MessageRegistry.v1_6_0.MessageRegistry\",\"Id\":"
                      "\"Bench.1.0.0\",\"Name\":\"Bench\",\"Language\":\"en\",\"RegistryPrefix\":"
                      "\"Bench\",\"RegistryVersion\":\"1.0.0\",\"OwningEntity\":\"gurnard\","
                      "\"Messages\":{");
    for (uint32_t i = 0; i < MESSAGES; i++)
        gn_buf_printf(
            json,
            "%s\"KEY%04u\":{\"Description\":\"Message %u of the registry for measuring.\","
            "\"Message\":\"Part %%1 of unit %u shows %%2, which is beyond its limit of "
            "%%3.\",\"Severity\":\"Warning\",\"MessageSeverity\":\"Warning\","
            "\"NumberOfArgs\":3,\"ParamTypes\":[\"string\",\"string\",\"number\"],"
            "\"Resolution\":\"Look at unit %u, then at what feeds it, and call service if "
            "both are well.\"}",
            i > 0 ? "," : "", i, i, i, i);
    gn_buf_puts(json, "}}");
    must(gn_buf_err(json) == GN_OK, "registry");
}

static double find_ns(const struct gn_registry_set *set)
{
    static char ids[MESSAGES][32];
    uint64_t begin_us;
    uint32_t at = 1;

    for (uint32_t i = 0; i < MESSAGES; i++)
        (void)snprintf(ids[i], sizeof ids[i], "Bench.1.0.KEY%04u", i);
    begin_us = gn_clock_mono_us();
    for (uint32_t i = 0; i < ROUNDS; i++) {
        struct gn_message message;

        at = (at * 1103515245U + 12345U) & 0x7fffffffU;
        must(gn_registry_find(set, gn_str_of(ids[at % MESSAGES]), &message) == GN_MATCH_EXACT,
             "find");
    }
    return ns_each(begin_us, ROUNDS);
}

static double text_ns(const struct gn_registry_set *set)
{
    const struct gn_str args[] = {GN_STR("CPU 1"), GN_STR("93"), GN_STR("90")};
    struct gn_buf out = GN_BUF_INIT;
    struct gn_message message;
    uint64_t begin_us;
    double result;

    must(gn_registry_find(set, GN_STR("Bench.1.0.KEY0007"), &message) == GN_MATCH_EXACT, "find");
    begin_us = gn_clock_mono_us();
    for (uint32_t i = 0; i < ROUNDS; i++) {
        gn_buf_reset(&out);
        gn_message_text(message.text, args, 3, &out);
    }
    result = ns_each(begin_us, ROUNDS);
    must(out.len > message.text.len - 3, "text");
    gn_buf_free(&out);
    return result;
}

int main(void)
{
    struct gn_registry_set *set = gn_registry_set_new();
    struct gn_buf json = GN_BUF_INIT;
    const char *reason = "";
    uint64_t begin_us;
    double load_ms;

    must(set != NULL, "set");
    make_registry(&json);
    begin_us = gn_clock_mono_us();
    must(gn_registry_set_load(set, gn_buf_str(&json), "bench", &reason) == GN_OK, "load");
    must(gn_registry_set_seal(set) == GN_OK, "seal");
    load_ms = (double)(gn_clock_mono_us() - begin_us) / NS_PER_US;
    printf(
        "{\"body_bytes\":%zu,\"scan_ns\":%.0f,\"write_ns\":%.0f,\"find_ns\":%.0f,\"text_ns\":%.0f,"
        "\"registry_messages\":%u,\"registry_json_bytes\":%zu,\"registry_load_ms\":%.2f,"
        "\"registry_bytes\":%zu}\n",
        sizeof body_text - 1, scan_ns(), write_ns(), find_ns(set), text_ns(set),
        gn_registry_set_stats(set).messages, json.len, load_ms, gn_registry_set_stats(set).bytes);
    gn_registry_set_free(set);
    gn_buf_free(&json);
    return 0;
}
