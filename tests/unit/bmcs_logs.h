/* Tests of the fleet: logs of BMCs. */
#ifndef GN_TESTS_BMCS_LOGS_H
#define GN_TESTS_BMCS_LOGS_H

#include "bmc_bed.h"

#define LISTENED ONE_WITH("\"prove\":false")
#define LOG0     MGR "/LogServices/L0/Entries"

static void expect_entries(const struct bed *bed, int first, int last)
{
    char text[64];

    assert_int_equal(bed->taken_count, last - first + 1);
    for (int i = first; i <= last; i++) {
        snprintf(text, sizeof(text), "entry %d version 0", i);
        assert_string_equal(bed->taken[i - first].text, text);
        assert_int_equal(bed->taken[i - first].way, GN_BMCS_LOG);
    }
}

static void outage(struct bed *bed)
{
    gn_bmc_note_gap(bmc_of(bed, "b1"), "test");
}

static void the_first_sight_of_a_log_tells_nothing(void **state)
{
    struct bed *bed = *state;

    fake_write_some(bed->fakes[0], 0, 1, 30);
    apply_only(bed, LISTENED);
    outage(bed);
    quiet(bed);
    assert_int_equal(bed->taken_count, 0);
    assert_true(bmc_of(bed, "b1")->kept->logs[0].has_mark);
    assert_string_equal(bmc_of(bed, "b1")->kept->logs[0].mark.id, "30");
    assert_false(bmc_of(bed, "b1")->kept->has_gap);
}

/* How a log is shown. */
struct showing {
    bool is_newest_first, has_no_skip, has_no_next;
    size_t page;
};

static void after_a_gap_exactly_what_is_behind_the_mark_comes_in_order(void **state)
{
    static const struct showing rows[] = {
        {false, false, false, 0},  {true, false, false, 0},  {false, false, false, 7},
        {true, false, false, 7},   {false, true, false, 0},  {false, false, true, 7},
        {true, false, true, 7},    {false, false, false, 1}, {true, false, false, 1},
        {false, false, false, 90},
    };
    struct bed *bed = *state;
    struct fake *fake = bed->fakes[0];
    struct fake_log *log = &fake->logs[0];

    for (size_t i = 0; i < GN_LEN(rows); i++) {
        *log = (struct fake_log){.is_newest_first = rows[i].is_newest_first,
                                 .has_no_skip = rows[i].has_no_skip,
                                 .has_no_next = rows[i].has_no_next,
                                 .page = rows[i].page};
        fake_write_some(fake, 0, 1, 60);
        apply(bed, LISTENED);
        assert_int_equal(bed->taken_count, 0);
        assert_string_equal(bmc_of(bed, "b1")->kept->logs[0].mark.id, "60");
        fake_write_some(fake, 0, 61, 80);
        outage(bed);
        resync(bed);
        expect_entries(bed, 61, 80);
        assert_string_equal(bmc_of(bed, "b1")->kept->logs[0].mark.id, "80");
        assert_false(bmc_of(bed, "b1")->kept->has_gap);
        assert_int_equal(bed->known_count, 0);
        apply(bed, ""); /* and from the beginning */
        pass(bed, 1000);
        bed->taken_count = 0;
    }
    assert_int_equal(count_told(bed, "EventsRecovered"), GN_LEN(rows));
}

static void the_end_of_a_long_log_is_reached_by_skip(void **state)
{
    struct bed *bed = *state;
    struct fake *fake = bed->fakes[0];

    fake->logs[0].page = 5;
    fake_write_some(fake, 0, 1, 100);
    apply(bed, LISTENED);
    assert_int_equal(fake_seen(fake, "GET " LOG0), 5); /* the first, and four from 80 on */
    resync(bed);
    assert_int_equal(fake_seen(fake, "GET " LOG0), 1);
    assert_int_equal(fake_seen(fake, "GET " LOG0 "?$skip=99"), 1);
}

static void a_service_that_refuses_skip_is_read_from_the_beginning(void **state)
{
    struct bed *bed = *state;
    struct fake *fake = bed->fakes[0];

    fake->logs[0].has_no_skip = true; /* it answers as if nothing had been asked */
    fake_write_some(fake, 0, 1, 50);
    apply(bed, LISTENED);
    fake_write_some(fake, 0, 51, 52);
    outage(bed);
    resync(bed);
    expect_entries(bed, 51, 52);
}

static void a_log_that_dropped_its_oldest_is_read_whole(void **state)
{
    struct bed *bed = *state;
    struct fake *fake = bed->fakes[0];
    struct fake_log *log = &fake->logs[0];

    log->page = 10;
    fake_write_some(fake, 0, 1, 50);
    apply(bed, LISTENED);
    memmove(log->entries, log->entries + 30, 20 * sizeof(log->entries[0]));
    log->count = 20;
    fake_write_some(fake, 0, 51, 80); /* as many as before: the mark stands earlier */
    outage(bed);
    resync(bed);
    expect_entries(bed, 51, 80);
}

static void all_in_a_log_that_was_cleared_is_news(void **state)
{
    static const struct showing rows[] = {{false, false, false, 0}, {true, false, false, 4}};
    struct bed *bed = *state;
    struct fake *fake = bed->fakes[0];
    struct fake_log *log = &fake->logs[0];

    for (size_t i = 0; i < GN_LEN(rows); i++) {
        for (int last = 5; last <= 15; last += 10) { /* fewer than before, and more */
            *log =
                (struct fake_log){.is_newest_first = rows[i].is_newest_first, .page = rows[i].page};
            fake_write_some(fake, 0, 1, 10);
            apply(bed, LISTENED);
            log->count = 0;
            fake_write_some(fake, 0, 1, last);
            for (size_t k = 0; k < log->count; k++)
                log->entries[k].minute += 100;
            outage(bed);
            resync(bed);
            expect_entries(bed, 1, last);
            apply(bed, "");
            pass(bed, 1000);
            bed->taken_count = 0;
        }
    }
}

static void the_first_entry_of_a_log_that_was_empty_is_news(void **state)
{
    struct bed *bed = *state;
    struct fake *fake = bed->fakes[0];

    fake->logs[0].exists = true;
    apply(bed, LISTENED);
    fake_write_some(fake, 0, 1, 1);
    outage(bed);
    resync(bed);
    expect_entries(bed, 1, 1);
}

static void an_entry_updated_in_place_is_news(void **state)
{
    struct bed *bed = *state;
    struct fake *fake = bed->fakes[0];

    fake_write_some(fake, 0, 1, 10);
    apply(bed, LISTENED);
    fake->logs[0].entries[9].version = 2;
    outage(bed);
    resync(bed);
    assert_int_equal(bed->taken_count, 1);
    assert_string_equal(bed->taken[0].text, "entry 10 version 2");
}

static void update_entry(struct fake *fake, size_t at, int version, int minute)
{
    fake->logs[0].entries[at].version = version;
    fake->logs[0].entries[at].updated = minute;
}

/* iLO counts up in whatever entry has the incident. */
static void any_entry_updated_in_place_is_news_once(void **state)
{
    struct bed *bed = *state;
    struct fake *fake = bed->fakes[0];

    fake_write_some(fake, 0, 1, 10);
    update_entry(fake, 1, 5, 12); /* before we came: not told */
    apply(bed, LISTENED);
    update_entry(fake, 3, 2, 20);
    outage(bed);
    resync(bed);
    assert_int_equal(bed->taken_count, 1);
    assert_string_equal(bed->taken[0].text, "entry 4 version 2");
    fake_write_some(fake, 0, 11, 11);
    update_entry(fake, 6, 3, 30);
    outage(bed);
    resync(bed);
    assert_int_equal(bed->taken_count, 3); /* in the order of the time of what happened */
    assert_string_equal(bed->taken[1].text, "entry 11 version 0");
    assert_string_equal(bed->taken[2].text, "entry 7 version 3");
    outage(bed);
    resync(bed);
    assert_int_equal(bed->taken_count, 3);
}

static void links_that_lead_back_end(void **state)
{
    static const size_t pages[] = {50, 7, 2};
    struct bed *bed = *state;
    struct fake *fake = bed->fakes[0];
    struct fake_log *log = &fake->logs[0];

    for (size_t i = 0; i < GN_LEN(pages); i++) {
        *log = (struct fake_log){.page = pages[i], .loops = true, .has_no_skip = false};
        fake_write_some(fake, 0, 1, 15);
        fake_forget_seen(fake);
        apply(bed, LISTENED);
        assert_true(fake_seen(fake, "GET " LOG0) <= 4 * (15 / pages[i] + 1));
        fake_write_some(fake, 0, 16, 17);
        outage(bed);
        resync(bed);
        assert_true(bed->taken_count == 2);
        assert_int_equal(count_told(bed, "EventsMissed"), 0);
        assert_false(bmc_of(bed, "b1")->kept->has_gap);
        apply(bed, "");
        pass(bed, 1000);
        bed->taken_count = 0;
    }
}

static void marks_move_only_when_what_was_read_is_durable(void **state)
{
    struct bed *bed = *state;
    struct fake *fake = bed->fakes[0];
    const struct gn_kept *kept;

    fake_write_some(fake, 0, 1, 10);
    apply(bed, LISTENED);
    kept = bmc_of(bed, "b1")->kept;
    fake_write_some(fake, 0, 11, 12);
    outage(bed);
    bed->settles = SETTLE_LOST;
    resync(bed);
    assert_int_equal(bed->taken_count, 2);
    assert_string_equal(kept->logs[0].mark.id, "10");
    assert_true(kept->has_gap);
    bed->settles = SETTLE_NO_MEMORY;
    resync(bed);
    assert_string_equal(kept->logs[0].mark.id, "10");
    bed->settles = SETTLE_HELD;
    resync(bed);
    assert_string_equal(kept->logs[0].mark.id, "10");
    assert_true(kept->has_gap);
    release_settlings(bed, true);
    quiet(bed);
    assert_string_equal(kept->logs[0].mark.id, "12");
    assert_false(kept->has_gap);
    assert_int_equal(bed->taken_count, 2);
}

static void calm_rounds_lag_one_round_behind(void **state)
{
    struct bed *bed = *state;
    struct fake *fake = bed->fakes[0];
    const struct gn_kept *kept;

    fake_write_some(fake, 0, 1, 10);
    apply(bed, LISTENED);
    kept = bmc_of(bed, "b1")->kept;
    fake_write_some(fake, 0, 11, 11);
    resync(bed);
    assert_string_equal(kept->logs[0].mark.id, "10");
    resync(bed);
    assert_string_equal(kept->logs[0].mark.id, "11");
    assert_int_equal(bed->taken_count, 0);
    fake_write_some(fake, 0, 12, 12);
    resync(bed); /* seen, its push lost */
    outage(bed);
    resync(bed);
    expect_entries(bed, 12, 12);
}

/* Entries that came, as the rounds see. */
static void come(struct bed *bed, int first, int last)
{
    fake_write_some(bed->fakes[0], 0, first, last);
    resync(bed);
    resync(bed);
}

static void what_a_trusted_log_has_and_never_came_is_recovered(void **state)
{
    struct bed *bed = *state;

    fake_write_some(bed->fakes[0], 0, 1, 5);
    apply(bed, LISTENED);
    come(bed, 6, 9); /* they agree */
    assert_int_equal(bed->taken_count, 0);
    bed->never_came = "entry 10 ";
    fake_write_some(bed->fakes[0], 0, 10, 10);
    resync(bed); /* may be under way still */
    assert_int_equal(bed->taken_count, 0);
    assert_false(bmc_of(bed, "b1")->kept->has_gap);
    resync(bed);
    quiet(bed);
    expect_entries(bed, 10, 10);
    assert_int_equal(count_told(bed, "EventsRecovered"), 1);
    assert_false(bmc_of(bed, "b1")->kept->has_gap);
    bed->never_came = NULL;
    come(bed, 11, 12);
    assert_int_equal(bed->taken_count, 1);
}

static void what_a_log_has_that_is_never_pushed_is_not_told(void **state)
{
    struct bed *bed = *state;

    fake_write_some(bed->fakes[0], 0, 1, 5);
    apply(bed, LISTENED);
    bed->never_came = "entry";
    for (int i = 0; i < 5; i++)
        come(bed, 6 + 2 * i, 7 + 2 * i);
    bed->never_came = NULL;
    come(bed, 16, 20); /* five of fifteen: no reason to trust it */
    bed->never_came = "entry 21 ";
    come(bed, 21, 21);
    assert_int_equal(bed->taken_count, 0);
    assert_int_equal(bmc_of(bed, "b1")->kept->logs[0].known, 5);
    assert_int_equal(bmc_of(bed, "b1")->kept->logs[0].unknown, 11);
}

static void recover_always_tells_what_never_came_otherwise(void **state)
{
    struct bed *bed = *state;
    struct fake *fake = bed->fakes[0];

    fake_write_some(fake, 0, 1, 10);
    apply(bed, ONE_WITH("\"prove\":false,\"recover\":\"always\""));
    fake_write_some(fake, 0, 11, 13);
    resync(bed);
    expect_entries(bed, 11, 13);
    resync(bed);
    assert_int_equal(bed->known_count, 0);
}

static void recover_no_reads_no_logs(void **state)
{
    struct bed *bed = *state;

    fake_write_some(bed->fakes[0], 0, 1, 10);
    apply(bed, ONE_WITH("\"prove\":false,\"recover\":\"no\""));
    outage(bed);
    resync(bed);
    assert_int_equal(fake_seen(bed->fakes[0], "GET " MGR "/LogServices"), 0);
}

static void without_room_the_entries_are_offered_again_in_order(void **state)
{
    struct bed *bed = *state;
    struct fake *fake = bed->fakes[0];

    fake_write_some(fake, 0, 1, 10);
    apply(bed, LISTENED);
    fake_write_some(fake, 0, 11, 15);
    outage(bed);
    bed->later = 2;
    resync(bed);
    assert_int_equal(bed->taken_count, 0);
    pass(bed, 2100);
    pass(bed, 2100);
    expect_entries(bed, 11, 15);
    assert_false(bmc_of(bed, "b1")->kept->has_gap);
}

static void two_logs_are_told_in_order_of_time(void **state)
{
    struct bed *bed = *state;
    struct fake *fake = bed->fakes[0];

    fake_write(fake, 0, "a1", 1);
    fake_write(fake, 1, "b1", 1);
    apply(bed, LISTENED);
    fake_write(fake, 0, "a2", 10);
    fake_write(fake, 1, "b2", 20);
    fake_write(fake, 0, "a3", 30);
    fake_write(fake, 1, "b3", 40);
    outage(bed);
    resync(bed);
    assert_int_equal(bed->taken_count, 4);
    assert_string_equal(bed->taken[0].text, "entry a2 version 0");
    assert_string_equal(bed->taken[1].text, "entry b2 version 0");
    assert_string_equal(bed->taken[2].text, "entry a3 version 0");
    assert_string_equal(bed->taken[3].text, "entry b3 version 0");
}

static void a_log_that_cannot_be_read_does_not_hold_up_the_others(void **state)
{
    struct bed *bed = *state;
    struct fake *fake = bed->fakes[0];
    const struct gn_kept *kept;

    fake_write_some(fake, 0, 1, 10);
    fake_write_some(fake, 1, 101, 110);
    apply(bed, LISTENED);
    kept = bmc_of(bed, "b1")->kept;
    fake_write_some(fake, 0, 11, 11);
    fake_write_some(fake, 1, 111, 111);
    resync(bed); /* both have been seen */
    fake->logs[0].status = 500;
    outage(bed);
    resync(bed);
    assert_int_equal(bed->taken_count, 1);
    assert_string_equal(kept->logs[0].mark.id, "10");
    assert_string_equal(kept->logs[1].mark.id, "111");
    assert_true(kept->has_gap);
    fake->logs[0].status = 0;
    resync(bed);
    assert_int_equal(bed->taken_count, 2);
    assert_string_equal(kept->logs[0].mark.id, "11");
    assert_false(kept->has_gap);
}

static void a_log_that_has_gone_does_not_take_the_marks_of_others(void **state)
{
    struct bed *bed = *state;
    struct fake *fake = bed->fakes[0];
    const struct gn_kept *kept;

    fake_write_some(fake, 0, 1, 10);
    fake_write_some(fake, 1, 101, 110);
    apply(bed, LISTENED);
    kept = bmc_of(bed, "b1")->kept;
    fake->logs[0].status = 404;
    fake_write_some(fake, 1, 111, 111);
    outage(bed);
    resync(bed);
    assert_int_equal(bed->taken_count, 1);
    assert_int_equal(kept->log_count, 1);
    assert_false(kept->has_gap);
    for (int i = 0; i < 4; i++) {
        resync(bed);
        assert_int_equal(fake_seen(fake, "GET " LOG0), 0);
    }
    fake->logs[0].status = 0;
    pass(bed, 86400000);
    pass(bed, RESYNC_MS * 2);
    assert_int_equal(kept->log_count, 2);
}

static void an_outage_during_the_reading_is_read_after(void **state)
{
    struct bed *bed = *state;
    struct fake *fake = bed->fakes[0];

    fake_write_some(fake, 0, 1, 10);
    apply(bed, LISTENED);
    outage(bed);
    bed->settles = SETTLE_HELD;
    resync(bed);
    outage(bed);
    release_settlings(bed, true);
    quiet(bed);
    assert_true(bmc_of(bed, "b1")->kept->has_gap);
}

static void a_reading_that_was_given_up_is_not_ended_by_its_disk(void **state)
{
    struct bed *bed = *state;
    struct fake *fake = bed->fakes[0];
    const struct gn_kept *kept;

    fake_write_some(fake, 0, 1, 10);
    apply(bed, LISTENED);
    fake_write_some(fake, 0, 11, 12);
    outage(bed);
    bed->settles = SETTLE_HELD;
    resync(bed);
    apply_only(bed, ONE_WITH("\"prove\":false,\"logs\":[\"L0\"]")); /* its marks are dropped */
    kept = bmc_of(bed, "b1")->kept;
    assert_int_equal(kept->log_count, 0);
    pass(bed, SIGN_MS); /* the next reading waits for the disk, too */
    assert_int_equal(kept->log_count, 1);
    release_first_settling(bed, true);
    quiet(bed);
    assert_true(kept->has_gap);
    assert_non_null(bmc_of(bed, "b1")->logs);
    release_settlings(bed, true);
    quiet(bed);
    assert_false(kept->has_gap);
    assert_null(bmc_of(bed, "b1")->logs);
    assert_string_equal(kept->logs[0].mark.id, "12");
}

#endif
