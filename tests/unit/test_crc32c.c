/* CRC-32C: known sums, and that each way to reckon them comes to the same. */
#include "gurnard/base/crc32c.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "gurnard/base/defs.h"
#include "crc32c_priv.h"

static unsigned char noise[5000];

static int fill_noise(void **state)
{
    uint32_t x = 1;

    (void)state;
    for (size_t i = 0; i < sizeof noise; i++) {
        x = x * 1664525 + 1013904223;
        noise[i] = (unsigned char)(x >> 24);
    }
    return 0;
}

/* Bit by bit, as the definition says. */
static uint32_t by_definition(uint32_t crc, const unsigned char *at, size_t len)
{
    crc = ~crc;
    for (size_t i = 0; i < len; i++) {
        crc ^= at[i];
        for (int bit = 0; bit < 8; bit++)
            crc = (crc >> 1) ^ (crc & 1 ? 0x82f63b78 : 0);
    }
    return ~crc;
}

static void sums_are_those_of_rfc_3720(void **state)
{
    unsigned char zeros[32] = {0}, ones[32], rising[32], falling[32];
    const struct {
        const void *data;
        size_t len;
        uint32_t want;
    } rows[] = {
        {"123456789", 9, 0xe3069283},
        {zeros, 32, 0x8a9136aa},
        {ones, 32, 0x62a8ab43},
        {rising, 32, 0x46dd794e},
        {falling, 32, 0x113fdb5c},
        {"", 0, 0},
        {NULL, 0, 0},
    };

    (void)state;
    memset(ones, 0xff, sizeof ones);
    for (unsigned char i = 0; i < 32; i++) {
        rising[i] = i;
        falling[i] = (unsigned char)(31 - i);
    }
    for (size_t i = 0; i < GN_LEN(rows); i++)
        assert_int_equal(gn_crc32c(0, rows[i].data, rows[i].len), rows[i].want);
}

static void tables_follow_the_definition_at_each_length_and_alignment(void **state)
{
    (void)state;
    for (size_t start = 0; start < 8; start++) {
        for (size_t len = 0; len < 70; len++)
            assert_int_equal(gn_crc32c_by_table(7, noise + start, len),
                             by_definition(7, noise + start, len));
    }
    assert_int_equal(gn_crc32c_by_table(0, noise, sizeof noise),
                     by_definition(0, noise, sizeof noise));
}

static void each_entry_of_the_tables_is_right(void **state)
{
    unsigned char word[8];

    (void)state;
    for (size_t place = 0; place < 8; place++) {
        for (unsigned value = 0; value < 256; value++) {
            memset(word, 0, sizeof word);
            word[place] = (unsigned char)value;
            assert_int_equal(gn_crc32c_by_table(UINT32_MAX, word, 8),
                             by_definition(UINT32_MAX, word, 8));
        }
    }
}

static void the_instruction_agrees_with_the_tables(void **state)
{
    (void)state;
    if (!gn_crc32c_has_instruction())
        skip();
    for (size_t start = 0; start < 8; start++) {
        for (size_t len = 0; len < 70; len++)
            assert_int_equal(gn_crc32c_by_instruction(9, noise + start, len),
                             gn_crc32c_by_table(9, noise + start, len));
    }
    assert_int_equal(gn_crc32c_by_instruction(0, noise, sizeof noise),
                     gn_crc32c_by_table(0, noise, sizeof noise));
}

static void a_sum_goes_on_where_it_ended(void **state)
{
    const uint32_t whole = gn_crc32c(0, noise, 100);

    (void)state;
    for (size_t cut = 0; cut <= 100; cut++)
        assert_int_equal(gn_crc32c(gn_crc32c(0, noise, cut), noise + cut, 100 - cut), whole);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sums_are_those_of_rfc_3720),
        cmocka_unit_test(tables_follow_the_definition_at_each_length_and_alignment),
        cmocka_unit_test(each_entry_of_the_tables_is_right),
        cmocka_unit_test(the_instruction_agrees_with_the_tables),
        cmocka_unit_test(a_sum_goes_on_where_it_ended),
    };

    return cmocka_run_group_tests(tests, fill_noise, NULL);
}
