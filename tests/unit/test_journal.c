/* The journal on real files, with a real loop and real helper threads. The loop is turned until a
 * condition holds; no test waits for time to pass. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cmocka.h>

#include "gurnard/base/file.h"
#include "gurnard/base/log.h"
#include "gurnard/store/journal.h"

#include "journal_priv.h"

#define EVENTS_MAX 20000
#define NEVER      UINT64_MAX
#define TURNS_MAX  1000

enum { CHECKPOINT = GN_RECORD_OWNER, INDEX, EVENT, VALUE };

/* ---- the disk: these take the place of the C library's ---- */

#define FDS 1024

static atomic_int data_sync_fails, folder_sync_fails, cut_fails; /* the how many-th; 0: none */
static atomic_ulong watched_inode;
static atomic_int watched_syncs;
static atomic_bool is_lossy; /* a failed sync leaves a hole in what it was to sync */
static atomic_long unsynced_from[FDS], unsynced_end[FDS];

static bool is_turn_of(atomic_int *countdown)
{
    if (atomic_load(countdown) == 0 || atomic_fetch_sub(countdown, 1) != 1)
        return false;
    errno = EIO;
    return true;
}

ssize_t pwrite(int fd, const void *data, size_t len, off_t offset)
{
    const long end = offset + (long)len;

    assert_in_range(fd, 0, FDS - 1);
    if (unsynced_end[fd] == 0 || offset < unsynced_from[fd])
        unsynced_from[fd] = offset;
    if (end > unsynced_end[fd])
        unsynced_end[fd] = end;
    return syscall(SYS_pwrite64, fd, data, len, offset);
}

/* Where nothing was lost the third part goes. */
static void lose(int fd)
{
    static const char zeros[1 << 16];
    const long part = (unsynced_end[fd] - unsynced_from[fd]) / 3;

    if (is_lossy && part > 0)
        (void)syscall(SYS_pwrite64, fd, zeros, part < 1 << 16 ? part : 1 << 16,
                      unsynced_from[fd] + part);
}

int fdatasync(int fd)
{
    const bool fails = is_turn_of(&data_sync_fails);

    if (fails)
        lose(fd);
    unsynced_end[fd] = 0;
    return fails ? -1 : (int)syscall(SYS_fdatasync, fd);
}

int fsync(int fd)
{
    struct stat st;

    if (fstat(fd, &st) != 0)
        return -1;
    if (st.st_ino == atomic_load(&watched_inode))
        atomic_fetch_add(&watched_syncs, 1);
    if (S_ISDIR(st.st_mode) && is_turn_of(&folder_sync_fails))
        return -1;
    unsynced_end[fd] = 0;
    return (int)syscall(SYS_fsync, fd);
}

int ftruncate(int fd, off_t len)
{
    return is_turn_of(&cut_fails) ? -1 : (int)syscall(SYS_ftruncate, fd, len);
}

/* What the owner knows. Its state is the last VALUE, which the checkpoint holds. */
struct owner {
    struct gn_journal *journal;
    uint64_t value;
    uint64_t in_index; /* events since the last end */
    size_t begins, ends, pad_bytes;
    /* recovery */
    unsigned char *given; /* how often each event came */
    uint64_t events, indexed, lost, lost_first, last;
    size_t records, indexes;
};

struct fixture {
    char base[64];
    char folder[128];
    struct gn_loop *loop;
    struct gn_metrics *metrics;
    struct gn_journal_config config;
    struct gn_journal *journal;
    struct owner owner;
};

/* ---- the owner ---- */

static void add(struct gn_journal *journal, uint8_t type, const char *text, size_t pad_bytes)
{
    char payload[4096] = {0};
    uint64_t sequence;

    (void)snprintf(payload, sizeof payload, "%s", text);
    assert_true(pad_bytes < sizeof payload);
    assert_int_equal(gn_journal_append(journal, type, 0,
                                       (struct gn_str){payload, strlen(text) + 1 + pad_bytes},
                                       &sequence),
                     GN_OK);
}

static bool on_begin(void *ctx)
{
    struct owner *owner = ctx;
    char text[32];

    owner->begins++;
    (void)snprintf(text, sizeof text, "%" PRIu64, owner->value);
    add(owner->journal, CHECKPOINT, text, owner->pad_bytes);
    return true;
}

static void on_end(void *ctx)
{
    struct owner *owner = ctx;
    char text[32];

    owner->ends++;
    (void)snprintf(text, sizeof text, "%" PRIu64, owner->in_index);
    add(owner->journal, INDEX, text, 0);
    owner->in_index = 0;
}

static uint64_t number_of(const struct gn_record *record)
{
    return strtoull(record->payload.p, NULL, 10);
}

static void take_event(struct owner *owner, const struct gn_record *record)
{
    assert_int_equal(number_of(record), record->sequence);
    for (uint64_t i = record->sequence; i < record->sequence + record->count; i++) {
        assert_true(i < EVENTS_MAX);
        owner->given[i]++;
        owner->events++;
        assert_true(i > owner->last);
        owner->last = i;
    }
}

static enum gn_err on_record(void *ctx, const struct gn_record *record, bool is_index)
{
    struct owner *owner = ctx;

    owner->records++;
    assert_true(record->type >= GN_RECORD_OWNER);
    if (is_index) {
        assert_int_equal(record->type, INDEX);
        owner->indexes++;
        owner->indexed += number_of(record);
    } else if (record->type == EVENT) {
        take_event(owner, record);
    } else if (record->type == CHECKPOINT || record->type == VALUE) {
        owner->value = number_of(record);
    }
    return GN_OK;
}

static void on_lost(void *ctx, uint64_t first, uint64_t count)
{
    struct owner *owner = ctx;

    if (owner->lost == 0)
        owner->lost_first = first;
    owner->lost += count;
}

static void owner_reset(struct owner *owner)
{
    unsigned char *given = owner->given;

    memset(given, 0, EVENTS_MAX);
    *owner = (struct owner){.given = given, .pad_bytes = owner->pad_bytes};
}

/* ---- files ---- */

static enum gn_err remove_one(void *ctx, const char *name)
{
    char path[512];

    (void)snprintf(path, sizeof path, "%s/%s", (const char *)ctx, name);
    if (unlink(path) == 0)
        return GN_OK;
    assert_int_equal(gn_file_each(path, remove_one, path), GN_OK);
    return rmdir(path) == 0 ? GN_OK : GN_EIO;
}

static void remove_folder(char *path)
{
    if (access(path, F_OK) != 0)
        return;
    assert_int_equal(gn_file_each(path, remove_one, path), GN_OK);
    assert_int_equal(rmdir(path), 0);
}

static void path_of(char path[512], const char *folder, uint64_t number)
{
    char name[GN_SEGMENT_NAME_MAX];

    gn_segment_name(number, name);
    (void)snprintf(path, 512, "%s/%s", folder, name);
}

static void write_file(const char *path, struct gn_str bytes)
{
    FILE *file = fopen(path, "wb");

    assert_non_null(file);
    assert_int_equal(fwrite(bytes.p, 1, bytes.len, file), bytes.len);
    assert_int_equal(fclose(file), 0);
}

/* All files of a folder, kept in memory so that each case begins with the same ones. */
struct image {
    char names[64][64];
    struct gn_buf bytes[64];
    size_t count;
    const char *folder;
};

static enum gn_err image_add(void *ctx, const char *name)
{
    struct image *image = ctx;
    char path[512];
    struct stat st;

    (void)snprintf(path, sizeof path, "%s/%s", image->folder, name);
    if (stat(path, &st) != 0 || S_ISDIR(st.st_mode))
        return GN_OK;
    assert_true(image->count < GN_LEN(image->names));
    (void)snprintf(image->names[image->count], sizeof image->names[0], "%s", name);
    image->bytes[image->count] = GN_BUF_INIT;
    assert_int_equal(gn_file_read(path, (size_t)64 << 20, &image->bytes[image->count]), GN_OK);
    image->count++;
    return GN_OK;
}

static void image_take(struct image *image, const char *folder)
{
    *image = (struct image){.folder = folder};
    assert_int_equal(gn_file_each(folder, image_add, image), GN_OK);
}

/* Writes the image as it is into the folder, which holds nothing else then. */
static void image_put(const struct image *image, char *folder)
{
    char path[512];

    remove_folder(folder);
    assert_int_equal(mkdir(folder, 0700), 0);
    for (size_t i = 0; i < image->count; i++) {
        (void)snprintf(path, sizeof path, "%s/%s", folder, image->names[i]);
        write_file(path, gn_buf_str(&image->bytes[i]));
    }
}

static void image_free(struct image *image)
{
    for (size_t i = 0; i < image->count; i++)
        gn_buf_free(&image->bytes[i]);
}

/* ---- the fixture ---- */

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    const char *root = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";

    if (f == NULL)
        return -1;
    (void)snprintf(f->base, sizeof f->base, "%s/gn_journal_XXXXXX", root);
    if (mkdtemp(f->base) == NULL)
        return -1;
    (void)snprintf(f->folder, sizeof f->folder, "%s/journal", f->base);
    f->loop = gn_loop_new(NULL);
    f->metrics = gn_metrics_new();
    f->owner.given = calloc(1, EVENTS_MAX);
    f->config = (struct gn_journal_config){.name = "events",
                                           .folder = f->folder,
                                           .max_bytes = (uint64_t)1 << 20,
                                           .segment_bytes = 4096,
                                           .pending_bytes = (uint64_t)1 << 20,
                                           .keep_ms = 3600000};
    gn_log_init(GN_LOG_ERROR, GN_LOG_TEXT,
                getenv("GN_TEST_LOG") != NULL ? 2 : open("/dev/null", O_WRONLY | O_CLOEXEC));
    *state = f;
    return f->loop == NULL || f->owner.given == NULL;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;

    gn_journal_close(f->journal);
    gn_metrics_free(f->metrics);
    gn_loop_free(f->loop);
    remove_folder(f->base);
    free(f->owner.given);
    free(f);
    return 0;
}

static struct gn_journal_owner owner_of(struct fixture *f)
{
    return (struct gn_journal_owner){
        .begin = on_begin, .end = on_end, .record = on_record, .lost = on_lost, .ctx = &f->owner};
}

static enum gn_err try_start(struct fixture *f)
{
    const struct gn_journal_owner owner = owner_of(f);
    enum gn_err err = gn_journal_open(f->loop, &f->config, f->metrics, &f->journal);

    if (err != GN_OK)
        return err;
    owner_reset(&f->owner);
    f->owner.journal = f->journal;
    return gn_journal_recover(f->journal, &owner, NEVER);
}

static void start(struct fixture *f)
{
    assert_int_equal(try_start(f), GN_OK);
}

static void stop(struct fixture *f)
{
    gn_journal_close(f->journal);
    f->journal = NULL;
}

static void restart(struct fixture *f)
{
    stop(f);
    start(f);
}

static void turn(struct fixture *f)
{
    assert_int_equal(gn_loop_turn(f->loop, 20), GN_OK);
}

#define UNTIL(f, condition)                                                                        \
    do {                                                                                           \
        for (int turns_ = 0; turns_ < TURNS_MAX && !(condition); turns_++)                         \
            turn(f);                                                                               \
        assert_true(condition);                                                                    \
    } while (0)

static struct gn_journal_status status_of(const struct fixture *f)
{
    struct gn_journal_status status;

    gn_journal_status(f->journal, &status);
    return status;
}

static enum gn_err try_event(struct fixture *f, uint32_t count, size_t bytes)
{
    char payload[70000] = {0};
    uint64_t sequence;
    enum gn_err err;

    assert_true(bytes >= 24 && bytes <= sizeof payload);
    (void)snprintf(payload, sizeof payload, "%" PRIu64, gn_journal_next(f->journal));
    err = gn_journal_append(f->journal, EVENT, count, (struct gn_str){payload, bytes}, &sequence);
    if (err == GN_OK) {
        assert_int_equal(sequence, number_of(&(struct gn_record){.payload = {payload, bytes}}));
        f->owner.in_index += count;
    }
    return err;
}

static void event(struct fixture *f)
{
    assert_int_equal(try_event(f, 1, 100), GN_OK);
}

static void value(struct fixture *f, uint64_t number)
{
    char text[32];

    f->owner.value = number;
    (void)snprintf(text, sizeof text, "%" PRIu64, number);
    add(f->journal, VALUE, text, 0);
}

static bool is_durable(const struct fixture *f)
{
    return gn_journal_is_durable(f->journal);
}

/* Appends count events, a few in a turn, until all are durable. */
static void events(struct fixture *f, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        event(f);
        if (i % 8 == 7)
            turn(f);
    }
    UNTIL(f, is_durable(f));
}

static double metric(const struct fixture *f, const char *name)
{
    return gn_metrics_counter(f->metrics, name, "journal=\"events\"", "x")->value;
}

/* Who waits. */
struct waiter {
    struct gn_journal_wait wait;
    int calls;
    enum gn_err err;
};

static void on_done(void *ctx, enum gn_err err)
{
    struct waiter *w = ctx;

    w->calls++;
    w->err = err;
}

static void wait_for(struct fixture *f, struct waiter *w)
{
    *w = (struct waiter){.calls = 0};
    gn_journal_wait(f->journal, &w->wait, on_done, w);
}

/* A whole reading from a number on, through a reader of its own. */
struct reading {
    struct owner *owner;
    bool is_done;
    struct gn_journal_block block; /* the last, without its frames */
    size_t blocks;
};

static void on_block(void *ctx, const struct gn_journal_block *block)
{
    struct reading *reading = ctx;
    struct gn_str rest = block->frames;
    struct gn_record record;

    reading->is_done = true;
    reading->blocks++;
    reading->block = *block;
    reading->block.frames = GN_STR_NONE;
    while (gn_frame_next(&rest, &record)) {
        if (record.count == 0)
            continue;
        take_event(reading->owner, &record);
        assert_true(record.sequence + record.count <= block->next);
    }
}

static void read_block(struct fixture *f, struct gn_journal_reader *reader, size_t max_bytes,
                       struct reading *reading)
{
    reading->owner = &f->owner;
    reading->is_done = false;
    gn_journal_read(reader, max_bytes, on_block, reading);
    assert_false(reading->is_done);
    UNTIL(f, reading->is_done);
}

/* Reads to the end, with a new count of what is given. */
static struct reading read_all(struct fixture *f, uint64_t from, size_t max_bytes)
{
    struct gn_journal_reader *reader = gn_journal_reader_new(f->journal, from);
    struct reading reading = {0};
    const struct owner before = f->owner;

    assert_non_null(reader);
    memset(f->owner.given, 0, EVENTS_MAX);
    f->owner.events = 0;
    f->owner.last = 0;
    do {
        read_block(f, reader, max_bytes, &reading);
        assert_int_equal(reading.block.err, GN_OK);
    } while (!reading.block.is_end);
    assert_int_equal(reading.block.next, gn_journal_durable_next(f->journal));
    gn_journal_reader_free(reader);
    f->owner.last = before.last;
    return reading;
}

/* ---- writing ---- */

static void all_that_came_in_a_turn_shares_one_sync(void **state)
{
    struct fixture *f = *state;
    struct waiter w[3];
    uint64_t syncs;

    f->config.segment_bytes = 1 << 16;
    start(f);
    UNTIL(f, is_durable(f));
    syncs = status_of(f).syncs;
    for (size_t i = 0; i < 300; i++) {
        event(f);
        if (i % 100 == 99)
            wait_for(f, &w[i / 100]);
    }
    assert_false(is_durable(f));
    assert_int_equal(w[2].calls, 0);
    UNTIL(f, w[2].calls == 1);
    for (size_t i = 0; i < GN_LEN(w); i++) {
        assert_int_equal(w[i].calls, 1);
        assert_int_equal(w[i].err, GN_OK);
    }
    assert_true(is_durable(f));
    assert_int_equal(status_of(f).syncs, syncs + 1);
    assert_int_equal(gn_journal_durable_next(f->journal), 301);
    assert_int_equal(status_of(f).pending_bytes, 0);
}

static void what_was_appended_is_given_after_a_restart(void **state)
{
    struct fixture *f = *state;

    start(f);
    assert_int_equal(gn_journal_next(f->journal), 1);
    event(f);
    assert_int_equal(try_event(f, 5, 60), GN_OK);
    value(f, 17);
    event(f);
    UNTIL(f, is_durable(f));
    restart(f);
    assert_int_equal(f->owner.events, 7);
    assert_int_equal(f->owner.value, 17);
    assert_int_equal(gn_journal_next(f->journal), 8);
    assert_int_equal(gn_journal_durable_next(f->journal), 8);
    assert_int_equal(f->owner.lost, 0);
    assert_int_equal(status_of(f).damaged, 0);
}

static void closing_writes_what_is_pending(void **state)
{
    struct fixture *f = *state;

    start(f);
    for (int i = 0; i < 100; i++)
        event(f);
    value(f, 3);
    restart(f);
    assert_int_equal(f->owner.events + f->owner.indexed, 100);
    assert_int_equal(f->owner.value, 3);
}

static void records_without_events_are_written_late_unless_somebody_waits(void **state)
{
    struct fixture *f = *state;
    struct waiter w;
    uint64_t syncs;

    start(f);
    UNTIL(f, is_durable(f));
    syncs = status_of(f).syncs;
    value(f, 1);
    turn(f);
    assert_false(is_durable(f));
    assert_int_equal(status_of(f).syncs, syncs);
    UNTIL(f, is_durable(f));
    assert_int_equal(status_of(f).syncs, syncs + 1);
    value(f, 2);
    wait_for(f, &w);
    turn(f); /* hands it over, or will when the last write is long enough ago */
    assert_true(f->journal->batch.is_running || w.calls == 1 ||
                f->journal->lazy_timer.at_us <=
                    gn_loop_now_us(f->loop) + GN_JOURNAL_GROUP_MS * 1000);
    UNTIL(f, w.calls == 1);
}

static void a_wait_can_be_taken_back_and_run_out(void **state)
{
    struct fixture *f = *state;
    struct waiter kept, gone, done;

    start(f);
    UNTIL(f, is_durable(f));
    wait_for(f, &done); /* nothing is pending */
    assert_int_equal(done.calls, 0);
    turn(f);
    assert_int_equal(done.calls, 1);
    f->journal->batch.is_running = true; /* as if a sync hung */
    event(f);
    wait_for(f, &gone);
    wait_for(f, &kept);
    gn_journal_wait_cancel(f->journal, &gone.wait);
    gn_journal_wait_cancel(f->journal, &gone.wait);
    kept.wait.deadline_ms = 0;
    gn_timer_start(&f->journal->wait_timer, 0);
    UNTIL(f, kept.calls == 1);
    assert_int_equal(kept.err, GN_ETIMEOUT);
    assert_int_equal(gone.calls, 0);
    f->journal->batch.is_running = false;
    UNTIL(f, is_durable(f));
    event(f);
    wait_for(f, &kept);
    stop(f);
    assert_int_equal(kept.err, GN_ECANCELED);
}

static void more_than_may_be_pending_is_refused(void **state)
{
    struct fixture *f = *state;
    uint64_t sequence;
    enum gn_err err = GN_OK;
    size_t taken;

    f->config.pending_bytes = 4000;
    start(f);
    UNTIL(f, is_durable(f));
    for (taken = 0; err == GN_OK && taken < 100; taken++)
        err = try_event(f, 1, 96);
    assert_int_equal(err, GN_EFULL);
    assert_int_equal(taken - 1, 4000 / 128);
    assert_int_equal(gn_journal_has_room(f->journal, 96), GN_EFULL);
    for (err = GN_OK, taken = 0; err == GN_OK && taken < 100; taken++)
        err = gn_journal_append(f->journal, VALUE, 0, GN_STR("12345678"), &sequence);
    assert_int_equal(err, GN_EFULL);
    assert_true(taken > 50);
    UNTIL(f, is_durable(f));
    assert_int_equal(gn_journal_has_room(f->journal, 96), GN_OK);
}

/* ---- segments ---- */

static void segments_end_with_an_index_and_begin_with_a_checkpoint(void **state)
{
    struct fixture *f = *state;
    struct gn_journal_segment seg;
    uint64_t end = 1, count = 0;

    start(f);
    for (uint64_t i = 0; i < 200; i++) {
        event(f);
        value(f, i);
        turn(f);
    }
    UNTIL(f, is_durable(f));
    assert_true(f->owner.ends > 5);
    assert_int_equal(f->owner.begins, f->owner.ends + 1);
    for (; gn_journal_segment_at(f->journal, count, &seg); count++) {
        assert_int_equal(seg.number, count + 1);
        assert_int_equal(seg.first_sequence, end);
        assert_true(seg.bytes <= 4096 + 200); /* index and SEAL come on top */
        end = seg.end_sequence;
        assert_int_equal(seg.is_closed, count < f->owner.ends);
    }
    assert_int_equal(end, 201);
    assert_int_equal(count, status_of(f).segments);
    restart(f);
    assert_int_equal(f->owner.indexes, count - 1);
    assert_int_equal(f->owner.indexed + f->owner.events, 200);
    assert_true(f->owner.events < 20);
    assert_int_equal(f->owner.value, 199);
    assert_int_equal(status_of(f).segments, count + 1);
    (void)read_all(f, 1, 1000);
    assert_int_equal(f->owner.events, 200);
}

static void segments_can_be_looked_at_in_any_order_while_they_go(void **state)
{
    struct fixture *f = *state;
    struct gn_journal_segment seg;
    size_t count;

    start(f);
    events(f, 300);
    count = status_of(f).segments;
    assert_true(count > 8);
    for (size_t i = 0; i < count * count; i++) { /* each place after each other one */
        assert_true(gn_journal_segment_at(f->journal, i * (i / count + 1) % count, &seg));
        assert_int_equal(seg.number, i * (i / count + 1) % count + 1);
    }
    assert_false(gn_journal_segment_at(f->journal, count, &seg));
    assert_true(gn_journal_segment_at(f->journal, 4, &seg));
    gn_journal_set_needed(f->journal, seg.first_sequence);
    f->journal->config.keep_ms = 0;
    gn_journal_make_room(f->journal, 0);
    assert_true(gn_journal_segment_at(f->journal, 4, &seg));
    assert_int_equal(seg.number, 9);
    events(f, 100);
    count = status_of(f).segments;
    assert_true(gn_journal_segment_at(f->journal, count - 1, &seg));
    assert_int_equal(seg.number, f->journal->current->header.number);
    assert_false(gn_journal_segment_at(f->journal, count, &seg));
}

static void old_segments_are_not_read_for_their_index(void **state)
{
    struct fixture *f = *state;
    const struct gn_journal_owner owner = owner_of(f);

    start(f);
    events(f, 100);
    f->journal->clock_base_ms += 100000; /* a day in the office */
    events(f, 100);
    stop(f);
    assert_int_equal(gn_journal_open(f->loop, &f->config, f->metrics, &f->journal), GN_OK);
    owner_reset(&f->owner);
    f->owner.journal = f->journal;
    assert_int_equal(gn_journal_recover(f->journal, &owner, 50000), GN_OK);
    assert_true(f->owner.indexed + f->owner.events < 130);
    assert_true(f->owner.indexed + f->owner.events >= 100);
    assert_int_equal(gn_journal_next(f->journal), 201);
}

static void a_record_larger_than_a_segment_has_one_of_its_own(void **state)
{
    struct fixture *f = *state;

    start(f);
    event(f);
    assert_int_equal(try_event(f, 1, 60000), GN_OK);
    event(f);
    UNTIL(f, is_durable(f));
    assert_int_equal(status_of(f).segments, 3);
    (void)read_all(f, 1, 100);
    assert_int_equal(f->owner.events, 3);
    restart(f);
    assert_int_equal(f->owner.indexed + f->owner.events, 3);
}

static void a_checkpoint_larger_than_a_segment_leaves_room_for_records(void **state)
{
    struct fixture *f = *state;

    f->owner.pad_bytes = 3900;
    f->config.segment_bytes = 2048;
    start(f);
    f->owner.pad_bytes = 3900;
    events(f, 70);
    assert_true(status_of(f).segments < 20);
    restart(f);
    assert_int_equal(f->owner.indexed + f->owner.events, 70);
}

static void the_figures_say_what_there_is(void **state)
{
    struct fixture *f = *state;
    struct gn_buf text = GN_BUF_INIT;

    start(f);
    events(f, 10);
    gn_metrics_print(f->metrics, &text);
    assert_non_null(strstr(text.data, "gurnard_journal_segments{journal=\"events\"} 1\n"));
    assert_non_null(strstr(text.data, "gurnard_journal_bytes{journal=\"events\"} 4096\n"));
    assert_non_null(strstr(text.data, "gurnard_journal_limit_bytes{journal=\"events\"} 1048576\n"));
    assert_non_null(strstr(text.data, "gurnard_journal_records_total{journal=\"events\"} 12\n"));
    assert_non_null(strstr(text.data, "gurnard_journal_failing{journal=\"events\"} 0\n"));
    assert_non_null(strstr(text.data, "gurnard_journal_pending_bytes{journal=\"events\"} 0\n"));
    gn_buf_free(&text);
    assert_int_equal(status_of(f).first_sequence, 1);
    assert_int_equal(status_of(f).next_sequence, 11);
    assert_true(status_of(f).oldest_ns > 0);
}

static void the_clock_goes_on_where_it_stood(void **state)
{
    struct fixture *f = *state;
    uint64_t clock_ms;

    start(f);
    f->journal->clock_base_ms += 5000000;
    clock_ms = gn_journal_clock_ms(f->journal);
    assert_true(clock_ms >= 5000000);
    event(f);
    restart(f);
    assert_true(gn_journal_clock_ms(f->journal) >= clock_ms);
    assert_true(gn_journal_clock_ms(f->journal) < clock_ms + 60000);
}

/* ---- reading ---- */

/* By its end a segment is told to be old. */
static void a_segment_that_was_not_sealed_ended_with_its_last_record(void **state)
{
    struct fixture *f = *state;
    struct gn_journal_segment seg;
    uint64_t last_ms;

    start(f);
    events(f, 5);
    f->journal->clock_base_ms += 7200000;
    event(f);
    last_ms = gn_journal_clock_ms(f->journal);
    restart(f);
    assert_true(gn_journal_segment_at(f->journal, 0, &seg));
    assert_in_range(seg.end_clock_ms, 7200000, last_ms + 1000);
}

static void a_reader_gives_all_events_whatever_the_size_of_blocks(void **state)
{
    static const size_t sizes[] = {1, 100, 137, 1000, 5000, 1 << 20};
    struct fixture *f = *state;

    start(f);
    events(f, 150);
    for (size_t i = 0; i < GN_LEN(sizes); i++) {
        (void)read_all(f, 1, sizes[i]);
        assert_int_equal(f->owner.events, 150);
        (void)read_all(f, 77, sizes[i]);
        assert_int_equal(f->owner.given[76], 0);
        assert_int_equal(f->owner.given[77], 1);
        assert_int_equal(f->owner.events, 150 - 76);
        (void)read_all(f, 151, sizes[i]);
        assert_int_equal(f->owner.events, 0);
    }
}

static void a_reader_goes_on_when_more_has_become_durable(void **state)
{
    struct fixture *f = *state;
    struct gn_journal_reader *reader;
    struct reading reading = {0};

    start(f);
    reader = gn_journal_reader_new(f->journal, 1);
    read_block(f, reader, 1000, &reading);
    assert_true(reading.block.is_end);
    for (uint64_t i = 1; i < 60; i++) {
        event(f);
        UNTIL(f, is_durable(f));
        read_block(f, reader, 1 << 16, &reading);
        if (reading.block.next < i + 1) /* the end of a segment was before it */
            read_block(f, reader, 1 << 16, &reading);
        assert_int_equal(f->owner.events, i);
        assert_true(reading.block.is_end);
    }
    gn_journal_reader_free(reader);
}

static void a_read_under_way_survives_its_reader_and_the_journal(void **state)
{
    struct fixture *f = *state;
    struct gn_journal_reader *gone, *late, *idle;
    struct reading never = {.owner = &f->owner}, canceled = never, nothing = never;

    start(f);
    events(f, 50);
    gone = gn_journal_reader_new(f->journal, 1);
    gn_journal_read(gone, 1000, on_block, &never);
    gn_journal_reader_free(gone);
    late = gn_journal_reader_new(f->journal, 1);
    gn_journal_read(late, 1000, on_block, &canceled);
    idle = gn_journal_reader_new(f->journal, 51);
    gn_journal_read(idle, 1000, on_block, &nothing);
    stop(f);
    assert_false(never.is_done);
    assert_int_equal(canceled.block.err, GN_ECANCELED);
    assert_int_equal(nothing.block.err, GN_ECANCELED);
    gn_journal_reader_free(late);
    gn_journal_reader_free(idle);
    gn_journal_reader_free(NULL);
}

static void free_reader(void *ctx, const struct gn_journal_block *block)
{
    struct gn_journal_reader **reader = ctx;

    assert_int_equal(block->err, GN_ECANCELED);
    gn_journal_reader_free(*reader);
    *reader = NULL;
}

static void a_reader_may_be_freed_when_closing_cancels_its_read(void **state)
{
    struct fixture *f = *state;
    struct gn_journal_reader *busy, *idle, *other;

    start(f);
    events(f, 50);
    busy = gn_journal_reader_new(f->journal, 1);
    idle = gn_journal_reader_new(f->journal, 51);
    other = gn_journal_reader_new(f->journal, 51);
    gn_journal_read(busy, 1000, free_reader, &busy);
    gn_journal_read(idle, 1000, free_reader, &idle);
    gn_journal_read(other, 1000, free_reader, &other);
    stop(f);
    assert_null(busy);
    assert_null(idle);
    assert_null(other);
}

/* ---- making room ---- */

static void when_full_events_are_refused_until_old_ones_are_not_needed(void **state)
{
    struct fixture *f = *state;
    enum gn_err err = GN_OK;
    uint64_t next;

    f->config.max_bytes = 10 * 4096;
    start(f);
    for (int i = 0; err == GN_OK && i < 1000; i++) {
        err = try_event(f, 1, 100);
        turn(f);
    }
    assert_int_equal(err, GN_EFULL);
    assert_int_equal(gn_journal_has_room(f->journal, 100), GN_EFULL);
    assert_true(status_of(f).bytes > 7 * 4096);
    assert_true(status_of(f).bytes <= status_of(f).refuse_at_bytes);
    for (uint64_t i = 0; i < 200; i++)
        value(f, i); /* progress is taken all the same */
    UNTIL(f, is_durable(f));
    next = gn_journal_next(f->journal);
    gn_journal_set_needed(f->journal, next);
    assert_int_equal(gn_journal_has_room(f->journal, 100), GN_OK);
    event(f);
    UNTIL(f, is_durable(f));
    assert_true(status_of(f).bytes < 9 * 4096 + 8000);
    for (int i = 0; i < 500; i++) {
        gn_journal_set_needed(f->journal, gn_journal_next(f->journal));
        event(f);
        if (i % 16 == 0) /* old segments go when a newer checkpoint is durable */
            UNTIL(f, is_durable(f));
    }
    UNTIL(f, is_durable(f));
    assert_true(status_of(f).first_sequence > next);
    restart(f);
    assert_int_equal(f->owner.lost, 0);
    assert_int_equal(gn_journal_next(f->journal), next + 501);
}

static void what_nobody_needs_goes_when_it_is_old(void **state)
{
    struct fixture *f = *state;
    struct gn_journal_reader *reader;
    struct reading reading = {0};

    start(f);
    events(f, 200);
    reader = gn_journal_reader_new(f->journal, 1);
    read_block(f, reader, 200, &reading);
    gn_journal_set_needed(f->journal, 150);
    gn_journal_on_tick(f->journal);
    assert_int_equal(status_of(f).first_sequence, 1);
    f->journal->clock_base_ms += f->config.keep_ms + 1;
    gn_journal_on_tick(f->journal);
    assert_in_range(status_of(f).first_sequence, 100, 150);
    read_block(f, reader, 200, &reading);
    while (!reading.block.is_end)
        read_block(f, reader, 200, &reading);
    assert_true(f->owner.last == 200);
    assert_int_equal(f->owner.lost, 0);
    gn_journal_reader_free(reader);
    restart(f);
    assert_in_range(status_of(f).first_sequence, 100, 150);
}

static void the_spare_part_of_the_disk_is_left_to_others(void **state)
{
    struct fixture *f = *state;

    f->config.disk_spare_pct = 101; /* more than there can be */
    start(f);
    assert_true(status_of(f).is_disk_short);
    assert_int_equal(try_event(f, 1, 100), GN_EFULL);
    value(f, 1);
    UNTIL(f, is_durable(f));
    f->journal->config.disk_spare_pct = 0;
    gn_journal_on_tick(f->journal);
    UNTIL(f, !status_of(f).is_disk_short);
    event(f);
    assert_true(status_of(f).disk_free_pct > 0);
    f->journal->config.disk_spare_pct = 5;
    assert_int_equal(status_of(f).disk_spare_pct, 5);
}

/* ---- rewriting ---- */

struct rewriting {
    uint64_t every; /* this one and its multiples stay */
    bool is_done;
    enum gn_err err;
};

static bool keep_some(void *ctx, const struct gn_record *record)
{
    const struct rewriting *w = ctx;

    return record->count > 0 && record->sequence % w->every == 0;
}

static void on_rewritten(void *ctx, enum gn_err err)
{
    struct rewriting *w = ctx;

    w->is_done = true;
    w->err = err;
}

static void rewrite(struct fixture *f, uint64_t number, uint64_t every)
{
    struct rewriting w = {.every = every};

    assert_int_equal(gn_journal_rewrite(f->journal, number, keep_some, on_rewritten, &w), GN_OK);
    UNTIL(f, w.is_done);
    assert_int_equal(w.err, GN_OK);
}

static void a_rewritten_segment_holds_what_was_kept(void **state)
{
    struct fixture *f = *state;
    struct gn_journal_segment before, after;
    struct gn_journal_reader *reader;
    struct reading reading = {0};
    uint64_t bytes;

    start(f);
    events(f, 100);
    assert_true(gn_journal_segment_at(f->journal, 1, &before));
    reader = gn_journal_reader_new(f->journal, before.first_sequence + 4);
    read_block(f, reader, 300, &reading); /* stands in the midst of it now */
    bytes = status_of(f).bytes;
    rewrite(f, before.number, 5);
    assert_true(gn_journal_segment_at(f->journal, 1, &after));
    assert_true(after.bytes < before.bytes / 2);
    assert_int_equal(status_of(f).bytes, bytes - before.bytes + after.bytes);
    assert_int_equal(after.end_sequence, before.end_sequence);
    while (!reading.block.is_end)
        read_block(f, reader, 300, &reading);
    gn_journal_reader_free(reader);
    for (uint64_t i = before.first_sequence + 8; i < before.end_sequence; i++)
        assert_int_equal(f->owner.given[i], i % 5 == 0);
    assert_int_equal(f->owner.given[before.end_sequence], 1);
    restart(f);
    assert_int_equal(f->owner.indexed + f->owner.events, 100); /* its index stays as it was */
    assert_int_equal(f->owner.lost, 0);
    assert_int_equal(status_of(f).damaged, 0);
    (void)read_all(f, 1, 300);
    assert_true(f->owner.events < 100);
    assert_int_equal(f->owner.lost, 0);
    rewrite(f, before.number, 10);
}

static void only_closed_segments_are_rewritten_one_at_a_time(void **state)
{
    struct fixture *f = *state;
    struct rewriting w = {.every = 1};
    struct gn_journal_segment seg;

    start(f);
    events(f, 100);
    for (size_t i = 0; gn_journal_segment_at(f->journal, i, &seg); i++)
        ;
    assert_int_equal(gn_journal_rewrite(f->journal, seg.number, keep_some, on_rewritten, &w),
                     GN_ENOTFOUND);
    assert_int_equal(gn_journal_rewrite(f->journal, 77, keep_some, on_rewritten, &w), GN_ENOTFOUND);
    assert_int_equal(gn_journal_rewrite(f->journal, 2, keep_some, on_rewritten, &w), GN_OK);
    assert_int_equal(gn_journal_rewrite(f->journal, 3, keep_some, on_rewritten, &w), GN_EBUSY);
    UNTIL(f, w.is_done);
    assert_int_equal(w.err, GN_OK);
}

/* The syncing thread cuts it: not the file that a rewrite has put in its place. */
static void a_segment_that_waits_to_be_cut_is_not_rewritten(void **state)
{
    struct fixture *f = *state;
    struct rewriting w = {.every = 1};
    struct gn_journal_segment seg;

    start(f);
    events(f, 100);
    f->journal->batch.abandoned = TAILQ_FIRST(&f->journal->segs);
    assert_true(gn_journal_segment_at(f->journal, 0, &seg));
    assert_false(seg.is_closed);
    assert_int_equal(gn_journal_rewrite(f->journal, 1, keep_some, on_rewritten, &w), GN_ENOTFOUND);
    f->journal->batch.abandoned = NULL;
    assert_true(gn_journal_segment_at(f->journal, 0, &seg));
    assert_true(seg.is_closed);
}

static void an_unsealed_segment_can_be_rewritten_without_a_loss_being_told(void **state)
{
    struct fixture *f = *state;

    start(f);
    events(f, 20);
    restart(f); /* the first one was not sealed */
    UNTIL(f, is_durable(f));
    rewrite(f, 1, 7);
    restart(f);
    assert_int_equal(f->owner.lost, 0);
    (void)read_all(f, 1, 1000);
    assert_int_equal(f->owner.events, 2);
    assert_int_equal(f->owner.lost, 0);
    assert_int_equal(gn_journal_next(f->journal), 21);
}

/* ---- failures ---- */

static void set_file_limit(rlim_t bytes)
{
    struct rlimit limit;

    assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
    limit.rlim_cur = bytes;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

static void a_failed_write_is_told_and_made_good_later(void **state)
{
    struct fixture *f = *state;
    struct waiter w;

    (void)signal(SIGXFSZ, SIG_IGN);
    start(f);
    events(f, 10);
    set_file_limit(0);
    event(f);
    wait_for(f, &w);
    UNTIL(f, w.calls == 1);
    assert_int_equal(w.err, GN_EIO);
    assert_true(status_of(f).is_failing);
    assert_int_not_equal(status_of(f).os_error, 0);
    assert_int_equal(try_event(f, 1, 100), GN_EIO);
    assert_int_equal(gn_journal_has_room(f->journal, 100), GN_EIO);
    value(f, 5); /* is not refused */
    set_file_limit(RLIM_INFINITY);
    UNTIL(f, !status_of(f).is_failing);
    UNTIL(f, is_durable(f));
    assert_int_equal(status_of(f).os_error, 0);
    events(f, 10);
    (void)read_all(f, 1, 1000);
    assert_int_equal(f->owner.events, 21);
    restart(f);
    assert_int_equal(f->owner.value, 5);
    assert_int_equal(f->owner.lost, 0);
    assert_int_equal(gn_journal_next(f->journal), 22);
    (void)read_all(f, 1, 1000);
    assert_int_equal(f->owner.events, 21);
    assert_true(metric(f, "gurnard_journal_failures_total") >= 1);
}

static void a_failure_in_several_segments_at_once_is_made_good(void **state)
{
    struct fixture *f = *state;

    (void)signal(SIGXFSZ, SIG_IGN);
    for (size_t before = 0; before < 40; before += 3) {
        start(f);
        events(f, before);
        set_file_limit(0);
        for (int i = 0; i < 90; i++)
            event(f);
        UNTIL(f, f->journal->failures_in_row >= 2);
        set_file_limit(RLIM_INFINITY);
        gn_timer_start(&f->journal->retry_timer, 0);
        UNTIL(f, is_durable(f));
        events(f, 30);
        (void)read_all(f, 1, 1000);
        assert_int_equal(f->owner.events, before + 120);
        restart(f);
        assert_int_equal(f->owner.lost, 0);
        assert_true(f->owner.indexed + f->owner.events >= before + 120); /* see begin */
        (void)read_all(f, 1, 1000);
        assert_int_equal(f->owner.events, before + 120);
        assert_int_equal(status_of(f).damaged, 0);
        stop(f);
        remove_folder(f->folder);
    }
}

static void a_write_that_fails_in_a_new_segment_is_made_good_under_its_number(void **state)
{
    struct fixture *f = *state;
    struct gn_journal_segment seg;

    (void)signal(SIGXFSZ, SIG_IGN);
    start(f);
    events(f, 3);
    set_file_limit(5000); /* a segment can be made, the record does not fit */
    assert_int_equal(try_event(f, 1, 60000), GN_OK);
    UNTIL(f, f->journal->failures_in_row >= 2);
    value(f, 9);
    set_file_limit(RLIM_INFINITY);
    gn_timer_start(&f->journal->retry_timer, 0);
    UNTIL(f, is_durable(f));
    assert_true(gn_journal_segment_at(f->journal, 1, &seg));
    assert_int_equal(seg.number, 2);
    restart(f);
    assert_int_equal(f->owner.value, 9);
    (void)read_all(f, 1, 1000);
    assert_int_equal(f->owner.events, 4);
}

static void a_number_that_is_taken_is_passed_over(void **state)
{
    struct fixture *f = *state;
    struct gn_journal_segment seg;
    char path[512];

    start(f);
    event(f);
    UNTIL(f, is_durable(f));
    path_of(path, f->folder, 2);
    write_file(path, GN_STR("somebody else's"));
    for (int i = 0; i < 100; i++) /* in one turn: while it fails none are taken */
        event(f);
    UNTIL(f, is_durable(f));
    assert_true(gn_journal_segment_at(f->journal, 1, &seg));
    assert_int_equal(seg.number, 3);
    restart(f);
    assert_int_equal(f->owner.lost, 0);
    (void)read_all(f, 1, 1000);
    assert_int_equal(f->owner.events, 101);
}

static void waits_during_a_failure_end_when_it_does(void **state)
{
    struct fixture *f = *state;
    struct waiter w;

    (void)signal(SIGXFSZ, SIG_IGN);
    start(f);
    events(f, 3);
    set_file_limit(0);
    for (int i = 0; i < 60; i++)
        event(f);
    f->journal->failures_in_row = 1; /* the next attempt is not made at once */
    UNTIL(f, f->journal->failures_in_row == 2);
    value(f, 9);
    wait_for(f, &w);
    set_file_limit(RLIM_INFINITY);
    gn_timer_start(&f->journal->retry_timer, 0);
    UNTIL(f, w.calls == 1);
    assert_int_equal(w.err, GN_OK);
    assert_true(is_durable(f));
}

static void closing_a_journal_that_fails_gives_up(void **state)
{
    struct fixture *f = *state;
    struct waiter w;

    (void)signal(SIGXFSZ, SIG_IGN);
    start(f);
    events(f, 3);
    set_file_limit(0);
    event(f);
    wait_for(f, &w);
    stop(f);
    assert_int_equal(w.err, GN_ECANCELED);
    set_file_limit(RLIM_INFINITY);
    start(f);
    assert_in_range(gn_journal_next(f->journal), 4, 5);
}

static void add_number(struct gn_buf *frames, uint32_t salt, uint64_t number)
{
    char text[32];

    (void)snprintf(text, sizeof text, "%" PRIu64, number);
    gn_frame_add(frames, salt,
                 &(struct gn_record){.sequence = number,
                                     .count = 1,
                                     .type = EVENT,
                                     .payload = {text, strlen(text) + 1}});
}

/* Ends segment fd at its last frame, at end, with a SEAL behind it. */
static void add_seal(int fd, const struct gn_segment_header *header, uint64_t end, uint64_t next)
{
    const struct gn_journal_seg seg = {.header = *header, .end_sequence = next, .sealed_ns = 1};
    struct gn_buf seal = GN_BUF_INIT;

    gn_journal_seg_add_seal(&seg, 0, &seal);
    assert_int_equal(gn_segment_write(fd, gn_buf_str(&seal), end, true), GN_OK);
    assert_int_equal(gn_segment_cut(fd, end + seal.len), GN_OK);
    gn_buf_free(&seal);
}

/* As a failed sync leaves it when the old segment could not be cut: the first one has 10 events, of
 * which those from 8 on were not durable and stand in the second one, too. */
static void make_copies(struct fixture *f, bool is_sealed, bool has_hole)
{
    struct gn_segment_header header;
    struct gn_buf frames = GN_BUF_INIT;
    uint64_t size, end;
    uint32_t version;
    int dir_fd, fd;

    f->config.segment_bytes = 1 << 16;
    start(f);
    events(f, 10);
    end = f->journal->current->fill;
    stop(f);
    dir_fd = open(f->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_int_equal(gn_segment_open(dir_fd, 1, &header, &size, &version, &fd), GN_OK);
    if (is_sealed)
        add_seal(fd, &header, end, 11);
    if (has_hole) /* event 9 never reached the disk */
        assert_int_equal(pwrite(fd, (char[136]){0}, 136, (off_t)end - 2 * 136), 136);
    assert_int_equal(close(fd), 0);
    header.number = 2;
    header.first_sequence = 8;
    for (uint64_t i = 8; i <= 13; i++)
        add_number(&frames, header.salt, i);
    assert_int_equal(gn_segment_create(dir_fd, &header, 0, &fd), GN_OK);
    assert_int_equal(gn_segment_write(fd, gn_buf_str(&frames), GN_SEGMENT_HEADER, true), GN_OK);
    assert_int_equal(close(fd), 0);
    assert_int_equal(close(dir_fd), 0);
    gn_buf_free(&frames);
}

static void copies_of_records_are_passed_over(void **state)
{
    struct fixture *f = *state;

    for (int sealed = 0; sealed < 2; sealed++) {
        make_copies(f, sealed, false);
        start(f);
        assert_int_equal(f->owner.events, 13);
        assert_int_equal(f->owner.lost, 0);
        (void)read_all(f, 1, 200);
        assert_int_equal(f->owner.events, 13);
        stop(f);
        remove_folder(f->folder);
    }
}

static void what_a_failed_sync_has_lost_is_taken_from_its_copy(void **state)
{
    struct fixture *f = *state;

    for (int sealed = 0; sealed < 2; sealed++) {
        make_copies(f, sealed, true);
        for (int starts = 0; starts < 2; starts++) {
            start(f);
            assert_int_equal(f->owner.events, 13);
            assert_int_equal(f->owner.lost, 0);
            for (size_t bytes = 1; bytes < 20000; bytes *= 5) {
                (void)read_all(f, 1, bytes);
                assert_int_equal(f->owner.events, 13);
            }
            assert_int_equal(f->owner.lost, 0);
            if (starts == 1) {
                rewrite(f, 1, 1);
                (void)read_all(f, 1, 200);
                assert_int_equal(f->owner.events, 13);
            }
            stop(f);
        }
        remove_folder(f->folder);
    }
}

/* The second segment was made, and then the power failed. */
static void what_was_not_written_again_does_not_come_back_later(void **state)
{
    struct fixture *f = *state;
    char path[512];

    make_copies(f, false, false);
    path_of(path, f->folder, 2);
    assert_int_equal(truncate(path, GN_SEGMENT_HEADER), 0);
    for (int starts = 0; starts < 3; starts++) {
        start(f);
        assert_int_equal(f->owner.lost, 0);
        (void)read_all(f, 1, 1000);
        assert_int_equal(f->owner.events, 7);
        assert_int_equal(gn_journal_next(f->journal), 11); /* none is given twice */
        stop(f);
    }
}

static void a_folder_that_could_not_be_synced_leaves_no_gap(void **state)
{
    struct fixture *f = *state;

    start(f);
    events(f, 3);
    for (int i = 0; i < 40; i++)
        event(f);
    assert_int_equal(status_of(f).segments, 2);
    atomic_store(&data_sync_fails, 2);   /* the new segment's, after it was made */
    atomic_store(&folder_sync_fails, 2); /* and that of its removal */
    UNTIL(f, status_of(f).is_failing || is_durable(f));
    UNTIL(f, is_durable(f));
    assert_int_equal(atomic_load(&folder_sync_fails), 0);
    restart(f);
    assert_int_equal(f->owner.lost, 0);
    (void)read_all(f, 1, 1000);
    assert_int_equal(f->owner.events, 43);
}

/* A number that looks random and is the same each time. */
static unsigned next_random(unsigned *seed)
{
    *seed = *seed * 1103515245U + 12345U;
    return *seed >> 16;
}

static void some_fault(unsigned *seed)
{
    const unsigned kind = next_random(seed) % 8;
    const int turn = 1 + (int)(next_random(seed) % 4);

    if (kind < 3)
        atomic_store(&data_sync_fails, turn);
    else if (kind == 3)
        atomic_store(&folder_sync_fails, turn);
    if (kind < 2)
        atomic_store(&cut_fails, 1);
}

/* Appends a few events; returns whether they were acknowledged. */
static bool acknowledged(struct fixture *f, unsigned count)
{
    struct waiter w;

    for (unsigned i = 0; i < count && try_event(f, 1, 100) == GN_OK; i++)
        ;
    value(f, count);
    wait_for(f, &w);
    while (w.calls == 0) {
        if (gn_timer_is_running(&f->journal->retry_timer))
            gn_timer_start(&f->journal->retry_timer, 0);
        turn(f);
    }
    return w.err == GN_OK;
}

static void no_fault(void)
{
    atomic_store(&data_sync_fails, 0);
    atomic_store(&folder_sync_fails, 0);
    atomic_store(&cut_fails, 0);
}

static void check_all_there(struct fixture *f, uint64_t durable_next)
{
    assert_true(gn_journal_next(f->journal) >= durable_next);
    (void)read_all(f, 1, 1 << 12);
    for (uint64_t i = 1; i < durable_next; i++)
        assert_int_equal(f->owner.given[i], 1);
}

/* A copy of the folder after each acknowledgement is what a power failure would leave. */
static void whatever_syncs_fail_what_was_acknowledged_is_there(void **state)
{
    struct fixture *f = *state;
    struct fixture copy = *f;
    struct image image;
    unsigned seed = 1;

    (void)snprintf(copy.folder, sizeof copy.folder, "%s/copy", f->base);
    copy.config.folder = copy.folder;
    copy.owner = (struct owner){.given = calloc(1, EVENTS_MAX)};
    atomic_store(&is_lossy, true);
    for (int round = 0; round < 10; round++) {
        start(f);
        for (int step = 0; step < 40; step++) {
            some_fault(&seed);
            if (!acknowledged(f, 1 + next_random(&seed) % 20) || next_random(&seed) % 4 > 0)
                continue;
            no_fault();
            image_take(&image, f->folder);
            image_put(&image, copy.folder);
            image_free(&image);
            start(&copy);
            check_all_there(&copy, gn_journal_durable_next(f->journal));
            stop(&copy);
        }
        no_fault();
        (void)acknowledged(f, 1);
        UNTIL(f, is_durable(f));
        check_all_there(f, gn_journal_next(f->journal));
        stop(f);
        remove_folder(f->folder);
    }
    atomic_store(&is_lossy, false);
    free(copy.owner.given);
}

static void what_a_crash_left_in_memory_only_is_synced_by_recovery(void **state)
{
    struct fixture *f = *state;
    struct stat st;
    char path[512];

    start(f);
    events(f, 3);
    assert_int_equal(try_event(f, 1, 60000), GN_OK); /* its segment has no room left over */
    UNTIL(f, is_durable(f));
    path_of(path, f->folder, 2);
    stop(f);
    assert_int_equal(stat(path, &st), 0);
    atomic_store(&watched_syncs, 0);
    atomic_store(&watched_inode, st.st_ino);
    start(f);
    assert_true(atomic_load(&watched_syncs) > 0);
    atomic_store(&watched_inode, 0);
}

static void a_segment_that_was_removed_is_replaced_and_its_loss_told(void **state)
{
    struct fixture *f = *state;
    struct waiter w;
    char path[512];

    start(f);
    events(f, 10);
    path_of(path, f->folder, 1);
    assert_int_equal(unlink(path), 0);
    event(f);
    wait_for(f, &w);
    UNTIL(f, w.calls == 1);
    assert_int_equal(w.err, GN_EIO);
    UNTIL(f, is_durable(f));
    UNTIL(f, f->owner.lost == 10);
    assert_int_equal(f->owner.lost_first, 1);
    (void)read_all(f, 1, 1000);
    assert_int_equal(f->owner.events, 1);
}

static void a_folder_that_was_removed_is_made_again(void **state)
{
    struct fixture *f = *state;

    start(f);
    events(f, 100);
    gn_journal_set_needed(f->journal, 31);
    remove_folder(f->folder);
    event(f);
    UNTIL(f, f->owner.lost > 0);
    UNTIL(f, is_durable(f));
    assert_int_equal(f->owner.lost_first, 31);
    assert_int_equal(f->owner.lost, 70);
    assert_int_equal(metric(f, "gurnard_journal_lost_events_total"), 70);
    events(f, 10);
    restart(f);
    assert_int_equal(gn_journal_next(f->journal), 112);
    assert_int_equal(f->owner.events, 11);
}

static void a_file_in_the_place_of_the_folder_is_waited_out(void **state)
{
    struct fixture *f = *state;

    start(f);
    events(f, 10);
    remove_folder(f->folder);
    write_file(f->folder, GN_STR("x"));
    event(f);
    UNTIL(f, f->journal->failures_in_row >= 2);
    assert_int_equal(unlink(f->folder), 0);
    gn_timer_start(&f->journal->retry_timer, 0);
    UNTIL(f, is_durable(f));
    restart(f);
    assert_int_equal(gn_journal_next(f->journal), 12);
}

static void a_reader_passes_a_segment_that_was_taken_away(void **state)
{
    struct fixture *f = *state;
    struct gn_journal_segment seg;
    char path[512];

    start(f);
    events(f, 100);
    assert_true(gn_journal_segment_at(f->journal, 1, &seg));
    path_of(path, f->folder, seg.number);
    assert_int_equal(unlink(path), 0);
    (void)read_all(f, 1, 1000);
    assert_int_equal(f->owner.lost, seg.end_sequence - seg.first_sequence);
    assert_int_equal(f->owner.events, 100 - f->owner.lost);
}

/* ---- recovery ---- */

static void a_copy_taken_at_any_time_recovers_what_was_durable(void **state)
{
    struct fixture *f = *state;
    struct fixture copy = *f;
    struct image image;
    uint64_t durable_next, next;

    (void)snprintf(copy.folder, sizeof copy.folder, "%s/copy", f->base);
    copy.config.folder = copy.folder;
    copy.owner = (struct owner){.given = calloc(1, EVENTS_MAX)};
    start(f);
    for (uint64_t i = 0; i < 150; i++) {
        for (uint64_t k = 0; k <= i % 5; k++)
            event(f);
        value(f, i);
        turn(f);
        durable_next = gn_journal_durable_next(f->journal);
        image_take(&image, f->folder);
        next = gn_journal_next(f->journal);
        image_put(&image, copy.folder);
        image_free(&image);
        start(&copy);
        assert_in_range(copy.owner.indexed + copy.owner.events, durable_next - 1, next - 1);
        assert_int_equal(copy.owner.lost, 0);
        assert_int_equal(status_of(&copy).damaged, 0);
        (void)read_all(&copy, 1, 1 << 16);
        assert_in_range(copy.owner.events, durable_next - 1, next - 1);
        stop(&copy);
        if (f->owner.ends > 12)
            break;
    }
    free(copy.owner.given);
}

/* A journal of three segments with 21 events, the last value 40; its files, in memory. */
static void make_small(struct fixture *f, struct image *image)
{
    f->config.segment_bytes = 1024;
    start(f);
    for (uint64_t i = 1; i <= 21; i++) {
        assert_int_equal(try_event(f, 1, 64), GN_OK);
        if (i % 4 == 0)
            value(f, 2 * i);
    }
    UNTIL(f, is_durable(f));
    assert_int_equal(status_of(f).segments, 3);
    stop(f);
    image_take(image, f->folder);
    assert_int_equal(image->count, 3);
    start(f); /* cuts the last one */
    stop(f);
    image_free(image);
    image_take(image, f->folder);
    assert_int_equal(image->count, 4);
    image->count = 3; /* without the one that the start has begun */
    gn_buf_free(&image->bytes[3]);
}

/* One byte of one file is another. */
static void check_flipped(struct fixture *f, struct image *image, size_t file, size_t at)
{
    const double torn = metric(f, "gurnard_journal_torn_total");
    bool is_told;
    uint64_t lost;

    image->bytes[file].data[at] ^= (char)0xff;
    image_put(image, f->folder);
    image->bytes[file].data[at] ^= (char)0xff;
    start(f);
    (void)read_all(f, 1, 1 << 16);
    is_told = status_of(f).damaged > 0 || metric(f, "gurnard_journal_torn_total") > torn;
    lost = 21 - f->owner.events;
    if (f->owner.value != 40) { /* the record with the last value was hit */
        assert_int_equal(f->owner.value, 32);
        lost++;
    }
    assert_true(lost <= 1);
    assert_true(lost == 0 || is_told);
    if (f->owner.events == 20 && metric(f, "gurnard_journal_torn_total") <= torn)
        assert_int_equal(f->owner.lost, 1);
    assert_true(f->owner.lost <= 1);
    assert_true(gn_journal_next(f->journal) >= 22);
    assert_int_equal(try_event(f, 1, 64), GN_OK);
    stop(f);
}

static void any_flipped_byte_costs_its_own_record_at_most(void **state)
{
    struct fixture *f = *state;
    struct image image;

    make_small(f, &image);
    for (size_t file = 0; file < image.count; file++)
        for (size_t at = 0; at < image.bytes[file].len; at++)
            check_flipped(f, &image, file, at);
    image_free(&image);
}

/* The last file ends at len. */
static void check_cut_last(struct fixture *f, struct image *image, size_t len)
{
    const size_t whole = image->bytes[2].len;

    image->bytes[2].len = len;
    image_put(image, f->folder);
    image->bytes[2].len = whole;
    start(f);
    assert_int_equal(f->owner.lost, 0);
    assert_int_equal(status_of(f).damaged, 0);
    (void)read_all(f, 1, 1 << 16);
    for (uint64_t i = 1; i <= f->owner.events; i++)
        assert_int_equal(f->owner.given[i], 1);
    assert_true(gn_journal_next(f->journal) > f->owner.events);
    assert_int_equal(try_event(f, 1, 64), GN_OK);
    restart(f);
    assert_int_equal(f->owner.lost, 0);
    stop(f);
}

static void any_length_of_the_last_segment_is_a_whole_journal(void **state)
{
    struct fixture *f = *state;
    struct image image;

    make_small(f, &image);
    for (size_t len = 0; len <= image.bytes[2].len; len++)
        check_cut_last(f, &image, len);
    image_free(&image);
}

static void a_cut_in_an_earlier_segment_is_told(void **state)
{
    struct fixture *f = *state;
    struct image image;

    make_small(f, &image);
    for (size_t file = 0; file < 2; file++) {
        const size_t whole = image.bytes[file].len;

        for (size_t len = 0; len < whole; len += 8) {
            image.bytes[file].len = len;
            image_put(&image, f->folder);
            start(f);
            assert_int_equal(f->owner.value, 40);
            (void)read_all(f, 1, 1 << 16);
            assert_true(f->owner.events >= 10);
            if (file > 0 || len >= GN_SEGMENT_HEADER) /* else nobody knows where the first began */
                assert_int_equal(f->owner.lost, 21 - f->owner.events);
            assert_true(gn_journal_next(f->journal) >= 22);
            restart(f);
            if (file > 0 || len >= GN_SEGMENT_HEADER)
                assert_true(f->owner.lost > 0 || f->owner.events + f->owner.indexed == 21);
            stop(f);
        }
        image.bytes[file].len = whole;
    }
    image_free(&image);
}

static void damaged_bytes_are_kept_the_newest_of_them(void **state)
{
    struct fixture *f = *state;
    struct image image, saved;
    char path[512];

    f->config.segment_bytes = 1 << 16;
    start(f);
    events(f, 210);
    stop(f);
    image_take(&image, f->folder);
    for (size_t i = 0; i < 100; i++) /* each second event; the first frames are the checkpoint */
        image.bytes[0].data[GN_SEGMENT_HEADER + 72 + 136 * 2 * i + 50] ^= 1;
    image_put(&image, f->folder);
    image_free(&image);
    start(f);
    assert_int_equal(status_of(f).damaged, 100);
    assert_int_equal(f->owner.lost, 100);
    assert_int_equal(f->owner.events, 110);
    assert_int_equal(metric(f, "gurnard_journal_damaged_total"), 100);
    (void)snprintf(path, sizeof path, "%s/damaged", f->folder);
    image_take(&saved, path);
    assert_int_equal(saved.count, GN_JOURNAL_DAMAGED_MAX);
    assert_string_equal(saved.names[63], "0000000001-0000027064.bin");
    image_free(&saved);
}

static void damage_that_comes_later_is_found_by_the_readers(void **state)
{
    struct fixture *f = *state;
    struct gn_journal_segment seg;
    char path[512];
    int fd;

    start(f);
    events(f, 100);
    assert_true(gn_journal_segment_at(f->journal, 1, &seg));
    path_of(path, f->folder, seg.number);
    fd = open(path, O_WRONLY | O_CLOEXEC);
    for (off_t i = 0; i < 3; i++)
        assert_int_equal(pwrite(fd, "damage", 6, 700 + i * 136), 6);
    assert_int_equal(close(fd), 0);
    for (size_t bytes = 1; bytes < 20000; bytes *= 3) {
        (void)read_all(f, 1, bytes);
        assert_int_equal(f->owner.events, 97);
        assert_int_equal(f->owner.lost, 3);
    }
    assert_true(status_of(f).damaged >= 1);
    rewrite(f, seg.number, 1);
    (void)read_all(f, 1, 1000);
    assert_int_equal(f->owner.events, 97);
    assert_int_equal(f->owner.lost, 3);
}

/* The last segment has its SEAL and an index that counts an event that cannot be read: no later
 * start may take the index's word for it. */
static void the_index_of_a_damaged_last_segment_is_not_trusted(void **state)
{
    struct fixture *f = *state;
    struct image image = {0};
    uint64_t indexed, events;

    make_small(f, &image);
    image.count = 2;
    gn_buf_free(&image.bytes[2]);
    image.bytes[1].data[image.bytes[1].len / 3] ^= (char)0xff;
    image_put(&image, f->folder);
    start(f);
    indexed = f->owner.indexed; /* of the first one */
    events = f->owner.events;
    assert_true(indexed > 0 && events > 0);
    assert_int_equal(f->owner.lost, 1);
    for (int i = 0; i < 2; i++) {
        restart(f);
        assert_int_equal(f->owner.indexed, indexed);
        assert_int_equal(f->owner.events, events);
        assert_int_equal(f->owner.lost, 1);
    }
    image_free(&image);
}

static void a_missing_segment_is_a_reason_not_to_start(void **state)
{
    struct fixture *f = *state;
    struct gn_journal_segment seg;
    char path[512];

    start(f);
    events(f, 100);
    assert_true(gn_journal_segment_at(f->journal, 1, &seg));
    stop(f);
    path_of(path, f->folder, seg.number);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(try_start(f), GN_EPARSE);
    assert_null(f->journal);
    f->config.accept_gaps = true;
    start(f);
    assert_int_equal(f->owner.lost_first, seg.first_sequence);
    assert_int_equal(f->owner.lost, seg.end_sequence - seg.first_sequence);
    assert_int_equal(gn_journal_next(f->journal), 101);
}

/* Two files go, one after another, each with the consent of one start. */
static void a_gap_that_was_accepted_is_accepted_for_good(void **state)
{
    struct fixture *f = *state;
    struct gn_journal_segment seg[5];
    char path[512];

    start(f);
    events(f, 200);
    for (size_t i = 0; i < GN_LEN(seg); i++)
        assert_true(gn_journal_segment_at(f->journal, i, &seg[i]));
    stop(f);
    for (size_t i = 1; i < GN_LEN(seg); i += 2) {
        path_of(path, f->folder, seg[i].number);
        assert_int_equal(unlink(path), 0);
        assert_int_equal(try_start(f), GN_EPARSE);
        f->config.accept_gaps = true;
        start(f);
        stop(f);
        f->config.accept_gaps = false;
        start(f);
        assert_int_equal(f->owner.lost_first, seg[1].first_sequence);
        stop(f);
    }
    (void)snprintf(path, sizeof path, "%s/0000000002-0000000002.gap", f->folder);
    assert_int_equal(access(path, F_OK), 0);
    for (uint64_t number = 1; number <= 3; number += 2) {
        char old[512];

        path_of(old, f->folder, number);
        assert_int_equal(unlink(old), 0);
    }
    start(f); /* it lies between no segments any more */
    assert_int_not_equal(access(path, F_OK), 0);
}

static void a_stray_file_with_a_huge_number_makes_one_gap(void **state)
{
    static const char *const contents[] = {NULL, "", "no segment"}; /* NULL: the last segment's */
    struct fixture *f = *state;
    char path[512], stray[512];

    for (size_t i = 0; i < GN_LEN(contents); i++) {
        start(f);
        events(f, 100);
        path_of(path, f->folder, status_of(f).segments);
        stop(f);
        path_of(stray, f->folder, 9999999999);
        if (contents[i] == NULL)
            assert_int_equal(rename(path, stray), 0);
        else
            write_file(stray, gn_str_of(contents[i]));
        for (int k = 0; k < 2; k++) { /* nothing was changed */
            assert_int_equal(try_start(f), GN_EPARSE);
            assert_int_equal(access(stray, F_OK), 0);
        }
        f->config.accept_gaps = true;
        start(f);
        f->config.accept_gaps = false;
        events(f, 50);
        restart(f);
        stop(f);
        remove_folder(f->folder);
    }
}

static void a_segment_of_another_version_is_a_reason_not_to_start(void **state)
{
    struct fixture *f = *state;
    char path[512];
    int fd;

    start(f);
    events(f, 5);
    stop(f);
    path_of(path, f->folder, 1);
    fd = open(path, O_WRONLY | O_CLOEXEC);
    assert_int_equal(pwrite(fd, "\x02\0\0\0else", 8, 8), 8);
    assert_int_equal(close(fd), 0);
    assert_int_equal(try_start(f), GN_EUNSUPPORTED);
}

static void a_folder_that_cannot_be_used_is_a_reason_not_to_start(void **state)
{
    struct fixture *f = *state;

    write_file(f->folder, GN_STR("x"));
    assert_int_equal(try_start(f), GN_EIO);
}

static void a_segment_without_a_header_is_put_aside(void **state)
{
    struct fixture *f = *state;
    struct gn_journal_segment seg;
    char path[512];

    start(f);
    events(f, 100);
    assert_true(gn_journal_segment_at(f->journal, 1, &seg));
    stop(f);
    path_of(path, f->folder, seg.number);
    write_file(path, GN_STR("this was a segment once, but somebody has written over it, "
                            "and not even a single frame of it is left to be read"));
    for (int i = 0; i < 2; i++) { /* the next start knows where it went */
        start(f);
        assert_int_equal(f->owner.lost, seg.end_sequence - seg.first_sequence);
        assert_int_equal(f->owner.lost_first, seg.first_sequence);
        stop(f);
    }
    assert_int_not_equal(access(path, F_OK), 0);
    start(f);
}

/* A journal of one segment with five events; a byte of its header is another. */
static void start_with_bad_header(struct fixture *f, off_t at)
{
    char path[512], byte;
    int fd;

    start(f);
    events(f, 5);
    stop(f);
    path_of(path, f->folder, 1);
    fd = open(path, O_RDWR | O_CLOEXEC);
    assert_int_equal(pread(fd, &byte, 1, at), 1);
    byte ^= 4;
    assert_int_equal(pwrite(fd, &byte, 1, at), 1);
    assert_int_equal(close(fd), 0);
    start(f);
    assert_int_equal(status_of(f).damaged, 1);
}

static void the_only_segment_with_a_bad_header_is_read_all_the_same(void **state)
{
    struct fixture *f = *state;

    for (off_t at = 0; at < GN_SEGMENT_HEADER; at++) {
        if (at >= 48 && at < 52)
            continue; /* the salt */
        start_with_bad_header(f, at);
        assert_int_equal(f->owner.events, 5);
        assert_int_equal(f->owner.lost, 0);
        assert_int_equal(gn_journal_next(f->journal), 6);
        stop(f);
        remove_folder(f->folder);
    }
}

static void without_its_salt_the_only_segment_is_put_aside(void **state)
{
    struct fixture *f = *state;

    start_with_bad_header(f, 50);
    assert_true(gn_journal_next(f->journal) > 5); /* none is given twice */
    assert_int_equal(f->owner.lost, gn_journal_next(f->journal) - 1);
}

static void other_files_and_leftovers_are_no_trouble(void **state)
{
    struct fixture *f = *state;
    char path[512];

    start(f);
    events(f, 5);
    stop(f);
    (void)snprintf(path, sizeof path, "%s/README", f->folder);
    write_file(path, GN_STR("x"));
    (void)snprintf(path, sizeof path, "%s/0000000001.seg.tmp", f->folder);
    write_file(path, GN_STR("x"));
    path_of(path, f->folder, 2);
    write_file(path, GN_STR("")); /* a crash while it was made */
    start(f);
    assert_int_equal(f->owner.events, 5);
    assert_int_equal(status_of(f).segments, 2);
    (void)snprintf(path, sizeof path, "%s/0000000001.seg.tmp", f->folder);
    assert_int_not_equal(access(path, F_OK), 0);
    (void)snprintf(path, sizeof path, "%s/README", f->folder);
    assert_int_equal(access(path, F_OK), 0);
}

static void starting_many_times_leaves_nothing_behind(void **state)
{
    struct fixture *f = *state;

    start(f);
    events(f, 5);
    for (int i = 0; i < 20; i++) {
        restart(f);
        assert_int_equal(f->owner.indexed + f->owner.events, 5);
        assert_int_equal(gn_journal_next(f->journal), 6);
    }
}

/* ---- in memory ---- */

static void in_memory_all_is_durable_at_once_and_readable(void **state)
{
    struct fixture *f = *state;
    struct gn_journal_reader *reader;
    struct reading reading = {0};
    struct waiter w;
    enum gn_err err = GN_OK;

    f->config.folder = "";
    f->config.max_bytes = 20 * 4096;
    start(f);
    event(f);
    assert_true(is_durable(f));
    wait_for(f, &w);
    assert_int_equal(w.calls, 0);
    turn(f);
    assert_int_equal(w.err, GN_OK);
    assert_int_equal(w.calls, 1);
    assert_int_equal(gn_journal_durable_next(f->journal), 1);
    reader = gn_journal_reader_new(f->journal, 1);
    read_block(f, reader, 1000, &reading); /* has what is pending written */
    UNTIL(f, gn_journal_durable_next(f->journal) == 2);
    read_block(f, reader, 1000, &reading);
    assert_int_equal(f->owner.events, 1);
    gn_journal_reader_free(reader);
    for (int i = 0; err == GN_OK && i < 2000; i++) {
        err = try_event(f, 1, 100);
        turn(f);
    }
    assert_int_equal(err, GN_EFULL);
    assert_in_range(status_of(f).bytes, 18 * 4096, 20 * 4096);
    rewrite(f, 2, 3);
    for (int i = 0; i < 300; i++) {
        gn_journal_set_needed(f->journal, gn_journal_next(f->journal));
        event(f);
        turn(f);
    }
    assert_true(status_of(f).first_sequence > 100);
    assert_true(status_of(f).is_in_memory);
    restart(f);
    assert_int_equal(gn_journal_next(f->journal), 1);
}

static void in_memory_a_reader_sees_all_segments(void **state)
{
    struct fixture *f = *state;
    struct gn_journal_reader *reader;
    struct reading reading = {0};

    f->config.folder = "";
    start(f);
    for (int i = 0; i < 300; i++)
        event(f);
    reader = gn_journal_reader_new(f->journal, 1);
    read_block(f, reader, 2000, &reading);
    UNTIL(f, gn_journal_durable_next(f->journal) == 301);
    do
        read_block(f, reader, 2000, &reading);
    while (!reading.block.is_end);
    assert_int_equal(f->owner.events, 300);
    gn_journal_reader_free(reader);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(all_that_came_in_a_turn_shares_one_sync),
        TEST(what_was_appended_is_given_after_a_restart),
        TEST(closing_writes_what_is_pending),
        TEST(records_without_events_are_written_late_unless_somebody_waits),
        TEST(a_wait_can_be_taken_back_and_run_out),
        TEST(more_than_may_be_pending_is_refused),
        TEST(segments_end_with_an_index_and_begin_with_a_checkpoint),
        TEST(segments_can_be_looked_at_in_any_order_while_they_go),
        TEST(old_segments_are_not_read_for_their_index),
        TEST(a_record_larger_than_a_segment_has_one_of_its_own),
        TEST(a_checkpoint_larger_than_a_segment_leaves_room_for_records),
        TEST(the_clock_goes_on_where_it_stood),
        TEST(a_segment_that_was_not_sealed_ended_with_its_last_record),
        TEST(a_reader_gives_all_events_whatever_the_size_of_blocks),
        TEST(a_reader_goes_on_when_more_has_become_durable),
        TEST(a_read_under_way_survives_its_reader_and_the_journal),
        TEST(a_reader_may_be_freed_when_closing_cancels_its_read),
        TEST(when_full_events_are_refused_until_old_ones_are_not_needed),
        TEST(what_nobody_needs_goes_when_it_is_old),
        TEST(the_spare_part_of_the_disk_is_left_to_others),
        TEST(a_rewritten_segment_holds_what_was_kept),
        TEST(only_closed_segments_are_rewritten_one_at_a_time),
        TEST(a_segment_that_waits_to_be_cut_is_not_rewritten),
        TEST(an_unsealed_segment_can_be_rewritten_without_a_loss_being_told),
        TEST(a_failed_write_is_told_and_made_good_later),
        TEST(a_failure_in_several_segments_at_once_is_made_good),
        TEST(a_write_that_fails_in_a_new_segment_is_made_good_under_its_number),
        TEST(a_number_that_is_taken_is_passed_over),
        TEST(waits_during_a_failure_end_when_it_does),
        TEST(closing_a_journal_that_fails_gives_up),
        TEST(copies_of_records_are_passed_over),
        TEST(what_a_failed_sync_has_lost_is_taken_from_its_copy),
        TEST(what_was_not_written_again_does_not_come_back_later),
        TEST(a_folder_that_could_not_be_synced_leaves_no_gap),
        TEST(whatever_syncs_fail_what_was_acknowledged_is_there),
        TEST(what_a_crash_left_in_memory_only_is_synced_by_recovery),
        TEST(the_figures_say_what_there_is),
        TEST(a_segment_that_was_removed_is_replaced_and_its_loss_told),
        TEST(a_folder_that_was_removed_is_made_again),
        TEST(a_file_in_the_place_of_the_folder_is_waited_out),
        TEST(a_reader_passes_a_segment_that_was_taken_away),
        TEST(a_copy_taken_at_any_time_recovers_what_was_durable),
        TEST(any_flipped_byte_costs_its_own_record_at_most),
        TEST(any_length_of_the_last_segment_is_a_whole_journal),
        TEST(a_cut_in_an_earlier_segment_is_told),
        TEST(damaged_bytes_are_kept_the_newest_of_them),
        TEST(damage_that_comes_later_is_found_by_the_readers),
        TEST(the_index_of_a_damaged_last_segment_is_not_trusted),
        TEST(a_missing_segment_is_a_reason_not_to_start),
        TEST(a_gap_that_was_accepted_is_accepted_for_good),
        TEST(a_stray_file_with_a_huge_number_makes_one_gap),
        TEST(a_segment_of_another_version_is_a_reason_not_to_start),
        TEST(a_folder_that_cannot_be_used_is_a_reason_not_to_start),
        TEST(a_segment_without_a_header_is_put_aside),
        TEST(the_only_segment_with_a_bad_header_is_read_all_the_same),
        TEST(without_its_salt_the_only_segment_is_put_aside),
        TEST(other_files_and_leftovers_are_no_trouble),
        TEST(starting_many_times_leaves_nothing_behind),
        TEST(in_memory_all_is_durable_at_once_and_readable),
        TEST(in_memory_a_reader_sees_all_segments),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
