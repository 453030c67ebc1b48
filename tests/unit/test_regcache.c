#include "gurnard/bmc/regcache.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>
#include <zlib.h>

#include "gurnard/base/file.h"
#include "gurnard/base/log.h"
#include "gurnard/redfish/event_service.h"
#include "gurnard/redfish/registry.h"
#include "regcache_priv.h"

#define WAIT_MS 5000 /* bound of any wait; never reached when the code is right */
#define MS      INT64_C(1000000)
#define NOW     (INT64_C(1790000000000) * MS)
#define HOUR    (INT64_C(3600000) * MS)

#define REGISTRY(prefix, text)                                                                     \
    "{\"@odata.type\":\"#MessageRegistry.v1_6_0.MessageRegistry\",\"RegistryPrefix\":\"" prefix    \
    "\",\"RegistryVersion\":\"1.2.3\",\"Messages\":{\"Key\":{\"Message\":\"" text "\"}}}"
#define ATTRIBUTES "{\"@odata.type\":\"#AttributeRegistry.v1_3_0.AttributeRegistry\"}"

/* What a test has at hand; the cache can be closed and opened again. */
static struct {
    char folder[64];
    struct gn_loop *loop;
    struct gn_worker *worker;
    struct gn_regcache *cache;
    struct gn_regcache_model *model;
    uint64_t limit_bytes;
    /* of the last put that ended */
    unsigned puts;
    enum gn_regcache_state state;
    bool is_new;
    char reason[GN_REGCACHE_REASON_MAX];
    char registry[64];
    char file[GN_REGCACHE_NAME_MAX];
} fix;

static void open_cache(void)
{
    struct gn_regcache_config config = {.folder = fix.folder, .limit_bytes = fix.limit_bytes};

    fix.loop = gn_loop_new(NULL);
    assert_non_null(fix.loop);
    fix.worker = gn_worker_new(fix.loop, "test");
    assert_non_null(fix.worker);
    config.worker = fix.worker;
    assert_int_equal(gn_regcache_open(&config, &fix.cache), GN_OK);
}

static void use_model(void)
{
    fix.model = gn_regcache_use(fix.cache, GN_STR("ProLiant DL380"), GN_STR("iLO 5 v2.3"), NOW);
    assert_non_null(fix.model);
}

static void close_cache(void)
{
    gn_worker_free(fix.worker); /* runs and ends all jobs */
    gn_regcache_free(fix.cache);
    gn_loop_free(fix.loop);
    fix.cache = NULL;
    fix.model = NULL;
}

static int set_up(void **state)
{
    (void)state;
    memset(&fix, 0, sizeof fix);
    strcpy(fix.folder, "/tmp/gurnard_regcache_XXXXXX");
    if (mkdtemp(fix.folder) == NULL)
        return -1;
    gn_log_init(GN_LOG_ERROR, GN_LOG_TEXT, 2);
    open_cache();
    use_model();
    return 0;
}

static void remove_all(void)
{
    char command[128];

    (void)snprintf(command, sizeof command, "rm -rf '%s'", fix.folder);
    assert_int_equal(system(command), 0);
}

static int tear_down(void **state)
{
    (void)state;
    if (fix.cache != NULL)
        close_cache();
    remove_all();
    return 0;
}

static void on_put(void *ctx, const struct gn_regcache_entry *entry, bool is_new)
{
    assert_ptr_equal(ctx, &fix);
    fix.puts++;
    fix.state = entry->state;
    fix.is_new = is_new;
    (void)snprintf(fix.reason, sizeof fix.reason, "%s", entry->reason);
    (void)snprintf(fix.registry, sizeof fix.registry, "%s", entry->registry);
    (void)snprintf(fix.file, sizeof fix.file, "%s", entry->file);
}

static void wait_puts(unsigned count)
{
    while (fix.puts < count)
        assert_int_equal(gn_loop_turn(fix.loop, WAIT_MS), GN_OK);
}

static void put_bytes(const char *uri, struct gn_str bytes, const char *archive_file)
{
    const struct gn_regcache_item item = {.uri = gn_str_of(uri),
                                          .source = GN_STR("/src"),
                                          .language = GN_STR("en"),
                                          .etag = GN_STR("\"1\""),
                                          .archive_file = gn_str_of(archive_file)};
    const unsigned before = fix.puts;

    assert_int_equal(gn_regcache_claim(fix.model, item.uri), GN_OK);
    assert_int_equal(gn_regcache_put(fix.model, &item, bytes, NOW, on_put, &fix), GN_OK);
    assert_int_equal(fix.puts, before); /* never from inside the call */
    wait_puts(before + 1);
}

static void put(const char *uri, const char *text)
{
    put_bytes(uri, gn_str_of(text), NULL);
}

static const struct gn_regcache_entry *find(const char *uri)
{
    return gn_regcache_find(fix.model, gn_str_of(uri));
}

/* Loads the cache's folder as the daemon does; returns the number of registries. */
static uint32_t load_folder(uint32_t want_failed)
{
    struct gn_registry_set *set = gn_registry_set_new();
    struct gn_registry_report report;

    assert_non_null(set);
    assert_int_equal(gn_registry_set_load_folder(set, fix.folder, &report), GN_OK);
    assert_int_equal(report.failed, want_failed);
    gn_registry_set_free(set);
    return report.loaded;
}

static void model_path(char path[256], const char *name)
{
    char folder[GN_REGCACHE_NAME_MAX];

    gn_regcache_folder_name(GN_STR("ProLiant DL380"), GN_STR("iLO 5 v2.3"), folder);
    (void)snprintf(path, 256, "%s/%s/%s", fix.folder, folder, name);
}

static bool is_there(const char *name)
{
    char path[256];

    model_path(path, name);
    return access(path, F_OK) == 0;
}

static void write_text(const char *name, const char *text)
{
    char path[256];

    model_path(path, name);
    assert_int_equal(gn_file_replace(path, gn_str_of(text)), GN_OK);
}

/* --- storing --- */

static void a_registry_that_was_put_is_had_and_survives_a_restart(void **state)
{
    const struct gn_regcache_entry *entry;

    (void)state;
    assert_null(find("/r/Base"));
    put("/r/Base", REGISTRY("Base", "m"));
    assert_int_equal(fix.state, GN_REGCACHE_HAVE);
    assert_true(fix.is_new);
    assert_string_equal(fix.registry, "Base.1.2"); /* as it says of itself */
    close_cache();
    open_cache(); /* all BMCs are down */
    assert_int_equal(gn_regcache_stats(fix.cache).registries, 1);
    assert_int_equal(load_folder(0), 1);
    use_model();
    entry = find("/r/Base");
    assert_non_null(entry);
    assert_int_equal(entry->state, GN_REGCACHE_HAVE);
    assert_string_equal(entry->source, "/src");
    assert_string_equal(entry->language, "en");
    assert_string_equal(entry->etag, "\"1\"");
    assert_string_equal(entry->registry, "Base.1.2");
    assert_string_equal(entry->reason, "");
    assert_true(entry->checked_ns == NOW);
    assert_int_equal(entry->bytes, sizeof REGISTRY("Base", "m") - 1);
    assert_true(is_there(entry->file));
}

/* The gzip form of plain, in to. */
static size_t gzip(const char *plain, char *to, size_t room)
{
    char copy[1024];
    z_stream z = {.avail_in = (uInt)strlen(plain), .avail_out = (uInt)room};

    strcpy(copy, plain);
    z.next_in = (unsigned char *)copy;
    z.next_out = (unsigned char *)to;
    assert_int_equal(deflateInit2(&z, 9, Z_DEFLATED, MAX_WBITS + 16, 8, 0), Z_OK);
    assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
    assert_int_equal(deflateEnd(&z), Z_OK);
    return room - z.avail_out;
}

/* An archive of one stored member. */
static size_t zip(const char *name, const char *plain, char *to)
{
    const size_t len = strlen(plain), name_len = strlen(name);
    uint32_t sum = (uint32_t)crc32(crc32(0, NULL, 0), (const unsigned char *)plain, (uInt)len);
    struct {
        uint16_t version, flags, method, time, date;
        uint32_t sum, packed, plain;
        uint16_t name, extra;
    } __attribute__((packed))
    m = {20, 0, 0, 0, 0, sum, (uint32_t)len, (uint32_t)len, (uint16_t)name_len, 0};
    struct {
        uint16_t disk, folder_disk, entries, all;
        uint32_t bytes, at;
        uint16_t comment;
    } __attribute__((packed)) end = {0, 0, 1, 1, 0, 0, 0};
    char *at = to;

    at = mempcpy(at, "PK\3\4", 4);
    at = mempcpy(at, &m, sizeof m);
    at = mempcpy(at, name, name_len);
    at = mempcpy(at, plain, len);
    end.at = (uint32_t)(at - to);
    at = mempcpy(at, "PK\1\2\24\0", 6);
    at = mempcpy(at, &m, sizeof m);
    memset(at, 0, 14);
    at = mempcpy(at + 14, name, name_len);
    end.bytes = (uint32_t)(at - to) - end.at;
    at = mempcpy(at, "PK\5\6", 4);
    at = mempcpy(at, &end, sizeof end);
    return (size_t)(at - to);
}

static void packed_registries_are_stored_plain(void **state)
{
    const char *plain = REGISTRY("Packed", "m");
    char packed[2048], path[256];
    struct gn_buf text = GN_BUF_INIT;

    (void)state;
    for (int i = 0; i < 3; i++) {
        const char *uri = i == 0 ? "/r/gzip" : i == 1 ? "/r/zip" : "/r/zip2";
        const size_t len =
            i == 0 ? gzip(plain, packed, sizeof packed) : zip("en/Packed.json", plain, packed);

        put_bytes(uri, (struct gn_str){packed, len}, i == 1 ? "Packed.json" : NULL);
        assert_int_equal(fix.state, GN_REGCACHE_HAVE);
        model_path(path, fix.file);
        assert_int_equal(gn_file_read(path, 10000, &text), GN_OK);
        assert_string_equal(text.data, plain);
    }
    put_bytes("/r/none", (struct gn_str){packed, zip("a", plain, packed)}, "b");
    assert_int_equal(fix.state, GN_REGCACHE_FAILED);
    assert_string_equal(fix.reason, "zip archive: not found");
    gn_buf_free(&text);
}

static void what_is_no_registry_is_not_stored(void **state)
{
    static const struct {
        const char *text;
        enum gn_regcache_state want;
        const char *reason;
    } rows[] = {
        {ATTRIBUTES, GN_REGCACHE_SKIP, ""},
        {"{}", GN_REGCACHE_SKIP, ""},
        {"[]", GN_REGCACHE_SKIP, ""},
        {"<html>", GN_REGCACHE_FAILED, "not JSON at byte 0"},
        {"", GN_REGCACHE_FAILED, "not JSON at byte 0"},
        {"\x1f\x8b\x08", GN_REGCACHE_FAILED, NULL},
        {"PK\3\4", GN_REGCACHE_FAILED, NULL},
        {"{\"@odata.type\":\"#MessageRegistry.v1_6_0.MessageRegistry\"}", GN_REGCACHE_FAILED,
         "no object Messages"},
    };

    (void)state;
    for (size_t i = 0; i < GN_LEN(rows); i++) {
        char uri[32];

        (void)snprintf(uri, sizeof uri, "/r/%zu", i);
        put(uri, rows[i].text);
        assert_int_equal(fix.state, rows[i].want);
        assert_false(fix.is_new);
        assert_string_equal(fix.file, "");
        if (rows[i].reason != NULL)
            assert_string_equal(fix.reason, rows[i].reason);
        else
            assert_true(fix.reason[0] != '\0');
    }
    close_cache();
    assert_int_equal(load_folder(0), 0);
    open_cache();
    use_model();
    assert_int_equal(find("/r/0")->state, GN_REGCACHE_SKIP);
    assert_int_equal(find("/r/3")->state, GN_REGCACHE_FAILED);
    assert_string_equal(find("/r/3")->reason, "not JSON at byte 0");
}

static void a_download_beyond_the_limit_is_refused(void **state)
{
    const size_t len = GN_REGISTRY_FILE_MAX + 100;
    char *text = malloc(len);

    (void)state;
    assert_non_null(text);
    memset(text, ' ', len);
    put_bytes("/r/big", (struct gn_str){text, len}, NULL);
    assert_int_equal(fix.state, GN_REGCACHE_FAILED);
    assert_string_equal(fix.reason, "larger than 16777216 bytes");
    free(text);
}

static void a_registry_put_again_is_new_only_when_it_has_changed(void **state)
{
    (void)state;
    put("/r/Base", REGISTRY("Base", "m"));
    put("/r/Base", REGISTRY("Base", "m"));
    assert_int_equal(fix.state, GN_REGCACHE_HAVE);
    assert_false(fix.is_new);
    put("/r/Base", REGISTRY("Base", "other"));
    assert_true(fix.is_new);
    assert_int_equal(gn_regcache_stats(fix.cache).registries, 1);
    assert_int_equal(gn_regcache_stats(fix.cache).bytes, sizeof REGISTRY("Base", "other") - 1);
    assert_int_equal(load_folder(0), 1);
}

static void a_failure_leaves_what_is_had(void **state)
{
    const struct gn_regcache_item item = {.uri = GN_STR("/r/Base"), .source = GN_STR("/src")};

    (void)state;
    put("/r/Base", REGISTRY("Base", "m"));
    put("/r/Base", "rubbish");
    assert_int_equal(fix.state, GN_REGCACHE_HAVE);
    assert_string_equal(fix.reason, "not JSON at byte 0");
    put("/r/Base", ATTRIBUTES);
    assert_int_equal(fix.state, GN_REGCACHE_HAVE);
    assert_int_equal(gn_regcache_claim(fix.model, item.uri), GN_OK);
    gn_regcache_fail(fix.model, &item, "503", NOW + 5);
    assert_int_equal(find("/r/Base")->state, GN_REGCACHE_HAVE);
    assert_string_equal(find("/r/Base")->reason, "503");
    assert_int_equal(gn_regcache_claim(fix.model, item.uri), GN_OK);
    gn_regcache_skip(fix.model, &item, NOW + 5);
    assert_int_equal(find("/r/Base")->state, GN_REGCACHE_HAVE);
    assert_int_equal(gn_regcache_claim(fix.model, item.uri), GN_OK);
    gn_regcache_unchanged(fix.model, item.uri, NOW + 9);
    assert_string_equal(find("/r/Base")->reason, "");
    assert_true(find("/r/Base")->checked_ns == NOW + 9);
    assert_int_equal(load_folder(0), 1);
}

static void registries_of_one_name_have_files_of_their_own(void **state)
{
    char first[GN_REGCACHE_NAME_MAX];

    (void)state;
    put("/a/Base", REGISTRY("Base", "1"));
    strcpy(first, fix.file);
    put("/b/Base", REGISTRY("Base", "2"));
    assert_string_not_equal(first, fix.file);
    assert_int_equal(gn_regcache_stats(fix.cache).registries, 2);
}

/* --- claims --- */

static void of_many_that_want_a_registry_one_gets_the_claim(void **state)
{
    struct gn_regcache_model *same =
        gn_regcache_use(fix.cache, GN_STR("ProLiant DL380"), GN_STR("iLO 5 v2.3"), NOW);
    struct gn_regcache_model *other =
        gn_regcache_use(fix.cache, GN_STR("ProLiant DL380"), GN_STR("iLO 5 v2.4"), NOW);

    (void)state;
    assert_ptr_equal(same, fix.model);
    assert_ptr_not_equal(other, fix.model);
    assert_int_equal(gn_regcache_claim(fix.model, GN_STR("/r/x")), GN_OK);
    assert_int_equal(gn_regcache_claim(same, GN_STR("/r/x")), GN_EBUSY);
    assert_int_equal(gn_regcache_claim(other, GN_STR("/r/x")), GN_OK);
    assert_null(find("/r/x"));
    gn_regcache_unclaim(fix.model, GN_STR("/r/x"));
    assert_int_equal(gn_regcache_claim(same, GN_STR("/r/x")), GN_OK);
    gn_regcache_unclaim(same, GN_STR("/r/x"));
    gn_regcache_unclaim(other, GN_STR("/r/x"));
    gn_regcache_release(same);
    gn_regcache_release(other);
    assert_int_equal(gn_regcache_stats(fix.cache).models, 1); /* nothing known of the other */
}

static void a_claim_holds_until_the_put_has_ended(void **state)
{
    const struct gn_regcache_item item = {.uri = GN_STR("/r/x")};

    (void)state;
    assert_int_equal(gn_regcache_claim(fix.model, item.uri), GN_OK);
    assert_int_equal(
        gn_regcache_put(fix.model, &item, GN_STR(REGISTRY("X", "m")), NOW, on_put, &fix), GN_OK);
    assert_int_equal(gn_regcache_claim(fix.model, item.uri), GN_EBUSY);
    wait_puts(1);
    assert_int_equal(gn_regcache_claim(fix.model, item.uri), GN_OK);
    gn_regcache_unclaim(fix.model, item.uri);
    assert_int_equal(find("/r/x")->state, GN_REGCACHE_HAVE);
}

static void uris_and_their_number_are_bounded(void **state)
{
    char uri[GN_SERVICE_URI_MAX + 1];

    (void)state;
    memset(uri, 'x', sizeof uri);
    assert_int_equal(gn_regcache_claim(fix.model, (struct gn_str){uri, GN_SERVICE_URI_MAX}),
                     GN_EINVAL);
    assert_int_equal(gn_regcache_claim(fix.model, GN_STR("")), GN_EINVAL);
    assert_int_equal(gn_regcache_claim(fix.model, GN_STR("/a\nb")), GN_EINVAL);
    for (int i = 0; i < GN_REGCACHE_REGISTRIES_MAX; i++) {
        (void)snprintf(uri, sizeof uri, "/r/%d", i);
        assert_int_equal(gn_regcache_claim(fix.model, gn_str_of(uri)), GN_OK);
    }
    assert_int_equal(gn_regcache_claim(fix.model, GN_STR("/r/more")), GN_ELIMIT);
    gn_regcache_unclaim(fix.model, gn_str_of(uri));
    assert_int_equal(gn_regcache_claim(fix.model, GN_STR("/r/more")), GN_OK);
}

static void a_put_that_was_forgotten_is_stored_without_a_word(void **state)
{
    const struct gn_regcache_item item = {.uri = GN_STR("/r/x")};

    (void)state;
    assert_int_equal(gn_regcache_claim(fix.model, item.uri), GN_OK);
    assert_int_equal(
        gn_regcache_put(fix.model, &item, GN_STR(REGISTRY("X", "m")), NOW, on_put, &fix), GN_OK);
    gn_regcache_forget(fix.cache, &fix);
    gn_regcache_release(fix.model); /* goes on without its user */
    close_cache();
    assert_int_equal(fix.puts, 0);
    assert_int_equal(load_folder(0), 1);
}

/* --- what is needed --- */

static void what_is_needed_follows_from_what_is_known(void **state)
{
    const int64_t day = 24 * HOUR;
    const struct {
        enum gn_regcache_state state;
        const char *etag, *reason;
        const char *source; /* to be fetched from; known is /s */
        int64_t age_ns;
        enum gn_regcache_need want;
    } rows[] = {
        {GN_REGCACHE_NONE, "", "", "/s", 0, GN_REGCACHE_FETCH},
        {GN_REGCACHE_HAVE, "e", "", "/s", 0, GN_REGCACHE_LEAVE},
        {GN_REGCACHE_HAVE, "e", "", NULL, 0, GN_REGCACHE_LEAVE},
        {GN_REGCACHE_HAVE, "e", "", "/t", 0, GN_REGCACHE_FETCH},
        {GN_REGCACHE_HAVE, "e", "", "/s", 7 * day - 1, GN_REGCACHE_LEAVE},
        {GN_REGCACHE_HAVE, "e", "", "/s", 7 * day, GN_REGCACHE_CHECK},
        {GN_REGCACHE_HAVE, "", "", "/s", 700 * day, GN_REGCACHE_LEAVE},
        {GN_REGCACHE_HAVE, "e", "", "/s", -1, GN_REGCACHE_CHECK}, /* the clock was set back */
        {GN_REGCACHE_HAVE, "e", "x", "/s", HOUR - 1, GN_REGCACHE_LEAVE},
        {GN_REGCACHE_HAVE, "e", "x", "/s", HOUR, GN_REGCACHE_FETCH},
        {GN_REGCACHE_SKIP, "", "", "/s", 700 * day, GN_REGCACHE_LEAVE},
        {GN_REGCACHE_SKIP, "", "", "/t", 0, GN_REGCACHE_FETCH},
        {GN_REGCACHE_FAILED, "", "x", "/s", HOUR - 1, GN_REGCACHE_LEAVE},
        {GN_REGCACHE_FAILED, "", "x", "/s", HOUR, GN_REGCACHE_FETCH},
        {GN_REGCACHE_FAILED, "", "x", "/s", INT64_MIN, GN_REGCACHE_FETCH},
    };

    (void)state;
    assert_int_equal(gn_regcache_need(NULL, GN_STR("/s"), NOW), GN_REGCACHE_FETCH);
    for (size_t i = 0; i < GN_LEN(rows); i++) {
        const struct gn_regcache_entry entry = {
            .source = "/s",
            .etag = rows[i].etag,
            .reason = rows[i].reason,
            .state = rows[i].state,
            .checked_ns = rows[i].age_ns == INT64_MIN ? INT64_MIN : NOW - rows[i].age_ns,
        };

        assert_int_equal(gn_regcache_need(&entry, gn_str_of(rows[i].source), NOW), rows[i].want);
    }
}

/* --- trouble on the disk --- */

static void a_broken_index_is_put_aside_and_its_registries_stay(void **state)
{
    static const char *const rows[] = {
        "", "{", "[]", "{}", "{\"registries\":7}", "{\"model\":\"x\"}", "\x01\x02",
    };

    (void)state;
    put("/r/Base", REGISTRY("Base", "m"));
    for (size_t i = 0; i < GN_LEN(rows); i++) {
        close_cache();
        write_text("index.json", rows[i]);
        open_cache();
        assert_true(is_there("index.json.bad"));
        assert_false(is_there("index.json"));
        assert_int_equal(load_folder(0), 1);
        assert_int_equal(gn_regcache_stats(fix.cache).registries, 1);
        use_model();
        assert_null(find("/r/Base")); /* which one it is nobody knows */
        put("/r/Base", REGISTRY("Base", "m"));
        assert_false(fix.is_new); /* it is the one that was there */
        assert_int_equal(gn_regcache_stats(fix.cache).registries, 1);
        assert_non_null(find("/r/Base"));
    }
}

static void entries_that_make_no_sense_are_passed_over(void **state)
{
    (void)state;
    put("/r/Base", REGISTRY("Base", "m"));
    close_cache();
    write_text("index.json",
               "{\"model\":\"a\",\"firmware\":7,\"used\":\"x\",\"registries\":[7,{},"
               "{\"uri\":\"/1\",\"state\":\"have\",\"checked\":\"2026-01-01T00:00:00Z\","
               "\"file\":\"../../etc/x.json\"},"
               "{\"uri\":\"/2\",\"state\":\"have\",\"checked\":\"2026-01-01T00:00:00Z\","
               "\"file\":\"gone.json\"},"
               "{\"uri\":\"/3\",\"state\":\"odd\",\"checked\":\"2026-01-01T00:00:00Z\"},"
               "{\"uri\":\"/4\",\"state\":\"skip\",\"checked\":\"yesterday\"},"
               "{\"state\":\"skip\",\"checked\":\"2026-01-01T00:00:00Z\"},"
               "{\"uri\":\"/5\",\"state\":\"skip\",\"checked\":\"2026-01-01T00:00:00Z\"},"
               "{\"uri\":\"/5\",\"state\":\"failed\",\"checked\":\"2026-01-01T00:00:00Z\"},"
               "{\"uri\":\"/6\",\"state\":\"have\",\"checked\":\"2026-01-01T00:00:00Z\","
               "\"file\":\"index.json\"}]}");
    open_cache();
    use_model();
    assert_null(find("/1"));
    assert_null(find("/2"));
    assert_null(find("/3"));
    assert_null(find("/4"));
    assert_int_equal(find("/5")->state, GN_REGCACHE_SKIP);
    assert_null(find("/6"));
    assert_int_equal(gn_regcache_stats(fix.cache).registries, 1); /* Base, by its file */
}

static void what_a_crash_has_left_is_cleared_or_taken_in(void **state)
{
    (void)state;
    put("/r/Base", REGISTRY("Base", "m"));
    close_cache();
    write_text("stray.json", REGISTRY("Stray", "m")); /* written, not in the index */
    write_text("half.json.tmp", "{\"a");
    open_cache();
    assert_false(is_there("half.json.tmp"));
    assert_int_equal(gn_regcache_stats(fix.cache).registries, 2);
    use_model();
    put("/r/More", REGISTRY("More", "m"));
    close_cache();
    open_cache();
    assert_int_equal(gn_regcache_stats(fix.cache).registries, 3);
    assert_int_equal(load_folder(0), 3);
}

static void a_folder_that_cannot_be_written_fails_the_put(void **state)
{
    char path[256];

    (void)state;
    model_path(path, "");
    path[strlen(path) - 1] = '\0';
    assert_int_equal(gn_file_replace(path, GN_STR("a file")), GN_OK);
    put("/r/Base", REGISTRY("Base", "m"));
    assert_int_equal(fix.state, GN_REGCACHE_FAILED);
    assert_non_null(strstr(fix.reason, "write: "));
    assert_int_equal(gn_regcache_stats(fix.cache).bytes, 0);
}

/* --- limits --- */

static void put_in(const char *name, const char *text, int64_t used_ns)
{
    fix.model = gn_regcache_use(fix.cache, gn_str_of(name), GN_STR("1"), used_ns);
    assert_non_null(fix.model);
    put("/r/X", text);
}

static bool is_known(const char *name)
{
    struct gn_regcache_model *model = gn_regcache_use(fix.cache, gn_str_of(name), GN_STR("1"), NOW);
    bool is_found;

    assert_non_null(model);
    is_found = gn_regcache_find(model, GN_STR("/r/X")) != NULL;
    gn_regcache_release(model);
    return is_found;
}

static void models_not_used_for_longest_go_first(void **state)
{
    const char *text = REGISTRY("X", "m");

    (void)state;
    gn_regcache_release(fix.model);
    close_cache();
    fix.limit_bytes = 3 * strlen(text);
    open_cache();
    put_in("a", text, NOW + 2 * HOUR);
    gn_regcache_release(fix.model);
    put_in("b", text, NOW); /* the oldest */
    gn_regcache_release(fix.model);
    put_in("c", text, NOW + HOUR);
    gn_regcache_release(fix.model);
    close_cache(); /* last uses are kept */
    open_cache();
    put_in("d", text, NOW + 3 * HOUR);
    assert_int_equal(fix.state, GN_REGCACHE_HAVE);
    assert_int_equal(gn_regcache_stats(fix.cache).registries, 3);
    assert_true(is_known("a"));
    assert_false(is_known("b"));
    assert_true(is_known("c"));
    close_cache();
    assert_int_equal(load_folder(0), 3); /* gone from the disk too */
}

static void models_in_use_stay_and_what_has_no_room_is_refused(void **state)
{
    const char *text = REGISTRY("X", "m");

    (void)state;
    gn_regcache_release(fix.model);
    close_cache();
    fix.limit_bytes = 2 * strlen(text);
    open_cache();
    put_in("a", text, NOW);
    put_in("b", text, NOW);
    put_in("c", text, NOW);
    assert_int_equal(fix.state, GN_REGCACHE_FAILED);
    assert_string_equal(fix.reason, "the cache is full");
    assert_false(fix.is_new);
    assert_int_equal(gn_regcache_stats(fix.cache).bytes, 2 * strlen(text));
    close_cache();
    assert_int_equal(load_folder(0), 2);
}

static void a_smaller_limit_counts_from_the_start(void **state)
{
    (void)state;
    put("/r/Base", REGISTRY("Base", "m"));
    close_cache();
    fix.limit_bytes = 10;
    open_cache();
    assert_int_equal(gn_regcache_stats(fix.cache).models, 0);
    close_cache();
    assert_int_equal(load_folder(0), 0);
}

static void the_number_of_models_is_bounded(void **state)
{
    struct gn_regcache_model *models[GN_REGCACHE_MODELS_MAX];
    char name[16];

    (void)state;
    models[0] = fix.model;
    for (int i = 1; i < GN_REGCACHE_MODELS_MAX; i++) {
        (void)snprintf(name, sizeof name, "m%d", i);
        models[i] = gn_regcache_use(fix.cache, gn_str_of(name), GN_STR(""), NOW);
        assert_non_null(models[i]);
    }
    assert_null(gn_regcache_use(fix.cache, GN_STR("more"), GN_STR(""), NOW));
    fix.model = models[9];
    put("/r/X", REGISTRY("X", "m"));
    while (models[9]->pending > 0) /* the index is being written */
        assert_int_equal(gn_loop_turn(fix.loop, WAIT_MS), GN_OK);
    gn_regcache_release(models[9]);
    assert_int_equal(gn_regcache_stats(fix.cache).models, GN_REGCACHE_MODELS_MAX);
    assert_non_null(gn_regcache_use(fix.cache, GN_STR("more"), GN_STR(""), NOW));
    assert_int_equal(gn_regcache_stats(fix.cache).registries, 0); /* it made room */
}

/* --- names --- */

static void names_are_safe_and_unique(void **state)
{
    static const char *const texts[] = {
        "",
        "a",
        "A",
        "a/b",
        "a_b",
        "..",
        "../../x",
        "\xff",
        "con",
        "a b",
        "a-b",
        "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
        "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxy",
    };
    char names[GN_LEN(texts) * GN_LEN(texts)][GN_REGCACHE_NAME_MAX];
    size_t count = 0;

    (void)state;
    for (size_t i = 0; i < GN_LEN(texts); i++) {
        char file[GN_REGCACHE_NAME_MAX];

        gn_regcache_file_name(gn_str_of(texts[i]), file);
        assert_true(gn_regcache_is_file_name(gn_str_of(file)));
        for (size_t k = 0; k < GN_LEN(texts); k++)
            gn_regcache_folder_name(gn_str_of(texts[i]), gn_str_of(texts[k]), names[count++]);
    }
    for (size_t i = 0; i < count; i++) {
        assert_true(names[i][0] != '.' && names[i][0] != '-');
        assert_int_equal(strspn(names[i], "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                          "0123456789._-"),
                         strlen(names[i]));
        for (size_t k = 0; k < i; k++)
            assert_string_not_equal(names[i], names[k]);
    }
}

#define WITH_CACHE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_CACHE(a_registry_that_was_put_is_had_and_survives_a_restart),
        WITH_CACHE(packed_registries_are_stored_plain),
        WITH_CACHE(what_is_no_registry_is_not_stored),
        WITH_CACHE(a_download_beyond_the_limit_is_refused),
        WITH_CACHE(a_registry_put_again_is_new_only_when_it_has_changed),
        WITH_CACHE(a_failure_leaves_what_is_had),
        WITH_CACHE(registries_of_one_name_have_files_of_their_own),
        WITH_CACHE(of_many_that_want_a_registry_one_gets_the_claim),
        WITH_CACHE(a_claim_holds_until_the_put_has_ended),
        WITH_CACHE(uris_and_their_number_are_bounded),
        WITH_CACHE(a_put_that_was_forgotten_is_stored_without_a_word),
        cmocka_unit_test(what_is_needed_follows_from_what_is_known),
        WITH_CACHE(a_broken_index_is_put_aside_and_its_registries_stay),
        WITH_CACHE(entries_that_make_no_sense_are_passed_over),
        WITH_CACHE(what_a_crash_has_left_is_cleared_or_taken_in),
        WITH_CACHE(a_folder_that_cannot_be_written_fails_the_put),
        WITH_CACHE(models_not_used_for_longest_go_first),
        WITH_CACHE(models_in_use_stay_and_what_has_no_room_is_refused),
        WITH_CACHE(a_smaller_limit_counts_from_the_start),
        WITH_CACHE(the_number_of_models_is_bounded),
        cmocka_unit_test(names_are_safe_and_unique),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
