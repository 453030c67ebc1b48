/* Texts made from the settings table: help, sample, reference. */
#include <string.h>

#include "gurnard/app/settings.h"
#include "settings_priv.h"

#define WIDTH 96 /* columns of comments in the sample and of the help */

/* Appends text in lines of at most WIDTH columns, each begun by indent. */
static void add_wrapped(struct gn_buf *out, const char *indent, const char *text)
{
    struct gn_str rest = gn_str_of(text);

    while (rest.len > 0) {
        size_t room = WIDTH - strlen(indent);
        size_t end = rest.len;

        if (end > room)
            for (end = room; end > 0 && rest.p[end] != ' ';)
                end--;
        gn_buf_puts(out, indent);
        gn_buf_add(out, rest.p, end);
        gn_buf_putc(out, '\n');
        rest.p += end;
        rest.len -= end;
        rest = gn_str_trim(rest);
    }
}

static const char *kind_name(enum setting_kind kind)
{
    static const char *const names[] = {
        [SETTING_TEXT] = "text", [SETTING_CHOICE] = "choice",     [SETTING_NUMBER] = "number",
        [SETTING_SIZE] = "size", [SETTING_DURATION] = "duration", [SETTING_LIST] = "list",
        [SETTING_TREE] = "tree",
    };

    return names[kind];
}

void gn_settings_print_help(struct gn_buf *out)
{
    gn_buf_puts(out,
                "gurnardd takes Redfish events from BMCs and delivers them to subscribers.\n\n"
                "  gurnardd [FLAG...]\n\n"
                "  --config FILE          settings file (default " GN_SETTINGS_FILE
                ", if it is there)\n"
                "  --check-config         say what is wrong with the settings, and exit\n"
                "  --print-sample         write a settings file with every default, and exit\n"
                "  --print-reference      write the reference of all settings, and exit\n"
                "  --version, --help\n\n"
                "A flag weighs more than its variable, that more than the file. -flag=value and\n"
                "-flag value are the same, with one dash or two.\n");
    for (size_t i = 0; i < SETTING_COUNT; i++) {
        const struct setting_row *row = &gn_setting_rows[i];
        char flag[SETTING_NAME_MAX];

        gn_setting_flag(row, flag);
        gn_buf_printf(out, "\n  --%s", flag);
        if (row->flags[0] != '\0')
            gn_buf_printf(out, ", --%s", row->flags);
        gn_buf_printf(out, " %s", row->kind == SETTING_CHOICE ? row->high : kind_name(row->kind));
        gn_buf_printf(out, " (default %s)\n", row->fallback[0] != '\0' ? row->fallback : "none");
        add_wrapped(out, "      ", row->help);
    }
}

/* Whether text must stand in quotes to be a YAML text. */
static bool needs_quotes(const char *text)
{
    return text[0] == '\0' || strpbrk(text, ":#{}[],&*!|>'\"%@`") != NULL;
}

static void add_list(struct gn_buf *out, const char *items)
{
    struct gn_str rest = gn_str_of(items);

    gn_buf_puts(out, " [");
    while (rest.len > 0) {
        gn_buf_add_str(out, gn_str_cut(rest, ',', &rest));
        if (rest.len > 0)
            gn_buf_puts(out, ", ");
    }
    gn_buf_puts(out, "]\n");
}

/* indent: what each line begins with. */
static void add_sample_row(struct gn_buf *out, const struct setting_row *row, const char *indent,
                           const char *name)
{
    char comment[8];

    (void)snprintf(comment, sizeof comment, "%s# ", indent);
    add_wrapped(out, comment, row->help);
    if (row->kind == SETTING_CHOICE)
        gn_buf_printf(out, "%s# One of %s.\n", indent, row->high);
    else if (row->low[0] != '\0')
        gn_buf_printf(out, "%s# From %s to %s.\n", indent, row->low, row->high);
    gn_buf_printf(out, "%s%s:", indent, name);
    if (row->kind == SETTING_LIST)
        add_list(out, row->fallback);
    else if ((row->kind == SETTING_TEXT || row->kind == SETTING_CHOICE) &&
             needs_quotes(row->fallback))
        gn_buf_printf(out, " \"%s\"\n", row->fallback);
    else
        gn_buf_printf(out, " %s\n", row->fallback);
}

void gn_settings_print_sample(struct gn_buf *out)
{
    struct gn_str section = GN_STR_NONE;

    gn_buf_puts(out,
                "# Every setting of gurnardd with its default. Made by gurnardd --print-sample.\n"
                "# Sizes: 512, 64KiB, 4MiB, 2GiB. Durations: 250ms, 10s, 5m, 24h.\n");
    for (size_t i = 0; i < SETTING_COUNT; i++) {
        const struct setting_row *row = &gn_setting_rows[i];
        struct gn_str name;
        struct gn_str head = gn_str_cut(gn_str_of(row->path), '.', &name);

        if (name.len == 0) { /* stands by itself */
            gn_buf_putc(out, '\n');
            add_sample_row(out, row, "", row->path);
            section = GN_STR_NONE;
            continue;
        }
        if (!gn_str_eq(head, section))
            gn_buf_printf(out, "\n%.*s:\n", (int)head.len, head.p);
        section = head;
        add_sample_row(out, row, "  ", name.p);
    }
}

/* Text inside a Markdown table. */
static void add_cell(struct gn_buf *out, const char *text)
{
    for (; *text != '\0'; text++) {
        if (*text == '|')
            gn_buf_putc(out, '\\');
        gn_buf_putc(out, *text);
    }
}

static void add_names(struct gn_buf *out, const char *prefix, const char *names)
{
    struct gn_str rest = gn_str_of(names);

    while (rest.len > 0) {
        struct gn_str name = gn_str_cut(rest, ',', &rest);

        gn_buf_printf(out, ", `%s%.*s`", prefix, (int)name.len, name.p);
    }
}

static void add_reference_row(struct gn_buf *out, const struct setting_row *row)
{
    char name[SETTING_NAME_MAX];

    gn_buf_printf(out, "| `%s` | %s", row->path, kind_name(row->kind));
    if (row->kind == SETTING_CHOICE) {
        gn_buf_puts(out, ": ");
        add_cell(out, row->high);
    } else if (row->low[0] != '\0') {
        gn_buf_printf(out, ", %s to %s", row->low, row->high);
    }
    gn_buf_printf(out, row->fallback[0] != '\0' ? " | `%s` | " : " | %s | ",
                  row->fallback[0] != '\0' ? row->fallback : "none");
    gn_setting_flag(row, name);
    gn_buf_printf(out, "`--%s`", name);
    add_names(out, "--", row->flags);
    gn_setting_variable(row, name);
    gn_buf_printf(out, " | `%s`", name);
    add_names(out, "", row->environment);
    gn_buf_puts(out, " | ");
    add_cell(out, row->help);
    gn_buf_puts(out, " |\n");
}

void gn_settings_print_reference(struct gn_buf *out)
{
    gn_buf_puts(
        out,
        "# Settings of gurnardd\n\n"
        "Made by `gurnardd --print-reference`; do not edit by hand.\n\n"
        "A flag weighs more than its environment variable, that more than the settings file, "
        "that more\nthan the default. The file is YAML: `webhook.port` is `port` below "
        "`webhook`; `--config FILE`\nnames it, else `/etc/gurnard/gurnard.yaml` is read if "
        "it is there. `gurnardd --check-config`\ntells everything that is wrong, with line "
        "and column. Flags take one dash or two, `-flag value`\nor `-flag=value`; an unknown "
        "flag ends with code 2. Sizes: `512`, `64KiB`, `4MiB`. Durations:\n`250ms`, `10s`, "
        "`5m`, `24h`. A tree is YAML of any shape, and JSON in flags and variables. Variables\nof "
        "the replaced programs whose value makes no sense are passed over, as those programs "
        "did.\n\n"
        "| setting | kind | default | flags | environment | meaning |\n"
        "| --- | --- | --- | --- | --- | --- |\n");
    for (size_t i = 0; i < SETTING_COUNT; i++)
        add_reference_row(out, &gn_setting_rows[i]);
}
