/* Segments: files with a header and frames, written, cut, damaged and looked through. */
#include "gurnard/store/segment.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "gurnard/base/crc32c.h"
#include "gurnard/base/pack.h"
#include "segment_priv.h"

#define SALT       0x5a17beefU
#define FRAMES_MAX 64

static const struct gn_segment_header sample = {
    .number = 42,
    .first_sequence = 1000,
    .clock_ms = 123456789012,
    .created_ns = 1700000000123456789,
    .salt = SALT,
};

static char root[] = "/tmp/gn_test_segment.XXXXXX";
static int dir_fd = -1;

static int make_root(void **state)
{
    (void)state;
    if (mkdtemp(root) == NULL)
        return -1;
    dir_fd = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return dir_fd < 0 ? -1 : 0;
}

static int remove_root(void **state)
{
    char command[64];

    (void)state;
    (void)close(dir_fd);
    (void)snprintf(command, sizeof command, "rm -rf %s", root);
    return system(command);
}

/* Each test begins with an empty folder. */
static int clear_root(void **state)
{
    char command[64];

    (void)state;
    (void)snprintf(command, sizeof command, "rm -rf %s/*", root);
    return system(command);
}

static uint64_t size_of(int fd)
{
    struct stat st;

    assert_int_equal(fstat(fd, &st), 0);
    return (uint64_t)st.st_size;
}

static bool is_there(const char *name)
{
    struct stat st;

    return fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0;
}

/* Frames as they were made, and as a scan found them. */
struct frames {
    struct gn_buf bytes;
    size_t count;
    uint64_t start[FRAMES_MAX], sequence[FRAMES_MAX], checked_end[FRAMES_MAX];
    uint32_t crc[FRAMES_MAX]; /* of the payload */
};

static void note(struct frames *f, const struct gn_record *record, uint64_t offset)
{
    assert_true(f->count < FRAMES_MAX);
    f->start[f->count] = offset;
    f->checked_end[f->count] = offset + GN_FRAME_HEADER + record->payload.len;
    f->sequence[f->count] = record->sequence;
    f->crc[f->count] = gn_crc32c(0, record->payload.p, record->payload.len);
    f->count++;
}

static void add_frame(struct frames *f, uint32_t salt, struct gn_str payload)
{
    const struct gn_record record = {
        .sequence = 1000 + f->count,
        .clock_ms = 7,
        .count = 1,
        .type = GN_RECORD_OWNER,
        .payload = payload,
    };

    note(f, &record, GN_SEGMENT_HEADER + f->bytes.len);
    gn_frame_add(&f->bytes, salt, &record);
    assert_int_equal(gn_buf_err(&f->bytes), GN_OK);
}

/* count frames with payloads of growing length, the first one empty. */
static struct frames small_frames(size_t count)
{
    struct frames f = {.bytes = GN_BUF_INIT};
    char payload[FRAMES_MAX * 5];

    for (size_t i = 0; i < count; i++) {
        memset(payload, (int)('a' + i % 26), sizeof payload);
        add_frame(&f, SALT, (struct gn_str){payload, i * 5});
    }
    return f;
}

/* Bytes that look random, the same each time. */
static char *noise(size_t len)
{
    char *bytes = malloc(len);
    uint64_t x = 88172645463325252ULL;

    assert_non_null(bytes);
    for (size_t i = 0; i < len; i++) {
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
        bytes[i] = (char)x;
    }
    return bytes;
}

static int in_memory(struct gn_str frames)
{
    int fd;

    assert_int_equal(gn_segment_create(-1, &sample, 1 << 20, &fd), GN_OK);
    assert_int_equal(gn_segment_write(fd, frames, GN_SEGMENT_HEADER, false), GN_OK);
    return fd;
}

/* What was told. */
struct told {
    struct frames frames;
    size_t damages;
    struct gn_segment_damage damage[FRAMES_MAX];
    struct gn_buf shown; /* of the last damage */
    enum gn_err answer;  /* what record() returns */
};

static enum gn_err on_record(void *ctx, const struct gn_record *record, uint64_t offset)
{
    struct told *told = ctx;

    assert_int_equal(record->type, GN_RECORD_OWNER);
    note(&told->frames, record, offset);
    return told->answer;
}

static void on_damage(void *ctx, const struct gn_segment_damage *damage, struct gn_str bytes)
{
    struct told *told = ctx;

    assert_true(told->damages < FRAMES_MAX);
    told->damage[told->damages++] = *damage;
    gn_buf_reset(&told->shown);
    gn_buf_add_str(&told->shown, bytes);
}

static struct gn_segment_visitor visitor_of(struct told *told)
{
    told->shown = told->frames.bytes = GN_BUF_INIT;
    return (struct gn_segment_visitor){on_record, on_damage, told};
}

static uint64_t scan(int fd, uint64_t end, struct told *told)
{
    const struct gn_segment_visitor visitor = visitor_of(told);
    uint64_t end_of_frames = 0;

    assert_int_equal(gn_segment_scan(fd, SALT, GN_SEGMENT_HEADER, end, &visitor, &end_of_frames),
                     GN_OK);
    return end_of_frames;
}

static void assert_same_frame(const struct frames *got, size_t g, const struct frames *want,
                              size_t w)
{
    assert_int_equal(got->start[g], want->start[w]);
    assert_int_equal(got->sequence[g], want->sequence[w]);
    assert_int_equal(got->checked_end[g], want->checked_end[w]);
    assert_int_equal(got->crc[g], want->crc[w]);
}

/* All frames but that at place missing (none: SIZE_MAX). */
static void assert_frames(const struct frames *got, const struct frames *want, size_t missing)
{
    size_t g = 0;

    assert_int_equal(got->count, want->count - (missing < want->count ? 1 : 0));
    for (size_t w = 0; w < want->count; w++) {
        if (w != missing)
            assert_same_frame(got, g++, want, w);
    }
}

/* ---- names ---- */

static void a_number_is_written_as_ten_digits_or_more(void **state)
{
    static const struct {
        uint64_t number;
        const char *name;
    } rows[] = {
        {0, "0000000000.seg"},
        {42, "0000000042.seg"},
        {9999999999, "9999999999.seg"},
        {10000000000, "10000000000.seg"},
        {UINT64_MAX, "18446744073709551615.seg"},
    };
    char name[GN_SEGMENT_NAME_MAX];
    uint64_t number;

    (void)state;
    for (size_t i = 0; i < GN_LEN(rows); i++) {
        gn_segment_name(rows[i].number, name);
        assert_string_equal(name, rows[i].name);
        number = 77;
        assert_true(gn_segment_parse_name(name, &number));
        assert_int_equal(number, rows[i].number);
    }
}

static void other_names_are_no_segments(void **state)
{
    static const char *const names[] = {
        "",
        ".seg",
        "lock",
        "42.seg",
        "0000000042",
        "0000000042.",
        "0000000042.segm",
        "0000000042.seg.tmp",
        "0000000042.SEG",
        "00000000042.seg",
        " 000000042.seg",
        "+000000042.seg",
        "-000000042.seg",
        "-1.seg",
        "000000004x.seg",
        "0x00000042.seg",
        "18446744073709551616.seg",
        "99999999999999999999999999999999.seg",
    };
    uint64_t number = 77;

    (void)state;
    for (size_t i = 0; i < GN_LEN(names); i++)
        assert_false(gn_segment_parse_name(names[i], &number));
    assert_int_equal(number, 77);
}

/* ---- the file ---- */

static void a_made_segment_is_private_and_has_its_room(void **state)
{
    struct stat st;
    int fd;

    (void)state;
    assert_int_equal(gn_segment_create(dir_fd, &sample, 1 << 20, &fd), GN_OK);
    assert_int_equal(fstat(fd, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0600);
    assert_int_equal(st.st_size, 1 << 20);
    assert_true(st.st_blocks * 512 >= 1 << 20);
    assert_int_equal(fcntl(fd, F_GETFD), FD_CLOEXEC);
    assert_true(is_there("0000000042.seg"));
    assert_int_equal(close(fd), 0);
}

static void a_header_is_read_back_as_it_was_written(void **state)
{
    struct gn_segment_header header;
    uint32_t version;
    uint64_t size;
    int fd;

    (void)state;
    assert_int_equal(gn_segment_create(dir_fd, &sample, 4096, &fd), GN_OK);
    assert_int_equal(close(fd), 0);
    assert_int_equal(gn_segment_open(dir_fd, 42, &header, &size, &version, &fd), GN_OK);
    assert_int_equal(header.number, sample.number);
    assert_int_equal(header.first_sequence, sample.first_sequence);
    assert_int_equal(header.clock_ms, sample.clock_ms);
    assert_int_equal(header.created_ns, sample.created_ns);
    assert_int_equal(header.salt, sample.salt);
    assert_int_equal(size, 4096);
    assert_int_equal(version, GN_SEGMENT_VERSION);
    assert_int_equal(close(fd), 0);
}

static void a_header_has_the_described_layout(void **state)
{
    struct gn_buf want = GN_BUF_INIT;
    char got[GN_SEGMENT_HEADER];
    int fd = in_memory(GN_STR_NONE);
    uint32_t crc;

    (void)state;
    gn_buf_puts(&want, "gnjrnl\r\n");
    gn_pack_u32(&want, 1);
    gn_pack_u32(&want, 0);
    gn_pack_u64(&want, sample.number);
    gn_pack_u64(&want, sample.first_sequence);
    gn_pack_u64(&want, sample.clock_ms);
    gn_pack_u64(&want, (uint64_t)sample.created_ns);
    gn_pack_u32(&want, sample.salt);
    for (size_t i = 0; i < 3; i++)
        gn_pack_u32(&want, 0);
    assert_int_equal(want.len, GN_SEGMENT_HEADER);
    crc = gn_crc32c(0, want.data, want.len);
    for (size_t i = 0; i < 4; i++)
        want.data[12 + i] = (char)(crc >> 8 * i);
    assert_int_equal(pread(fd, got, sizeof got, 0), sizeof got);
    assert_memory_equal(got, want.data, sizeof got);
    gn_buf_free(&want);
    assert_int_equal(close(fd), 0);
}

static void a_second_segment_of_a_number_is_refused(void **state)
{
    int fd, second;

    (void)state;
    assert_int_equal(gn_segment_create(dir_fd, &sample, 4096, &fd), GN_OK);
    assert_int_equal(gn_segment_create(dir_fd, &sample, 4096, &second), GN_EEXIST);
    assert_int_equal(second, -1);
    assert_int_equal(close(fd), 0);
}

/* A limit on the size of files stands for a full disk: the kernel refuses in the same places. */
static void limit_files(rlim_t bytes)
{
    struct rlimit limit;

    assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
    limit.rlim_cur = bytes;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
    assert_true(signal(SIGXFSZ, SIG_IGN) != SIG_ERR);
}

static void a_segment_without_room_leaves_nothing_behind(void **state)
{
    static const uint64_t sizes[] = {4096, 1 << 20};
    enum gn_err err;
    int fd, cause;

    (void)state;
    for (size_t i = 0; i < GN_LEN(sizes); i++) {
        limit_files(sizes[i] == 4096 ? 32 : 65536);
        err = gn_segment_create(dir_fd, &sample, sizes[i], &fd);
        cause = errno;
        limit_files(RLIM_INFINITY);
        assert_int_equal(err, GN_EIO);
        assert_int_equal(cause, EFBIG);
        assert_int_equal(fd, -1);
        assert_false(is_there("0000000042.seg"));
    }
}

static void a_folder_that_is_gone_is_an_error(void **state)
{
    struct gn_segment_header header;
    uint32_t version;
    uint64_t size;
    int fd, gone;

    (void)state;
    assert_int_equal(mkdirat(dir_fd, "gone", 0700), 0);
    gone = openat(dir_fd, "gone", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_true(gone >= 0);
    assert_int_equal(unlinkat(dir_fd, "gone", AT_REMOVEDIR), 0);
    assert_int_equal(gn_segment_create(gone, &sample, 4096, &fd), GN_EIO);
    assert_int_equal(errno, ENOENT);
    assert_int_equal(gn_segment_open(gone, 42, &header, &size, &version, &fd), GN_ENOTFOUND);
    assert_int_equal(gn_segment_remove(gone, 42), GN_EIO);
    assert_int_equal(close(gone), 0);
}

static void a_removed_segment_is_gone(void **state)
{
    struct gn_segment_header header;
    uint32_t version;
    uint64_t size;
    int fd;

    (void)state;
    assert_int_equal(gn_segment_create(dir_fd, &sample, 4096, &fd), GN_OK);
    assert_int_equal(close(fd), 0);
    assert_int_equal(gn_segment_remove(dir_fd, 42), GN_OK);
    assert_int_equal(gn_segment_open(dir_fd, 42, &header, &size, &version, &fd), GN_ENOTFOUND);
    assert_int_equal(fd, -1);
    assert_int_equal(gn_segment_remove(dir_fd, 42), GN_EIO);
    assert_int_equal(errno, ENOENT);
}

static void what_is_no_plain_file_is_not_opened(void **state)
{
    struct gn_segment_header header;
    uint32_t version;
    uint64_t size;
    int fd;

    (void)state;
    assert_int_equal(mkfifoat(dir_fd, "0000000001.seg", 0600), 0);
    assert_int_equal(mkdirat(dir_fd, "0000000002.seg", 0700), 0);
    assert_int_equal(gn_segment_create(dir_fd, &sample, 4096, &fd), GN_OK);
    assert_int_equal(close(fd), 0);
    assert_int_equal(symlinkat("0000000042.seg", dir_fd, "0000000003.seg"), 0);
    for (uint64_t number = 1; number <= 3; number++) {
        assert_int_equal(gn_segment_open(dir_fd, number, &header, &size, &version, &fd), GN_EIO);
        assert_int_equal(fd, -1);
    }
}

static void put_file(const char *name, const void *bytes, size_t len)
{
    int fd = openat(dir_fd, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

    assert_true(fd >= 0);
    assert_int_equal(write(fd, bytes, len), len);
    assert_int_equal(close(fd), 0);
}

/* Opens segment 42 made of these bytes. */
static enum gn_err open_bytes(const void *bytes, size_t len, uint32_t *version)
{
    struct gn_segment_header header = {.number = 77};
    uint64_t size;
    enum gn_err err;
    int fd;

    put_file("0000000042.seg", bytes, len);
    err = gn_segment_open(dir_fd, 42, &header, &size, version, &fd);
    assert_int_equal(err == GN_OK, fd >= 0);
    assert_int_equal(header.number, err == GN_OK ? 42 : 77);
    if (fd >= 0)
        assert_int_equal(close(fd), 0);
    return err;
}

static void read_sample_header(char bytes[GN_SEGMENT_HEADER])
{
    int fd = in_memory(GN_STR_NONE);

    assert_int_equal(pread(fd, bytes, GN_SEGMENT_HEADER, 0), GN_SEGMENT_HEADER);
    assert_int_equal(close(fd), 0);
}

static void any_damage_to_a_header_is_noticed(void **state)
{
    char bytes[GN_SEGMENT_HEADER];
    uint32_t version;

    (void)state;
    read_sample_header(bytes);
    assert_int_equal(open_bytes(bytes, sizeof bytes, &version), GN_OK);
    for (size_t at = 0; at < sizeof bytes; at++) {
        for (unsigned bit = 0; bit < 8; bit++) {
            bytes[at] = (char)((unsigned char)bytes[at] ^ 1U << bit);
            assert_int_equal(open_bytes(bytes, sizeof bytes, &version), GN_EPARSE);
            bytes[at] = (char)((unsigned char)bytes[at] ^ 1U << bit);
        }
    }
    for (size_t len = 0; len < sizeof bytes; len++)
        assert_int_equal(open_bytes(bytes, len, &version), GN_EPARSE);
}

static void the_salt_is_guessed_from_a_damaged_header(void **state)
{
    char bytes[GN_SEGMENT_HEADER];
    uint32_t salt;
    int fd;

    (void)state;
    read_sample_header(bytes);
    memcpy(&salt, bytes + 48, sizeof salt);
    bytes[20] = '?';
    put_file("0000000042.seg", bytes, sizeof bytes);
    fd = openat(dir_fd, "0000000042.seg", O_RDWR | O_CLOEXEC);
    assert_int_equal(gn_segment_guess_salt(fd), le32toh(salt));
    assert_int_equal(ftruncate(fd, GN_SEGMENT_HEADER - 1), 0);
    assert_int_equal(gn_segment_guess_salt(fd), 0);
    assert_int_equal(close(fd), 0);
    assert_int_equal(gn_segment_guess_salt(-1), 0);
}

static void a_version_from_the_future_is_told(void **state)
{
    char bytes[GN_SEGMENT_HEADER];
    uint32_t version;

    (void)state;
    memset(bytes, 'x', sizeof bytes);
    memcpy(bytes, "gnjrnl\r\n\x02\x01\0", 12);
    assert_int_equal(open_bytes(bytes, sizeof bytes, &version), GN_EUNSUPPORTED);
    assert_int_equal(version, 0x102);
    assert_int_equal(open_bytes(bytes, 12, &version), GN_EUNSUPPORTED);
    bytes[0] = 'G';
    assert_int_equal(open_bytes(bytes, sizeof bytes, &version), GN_EPARSE);
    assert_int_equal(version, 0);
}

static void a_segment_under_the_name_of_another_is_damaged(void **state)
{
    struct gn_segment_header header;
    char bytes[GN_SEGMENT_HEADER];
    uint32_t version;
    uint64_t size;
    int fd;

    (void)state;
    read_sample_header(bytes);
    put_file("0000000043.seg", bytes, sizeof bytes);
    assert_int_equal(gn_segment_open(dir_fd, 43, &header, &size, &version, &fd), GN_EPARSE);
    assert_int_equal(fd, -1);
}

static void a_write_to_an_unlinked_file_is_no_success(void **state)
{
    int fd;

    (void)state;
    assert_int_equal(gn_segment_create(dir_fd, &sample, 4096, &fd), GN_OK);
    assert_int_equal(gn_segment_write(fd, GN_STR("abc"), GN_SEGMENT_HEADER, true), GN_OK);
    assert_int_equal(gn_segment_write(fd, GN_STR_NONE, GN_SEGMENT_HEADER, true), GN_OK);
    assert_int_equal(unlinkat(dir_fd, "0000000042.seg", 0), 0);
    assert_int_equal(gn_segment_write(fd, GN_STR("abc"), GN_SEGMENT_HEADER, true), GN_EIO);
    assert_int_equal(errno, ENOENT);
    assert_int_equal(close(fd), 0);
}

static void a_write_that_fails_half_way_is_told(void **state)
{
    char bytes[4096] = {0};
    enum gn_err err;
    int fd, cause;

    (void)state;
    assert_int_equal(gn_segment_create(dir_fd, &sample, 1024, &fd), GN_OK);
    limit_files(2048);
    err = gn_segment_write(fd, (struct gn_str){bytes, sizeof bytes}, GN_SEGMENT_HEADER, true);
    cause = errno;
    limit_files(RLIM_INFINITY);
    assert_int_equal(err, GN_EIO);
    assert_int_equal(cause, EFBIG);
    assert_int_equal(size_of(fd), 2048);
    assert_int_equal(close(fd), 0);
    assert_int_equal(gn_segment_write(-1, GN_STR("abc"), 0, false), GN_EIO);
    assert_int_equal(errno, EBADF);
    assert_int_equal(gn_segment_write(-1, GN_STR_NONE, 0, true), GN_EIO);
}

static void a_cut_file_ends_behind_its_frames(void **state)
{
    struct frames f = small_frames(3);
    const uint64_t end = GN_SEGMENT_HEADER + f.bytes.len;
    struct gn_segment_header header;
    struct told told = {0};
    uint32_t version;
    uint64_t size;
    int fd;

    (void)state;
    assert_int_equal(gn_segment_create(dir_fd, &sample, 1 << 20, &fd), GN_OK);
    assert_int_equal(gn_segment_write(fd, gn_buf_str(&f.bytes), GN_SEGMENT_HEADER, true), GN_OK);
    assert_int_equal(close(fd), 0);
    assert_int_equal(gn_segment_open(dir_fd, 42, &header, &size, &version, &fd), GN_OK);
    assert_int_equal(size, 1 << 20);
    assert_int_equal(scan(fd, size, &told), end);
    assert_int_equal(told.damages, 0);
    assert_frames(&told.frames, &f, SIZE_MAX);
    assert_int_equal(gn_segment_cut(fd, end), GN_OK);
    assert_int_equal(size_of(fd), end);
    assert_int_equal(close(fd), 0);
    assert_int_equal(gn_segment_cut(-1, end), GN_EIO);
    gn_buf_free(&f.bytes);
}

/* ---- scans ---- */

static void a_segment_in_memory_is_scanned_like_a_file(void **state)
{
    struct frames f = small_frames(20);
    struct told told = {0};
    int fd = in_memory(gn_buf_str(&f.bytes));

    (void)state;
    assert_int_equal(scan(fd, size_of(fd), &told), GN_SEGMENT_HEADER + f.bytes.len);
    assert_frames(&told.frames, &f, SIZE_MAX);
    assert_int_equal(told.damages, 0);
    gn_buf_free(&f.bytes);
    assert_int_equal(close(fd), 0);
}

static void a_segment_without_frames_ends_where_it_begins(void **state)
{
    struct told told = {0};
    int fd = in_memory(GN_STR_NONE);

    (void)state;
    for (uint64_t size = GN_SEGMENT_HEADER; size < GN_SEGMENT_HEADER + 100; size++) {
        assert_int_equal(ftruncate(fd, (off_t)size), 0);
        assert_int_equal(scan(fd, size, &told), GN_SEGMENT_HEADER);
    }
    assert_int_equal(ftruncate(fd, 3 << 20), 0);
    assert_int_equal(scan(fd, 3 << 20, &told), GN_SEGMENT_HEADER);
    assert_int_equal(scan(fd, 0, &told), GN_SEGMENT_HEADER);
    assert_int_equal(told.frames.count + told.damages, 0);
    assert_int_equal(close(fd), 0);
}

static void an_error_of_the_visitor_ends_the_scan(void **state)
{
    struct frames f = small_frames(5);
    struct told told = {.answer = GN_EFULL};
    const struct gn_segment_visitor visitor = visitor_of(&told);
    int fd = in_memory(gn_buf_str(&f.bytes));
    uint64_t end;

    (void)state;
    assert_int_equal(gn_segment_scan(fd, SALT, GN_SEGMENT_HEADER, size_of(fd), &visitor, &end),
                     GN_EFULL);
    assert_int_equal(told.frames.count, 1);
    assert_int_equal(end, GN_SEGMENT_HEADER);
    assert_int_equal(close(fd), 0);
    assert_int_equal(gn_segment_scan(-1, SALT, GN_SEGMENT_HEADER, 4096, &visitor, &end), GN_EIO);
    assert_int_equal(errno, EBADF);
    gn_buf_free(&f.bytes);
}

static void a_visitor_may_leave_out_what_it_does_not_want(void **state)
{
    static const struct gn_segment_visitor nobody = {0};
    struct frames f = small_frames(5);
    int fd = in_memory(gn_buf_str(&f.bytes));
    uint64_t end;

    (void)state;
    assert_int_equal(gn_segment_write(fd, GN_STR("x"), f.start[2], false), GN_OK);
    assert_int_equal(gn_segment_scan(fd, SALT, GN_SEGMENT_HEADER, size_of(fd), &nobody, &end),
                     GN_OK);
    assert_int_equal(end, GN_SEGMENT_HEADER + f.bytes.len);
    gn_buf_free(&f.bytes);
    assert_int_equal(close(fd), 0);
}

static void a_file_shorter_than_said_ends_where_it_ends(void **state)
{
    struct frames f = small_frames(5);
    struct told told = {0};
    int fd = in_memory(gn_buf_str(&f.bytes));

    (void)state;
    assert_int_equal(scan(fd, 1 << 30, &told), GN_SEGMENT_HEADER + f.bytes.len);
    assert_frames(&told.frames, &f, SIZE_MAX);
    assert_int_equal(told.damages, 0);
    gn_buf_free(&f.bytes);
    assert_int_equal(close(fd), 0);
}

static void a_scan_stops_at_its_end_though_frames_follow(void **state)
{
    struct frames f = small_frames(5);
    struct told told = {0};
    int fd = in_memory(gn_buf_str(&f.bytes));

    (void)state;
    assert_int_equal(scan(fd, f.start[3], &told), f.start[3]);
    assert_int_equal(told.frames.count, 3);
    assert_int_equal(told.damages, 0);
    gn_buf_free(&f.bytes);
    assert_int_equal(close(fd), 0);
}

/* The frame that the byte at offset belongs to. */
static size_t frame_at(const struct frames *f, uint64_t offset)
{
    size_t place = f->count - 1;

    while (f->start[place] > offset)
        place--;
    return place;
}

static void assert_one_damage(const struct told *told, const struct frames *f, size_t place)
{
    const bool is_last = place == f->count - 1;
    const uint64_t end = is_last ? GN_SEGMENT_HEADER + f->bytes.len : f->start[place + 1];
    const struct gn_segment_damage *damage = &told->damage[0];

    assert_int_equal(told->damages, 1);
    assert_int_equal(damage->offset, f->start[place]);
    assert_int_equal(damage->is_tail, is_last);
    assert_int_equal(damage->bytes, end - f->start[place]);
    assert_int_equal(told->shown.len, damage->bytes);
}

static void a_damaged_byte_costs_no_more_than_its_record(void **state)
{
    static const unsigned char flips[] = {0xff, 0x01, 0x80, 0x20};
    struct frames f = small_frames(20);
    const uint64_t end = GN_SEGMENT_HEADER + f.bytes.len;
    int fd = in_memory(gn_buf_str(&f.bytes));

    (void)state;
    for (size_t i = 0; i < f.bytes.len * GN_LEN(flips); i++) {
        const char *old = &f.bytes.data[i / GN_LEN(flips)];
        const char flipped = (char)((unsigned char)*old ^ flips[i % GN_LEN(flips)]);
        const uint64_t at = GN_SEGMENT_HEADER + i / GN_LEN(flips);
        const size_t place = frame_at(&f, at);
        struct told told = {0};

        assert_int_equal(pwrite(fd, &flipped, 1, (off_t)at), 1);
        (void)scan(fd, end, &told);
        if (at >= f.checked_end[place]) { /* the zeros behind a payload mean nothing */
            assert_frames(&told.frames, &f, SIZE_MAX);
            assert_int_equal(told.damages, 0);
        } else {
            assert_frames(&told.frames, &f, place);
            assert_one_damage(&told, &f, place);
        }
        assert_int_equal(pwrite(fd, old, 1, (off_t)at), 1);
        gn_buf_free(&told.shown);
    }
    gn_buf_free(&f.bytes);
    assert_int_equal(close(fd), 0);
}

static void a_file_cut_anywhere_keeps_the_records_before(void **state)
{
    struct frames f = small_frames(20);
    int fd = in_memory(gn_buf_str(&f.bytes));

    (void)state;
    for (uint64_t len = GN_SEGMENT_HEADER + f.bytes.len - 1; len > GN_SEGMENT_HEADER; len--) {
        const size_t whole = frame_at(&f, len);
        struct told told = {0};

        assert_int_equal(ftruncate(fd, (off_t)len), 0);
        assert_int_equal(scan(fd, len, &told), f.start[whole]);
        assert_int_equal(told.frames.count, whole);
        assert_int_equal(told.damages, len == f.start[whole] ? 0 : 1);
        if (told.damages == 1) {
            assert_true(told.damage[0].is_tail);
            assert_int_equal(told.damage[0].offset, f.start[whole]);
            assert_int_equal(told.damage[0].bytes, len - f.start[whole]);
            assert_int_equal(told.shown.len, len - f.start[whole]);
        }
        gn_buf_free(&told.shown);
    }
    gn_buf_free(&f.bytes);
    assert_int_equal(close(fd), 0);
}

static void a_torn_write_into_zeros_is_a_short_tail(void **state)
{
    struct frames f = small_frames(20);
    const uint64_t end = GN_SEGMENT_HEADER + f.bytes.len;
    const char zero = 0;
    int fd = in_memory(gn_buf_str(&f.bytes));

    (void)state;
    assert_int_equal(ftruncate(fd, 1 << 20), 0);
    for (uint64_t len = end - 1; len >= GN_SEGMENT_HEADER; len--) {
        const size_t hit = frame_at(&f, len);
        struct told told = {0};

        if (f.bytes.data[len - GN_SEGMENT_HEADER] == zero)
            continue; /* a zero that was not written is none the less right */
        assert_int_equal(pwrite(fd, &zero, 1, (off_t)len), 1);
        (void)scan(fd, 1 << 20, &told);
        assert_int_equal(told.frames.count, hit);
        assert_int_equal(told.damages, len == f.start[hit] ? 0 : 1);
        if (told.damages == 1) {
            assert_true(told.damage[0].is_tail);
            assert_int_equal(told.damage[0].offset, f.start[hit]);
            assert_true(told.damage[0].bytes < len - f.start[hit] + GN_FRAME_ALIGN);
        }
        gn_buf_free(&told.shown);
    }
    gn_buf_free(&f.bytes);
    assert_int_equal(close(fd), 0);
}

static void a_hole_of_zeros_before_a_frame_is_damage(void **state)
{
    static const size_t holes[] = {8, 24, 32, 40, 4096, GN_SEGMENT_READ_AHEAD, 1 << 20};
    struct frames f = small_frames(2);
    const size_t first = (size_t)(f.start[1] - f.start[0]);
    const struct gn_str second = {f.bytes.data + first, f.bytes.len - first};

    (void)state;
    for (size_t i = 0; i < GN_LEN(holes); i++) {
        int fd = in_memory((struct gn_str){f.bytes.data, first});
        struct told told = {0};

        assert_int_equal(gn_segment_write(fd, second, f.start[1] + holes[i], false), GN_OK);
        (void)scan(fd, size_of(fd), &told);
        assert_int_equal(told.frames.count, 2);
        assert_int_equal(told.damages, 1);
        assert_int_equal(told.damage[0].offset, f.start[1]);
        assert_int_equal(told.damage[0].bytes, holes[i]);
        assert_false(told.damage[0].is_tail);
        gn_buf_free(&told.shown);
        assert_int_equal(close(fd), 0);
    }
    gn_buf_free(&f.bytes);
}

/* A frame's length, little-endian, stands behind its checksum. */
static void set_length(int fd, uint64_t frame, uint32_t len)
{
    unsigned char bytes[4];

    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (unsigned char)(len >> 8 * i);
    assert_int_equal(pwrite(fd, bytes, sizeof bytes, (off_t)frame + 4), sizeof bytes);
}

static void a_damaged_length_swallows_nothing(void **state)
{
    static const uint32_t lengths[] = {0, 1, 300, 900, 4096, GN_FRAME_PAYLOAD_MAX, UINT32_MAX};
    struct frames f = small_frames(20);
    int fd = in_memory(gn_buf_str(&f.bytes));

    (void)state;
    for (size_t i = 0; i < GN_LEN(lengths); i++) {
        struct told told = {0};

        set_length(fd, f.start[7], lengths[i]);
        (void)scan(fd, size_of(fd), &told);
        assert_frames(&told.frames, &f, 7);
        assert_one_damage(&told, &f, 7);
        gn_buf_free(&told.shown);
    }
    gn_buf_free(&f.bytes);
    assert_int_equal(close(fd), 0);
}

/* A record whose payload is a whole frame, behind whose damage a search looks. */
static size_t found_in_payload(uint32_t inner_salt)
{
    struct frames inner = {.bytes = GN_BUF_INIT}, f = {.bytes = GN_BUF_INIT};
    struct told told = {0};
    size_t count;
    int fd;

    add_frame(&inner, inner_salt, GN_STR("forged"));
    add_frame(&f, SALT, gn_buf_str(&inner.bytes));
    add_frame(&f, SALT, GN_STR("true"));
    fd = in_memory(gn_buf_str(&f.bytes));
    assert_int_equal(gn_segment_write(fd, GN_STR("x"), f.start[0], false), GN_OK);
    (void)scan(fd, size_of(fd), &told);
    count = told.frames.count;
    assert_same_frame(&told.frames, count - 1, &f, 1);
    assert_int_equal(close(fd), 0);
    gn_buf_free(&told.shown);
    gn_buf_free(&inner.bytes);
    gn_buf_free(&f.bytes);
    return count;
}

static void a_frame_forged_in_a_payload_is_not_found(void **state)
{
    (void)state;
    assert_int_equal(found_in_payload(SALT ^ 1), 1);
    assert_int_equal(found_in_payload(0), 1);
    assert_int_equal(found_in_payload(SALT), 2); /* the salt is what keeps it out */
}

static void a_frame_larger_than_the_read_ahead_is_whole(void **state)
{
    static const size_t sizes[] = {GN_SEGMENT_READ_AHEAD - 40, GN_SEGMENT_READ_AHEAD, 3 << 20, 5};
    char *bytes = noise(3 << 20);

    (void)state;
    for (size_t broken = 0; broken <= GN_LEN(sizes); broken++) {
        struct frames f = {.bytes = GN_BUF_INIT};
        struct told told = {0};
        int fd;

        for (size_t i = 0; i < GN_LEN(sizes); i++)
            add_frame(&f, SALT, (struct gn_str){bytes, sizes[i]});
        fd = in_memory(gn_buf_str(&f.bytes));
        if (broken < GN_LEN(sizes))
            assert_int_equal(gn_segment_write(fd, GN_STR("\x7f"), f.checked_end[broken] - 1, false),
                             GN_OK);
        (void)scan(fd, size_of(fd), &told);
        assert_frames(&told.frames, &f, broken);
        assert_int_equal(told.damages, broken < GN_LEN(sizes) ? 1 : 0);
        assert_int_equal(close(fd), 0);
        gn_buf_free(&told.shown);
        gn_buf_free(&f.bytes);
    }
    free(bytes);
}

/* Frames that begin at each place around the end of the first read-ahead, behind damage. */
static void a_search_finds_frames_across_its_reads(void **state)
{
    char *bytes = noise(2 * GN_SEGMENT_READ_AHEAD);
    struct frames f = small_frames(20);

    (void)state;
    for (size_t gap = 0; gap <= 160; gap += GN_FRAME_ALIGN) {
        const size_t len = GN_SEGMENT_READ_AHEAD - 80 + gap;
        int fd = in_memory((struct gn_str){bytes, len});
        struct told told = {0};

        assert_int_equal(gn_segment_write(fd, gn_buf_str(&f.bytes), GN_SEGMENT_HEADER + len, false),
                         GN_OK);
        assert_int_equal(scan(fd, size_of(fd), &told), GN_SEGMENT_HEADER + len + f.bytes.len);
        assert_int_equal(told.frames.count, f.count);
        assert_int_equal(told.damages, 1);
        assert_int_equal(told.damage[0].bytes, len);
        assert_int_equal(told.shown.len, len);
        assert_memory_equal(told.shown.data, bytes, len);
        assert_int_equal(close(fd), 0);
        gn_buf_free(&told.shown);
    }
    gn_buf_free(&f.bytes);
    free(bytes);
}

static void damage_of_a_whole_segment_is_passed_and_shown_in_part(void **state)
{
    const size_t len = (size_t)64 << 20;
    char *bytes = noise(len);
    struct frames f = small_frames(2);
    struct told told = {0};
    int fd = in_memory((struct gn_str){bytes, len});

    (void)state;
    assert_int_equal(gn_segment_write(fd, gn_buf_str(&f.bytes), GN_SEGMENT_HEADER + len, false),
                     GN_OK);
    (void)scan(fd, size_of(fd), &told);
    assert_int_equal(told.frames.count, 2);
    assert_int_equal(told.damages, 1);
    assert_int_equal(told.damage[0].bytes, len);
    assert_false(told.damage[0].is_tail);
    assert_int_equal(told.shown.len, GN_SEGMENT_DAMAGE_SHOWN);
    assert_memory_equal(told.shown.data, bytes, GN_SEGMENT_DAMAGE_SHOWN);
    assert_int_equal(close(fd), 0);
    gn_buf_free(&told.shown);
    gn_buf_free(&f.bytes);
    free(bytes);
}

/* Each 32 bytes name a frame of 8 MiB: without a limit, 6 TiB would be summed up. */
static void headers_made_to_cost_time_are_given_up(void **state)
{
    static const char header[GN_FRAME_HEADER] = {1, 2, 3, 4, 0, 0, 0x7f, 0, [24] = 16};
    const size_t len = (size_t)24 << 20;
    char *bytes = malloc(len);
    struct frames f = small_frames(20);
    struct told told = {0};
    int fd;

    (void)state;
    assert_non_null(bytes);
    for (size_t at = 0; at < len; at += sizeof header)
        memcpy(bytes + at, header, sizeof header);
    fd = in_memory((struct gn_str){bytes, len});
    assert_int_equal(gn_segment_write(fd, gn_buf_str(&f.bytes), GN_SEGMENT_HEADER + len, false),
                     GN_OK);
    (void)scan(fd, size_of(fd), &told);
    assert_int_equal(told.frames.count, f.count);
    assert_int_equal(told.damages, 1);
    assert_int_equal(close(fd), 0);
    gn_buf_free(&told.shown);
    gn_buf_free(&f.bytes);
    free(bytes);
}

/* ---- reads ---- */

/* Reads all in blocks of max_bytes, noting the sequences. */
static void read_all(int fd, uint64_t end, size_t max_bytes, struct told *told)
{
    const struct gn_segment_visitor visitor = visitor_of(told);
    struct gn_buf out = GN_BUF_INIT;
    uint64_t offset = GN_SEGMENT_HEADER;
    struct gn_record record;
    struct gn_str frames;

    for (;;) {
        size_t before = told->frames.count;

        assert_int_equal(gn_segment_read(fd, SALT, &offset, end, max_bytes, &visitor, &out), GN_OK);
        frames = gn_buf_str(&out);
        if (frames.len == 0)
            break;
        while (gn_frame_next(&frames, &record))
            note(&told->frames, &record, 0);
        assert_true(out.len <= max_bytes || told->frames.count == before + 1);
    }
    assert_int_equal(offset, end);
    gn_buf_free(&out);
}

static void assert_sequences(const struct frames *got, const struct frames *want, size_t missing)
{
    size_t g = 0;

    for (size_t w = 0; w < want->count; w++) {
        if (w == missing)
            continue;
        assert_int_equal(got->sequence[g], want->sequence[w]);
        assert_int_equal(got->crc[g], want->crc[w]);
        g++;
    }
    assert_int_equal(got->count, g);
}

static void reads_of_any_size_give_every_record_once(void **state)
{
    static const size_t sizes[] = {0, 1, 32, 33, 100, 333, 1000, 4096, (size_t)1 << 20, SIZE_MAX};
    struct frames f = small_frames(20);
    const uint64_t end = GN_SEGMENT_HEADER + f.bytes.len;
    int fd = in_memory(gn_buf_str(&f.bytes));

    (void)state;
    for (size_t i = 0; i < GN_LEN(sizes); i++) {
        struct told told = {0};

        read_all(fd, end, sizes[i], &told);
        assert_sequences(&told.frames, &f, SIZE_MAX);
        assert_int_equal(told.damages, 0);
    }
    gn_buf_free(&f.bytes);
    assert_int_equal(close(fd), 0);
}

static void a_read_tells_each_damage_once(void **state)
{
    static const size_t sizes[] = {0, 40, 333, 4096};
    struct frames f = small_frames(20);
    const uint64_t end = GN_SEGMENT_HEADER + f.bytes.len;

    (void)state;
    for (size_t i = 0; i < GN_LEN(sizes) * f.count; i++) {
        const size_t broken = i % f.count;
        int fd = in_memory(gn_buf_str(&f.bytes));
        struct told told = {0};

        assert_int_equal(gn_segment_write(fd, GN_STR("xy"), f.start[broken], false), GN_OK);
        read_all(fd, end, sizes[i / f.count], &told);
        assert_sequences(&told.frames, &f, broken);
        assert_one_damage(&told, &f, broken);
        gn_buf_free(&told.shown);
        assert_int_equal(close(fd), 0);
    }
    gn_buf_free(&f.bytes);
}

static void a_read_begins_and_ends_where_it_is_told(void **state)
{
    struct frames f = small_frames(20);
    struct told told = {0};
    const struct gn_segment_visitor visitor = visitor_of(&told);
    struct gn_buf out = GN_BUF_INIT;
    int fd = in_memory(gn_buf_str(&f.bytes));
    uint64_t offset = f.start[5];

    (void)state;
    assert_int_equal(gn_segment_read(fd, SALT, &offset, f.start[9], 1 << 20, &visitor, &out),
                     GN_OK);
    assert_int_equal(offset, f.start[9]);
    assert_int_equal(out.len, f.start[9] - f.start[5]);
    assert_memory_equal(out.data, f.bytes.data + f.start[5] - GN_SEGMENT_HEADER, out.len);
    assert_int_equal(gn_segment_read(fd, SALT, &offset, f.start[9], 1 << 20, &visitor, &out),
                     GN_OK);
    assert_int_equal(out.len, 0);
    assert_int_equal(offset, f.start[9]);
    gn_buf_free(&out);
    gn_buf_free(&f.bytes);
    assert_int_equal(close(fd), 0);
}

static void a_failed_read_stays_where_it_was(void **state)
{
    struct told told = {0};
    const struct gn_segment_visitor visitor = visitor_of(&told);
    struct gn_buf out = GN_BUF_INIT;
    uint64_t offset = GN_SEGMENT_HEADER;

    (void)state;
    gn_buf_puts(&out, "old");
    assert_int_equal(gn_segment_read(-1, SALT, &offset, 4096, 100, &visitor, &out), GN_EIO);
    assert_int_equal(errno, EBADF);
    assert_int_equal(offset, GN_SEGMENT_HEADER);
    assert_int_equal(out.len, 0);
    gn_buf_free(&out);
}

/* ---- seals ---- */

/* Frames, then one of this type and payload length, then zeros; whether it is taken for a seal. */
static enum gn_err find_seal_of(uint8_t type, size_t len, size_t zeros, struct gn_record *record,
                                struct gn_buf *out)
{
    struct frames f = small_frames(3);
    const char payload[64] = "abcdefghijklmnopqrstuvwxyz";
    const struct gn_record seal = {.sequence = 9, .type = type, .payload = {payload, len}};
    enum gn_err err;
    int fd;

    gn_frame_add(&f.bytes, SALT, &seal);
    for (size_t i = 0; i < zeros; i++)
        gn_buf_putc(&f.bytes, '\0');
    fd = in_memory(gn_buf_str(&f.bytes));
    err = gn_segment_find_seal(fd, SALT, size_of(fd), record, out);
    assert_int_equal(close(fd), 0);
    gn_buf_free(&f.bytes);
    return err;
}

static void a_seal_is_found_at_the_end_only(void **state)
{
    struct gn_buf out = GN_BUF_INIT;
    struct gn_record record = {0};

    (void)state;
    gn_buf_puts(&out, "old");
    assert_int_equal(find_seal_of(GN_RECORD_SEAL, GN_SEGMENT_SEAL_PAYLOAD, 0, &record, &out),
                     GN_OK);
    assert_int_equal(record.type, GN_RECORD_SEAL);
    assert_int_equal(record.sequence, 9);
    assert_ptr_equal(record.payload.p, out.data);
    assert_true(gn_str_eq(gn_buf_str(&out), GN_STR("abcdefghijklmnopqrstuvwx")));
    assert_int_equal(find_seal_of(GN_RECORD_SEAL, 24, 8, &record, &out), GN_ENOTFOUND);
    assert_int_equal(out.len, 0);
    assert_int_equal(find_seal_of(GN_RECORD_SEAL, 24, 3, &record, &out), GN_ENOTFOUND);
    assert_int_equal(find_seal_of(GN_RECORD_SEAL, 23, 0, &record, &out), GN_ENOTFOUND);
    assert_int_equal(find_seal_of(GN_RECORD_SEAL, 16, 0, &record, &out), GN_ENOTFOUND);
    assert_int_equal(find_seal_of(GN_RECORD_SEAL, 64, 0, &record, &out), GN_ENOTFOUND);
    assert_int_equal(find_seal_of(GN_RECORD_MARK, 24, 0, &record, &out), GN_ENOTFOUND);
    gn_buf_free(&out);
}

static void a_damaged_or_missing_seal_is_none(void **state)
{
    const char payload[GN_SEGMENT_SEAL_PAYLOAD] = "number, index, time";
    const struct gn_record seal = {.type = GN_RECORD_SEAL, .payload = {payload, sizeof payload}};
    struct gn_buf frame = GN_BUF_INIT, out = GN_BUF_INIT;
    struct gn_record record;
    uint64_t size;
    int fd;

    (void)state;
    gn_frame_add(&frame, SALT, &seal);
    size = GN_SEGMENT_HEADER + frame.len;
    fd = in_memory(gn_buf_str(&frame));
    assert_int_equal(gn_segment_find_seal(fd, SALT, size, &record, &out), GN_OK);
    assert_int_equal(gn_segment_find_seal(fd, SALT + 1, size, &record, &out), GN_ENOTFOUND);
    for (uint64_t less = 0; less < size; less++)
        assert_int_equal(gn_segment_find_seal(fd, SALT, less, &record, &out), GN_ENOTFOUND);
    assert_int_equal(gn_segment_find_seal(fd, SALT, size + 80, &record, &out), GN_ENOTFOUND);
    assert_int_equal(gn_segment_write(fd, GN_STR("N"), size - 24, false), GN_OK);
    assert_int_equal(gn_segment_find_seal(fd, SALT, size, &record, &out), GN_ENOTFOUND);
    assert_int_equal(close(fd), 0);
    assert_int_equal(gn_segment_find_seal(-1, SALT, size, &record, &out), GN_EIO);
    gn_buf_free(&frame);
    gn_buf_free(&out);
}

#define IN_FOLDER(test) cmocka_unit_test_setup(test, clear_root)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_number_is_written_as_ten_digits_or_more),
        cmocka_unit_test(other_names_are_no_segments),
        IN_FOLDER(a_made_segment_is_private_and_has_its_room),
        IN_FOLDER(a_header_is_read_back_as_it_was_written),
        cmocka_unit_test(a_header_has_the_described_layout),
        IN_FOLDER(a_second_segment_of_a_number_is_refused),
        IN_FOLDER(a_segment_without_room_leaves_nothing_behind),
        IN_FOLDER(a_folder_that_is_gone_is_an_error),
        IN_FOLDER(a_removed_segment_is_gone),
        IN_FOLDER(what_is_no_plain_file_is_not_opened),
        IN_FOLDER(any_damage_to_a_header_is_noticed),
        IN_FOLDER(the_salt_is_guessed_from_a_damaged_header),
        IN_FOLDER(a_version_from_the_future_is_told),
        IN_FOLDER(a_segment_under_the_name_of_another_is_damaged),
        IN_FOLDER(a_write_to_an_unlinked_file_is_no_success),
        IN_FOLDER(a_write_that_fails_half_way_is_told),
        IN_FOLDER(a_cut_file_ends_behind_its_frames),
        cmocka_unit_test(a_segment_in_memory_is_scanned_like_a_file),
        cmocka_unit_test(a_segment_without_frames_ends_where_it_begins),
        cmocka_unit_test(an_error_of_the_visitor_ends_the_scan),
        cmocka_unit_test(a_visitor_may_leave_out_what_it_does_not_want),
        cmocka_unit_test(a_file_shorter_than_said_ends_where_it_ends),
        cmocka_unit_test(a_scan_stops_at_its_end_though_frames_follow),
        cmocka_unit_test(a_damaged_byte_costs_no_more_than_its_record),
        cmocka_unit_test(a_file_cut_anywhere_keeps_the_records_before),
        cmocka_unit_test(a_torn_write_into_zeros_is_a_short_tail),
        cmocka_unit_test(a_hole_of_zeros_before_a_frame_is_damage),
        cmocka_unit_test(a_damaged_length_swallows_nothing),
        cmocka_unit_test(a_frame_forged_in_a_payload_is_not_found),
        cmocka_unit_test(a_frame_larger_than_the_read_ahead_is_whole),
        cmocka_unit_test(a_search_finds_frames_across_its_reads),
        cmocka_unit_test(damage_of_a_whole_segment_is_passed_and_shown_in_part),
        cmocka_unit_test(headers_made_to_cost_time_are_given_up),
        cmocka_unit_test(reads_of_any_size_give_every_record_once),
        cmocka_unit_test(a_read_tells_each_damage_once),
        cmocka_unit_test(a_read_begins_and_ends_where_it_is_told),
        cmocka_unit_test(a_failed_read_stays_where_it_was),
        cmocka_unit_test(a_seal_is_found_at_the_end_only),
        cmocka_unit_test(a_damaged_or_missing_seal_is_none),
    };

    return cmocka_run_group_tests(tests, make_root, remove_root);
}
