/* The file of webhook tokens. */
#include "gurnard/app/tokens.h"

#include <stdlib.h>
#include <string.h>

#include "gurnard/base/buf.h"
#include "gurnard/base/file.h"
#include "gurnard/base/str.h"

/* Splits one line in place: the blank and the line's end become NUL. */
static enum gn_err take_line(struct gn_tokens *tokens, struct gn_str line)
{
    char *text = tokens->text + (line.p - tokens->text);
    struct gn_str name = {text, 0};
    struct gn_str token;

    while (name.len < line.len && text[name.len] != ' ' && text[name.len] != '\t')
        name.len++;
    token = gn_str_trim((struct gn_str){text + name.len, line.len - name.len});
    if (!gn_webhook_is_name(name) || !gn_webhook_is_token(token))
        return GN_EPARSE;
    if (tokens->count == GN_TOKENS_MAX)
        return GN_ELIMIT;
    tokens->items[tokens->count++] = (struct gn_webhook_token){text, text + (token.p - text)};
    text[name.len] = '\0';
    text[token.p + token.len - text] = '\0';
    return GN_OK;
}

static size_t count_lines(struct gn_str text)
{
    size_t lines = 1;

    for (size_t i = 0; i < text.len; i++)
        lines += text.p[i] == '\n';
    return lines < GN_TOKENS_MAX ? lines : GN_TOKENS_MAX;
}

enum gn_err gn_tokens_read(const char *path, struct gn_tokens *tokens, unsigned *line)
{
    struct gn_buf file = GN_BUF_INIT;
    struct gn_str rest;
    enum gn_err err;

    *tokens = (struct gn_tokens){0};
    *line = 0;
    if (path[0] == '\0')
        return GN_OK;
    err = gn_file_read(path, GN_TOKENS_FILE_MAX, &file);
    if (err != GN_OK)
        goto out;
    tokens->text_len = file.len;
    tokens->text = gn_buf_take(&file);
    rest = (struct gn_str){tokens->text, tokens->text_len};
    tokens->items = calloc(count_lines(rest), sizeof *tokens->items);
    if (tokens->items == NULL)
        err = GN_ENOMEM;
    while (err == GN_OK && rest.p != NULL) {
        struct gn_str one = gn_str_trim(gn_str_cut(rest, '\n', &rest));

        ++*line;
        if (one.len > 0 && one.p[0] != '#')
            err = take_line(tokens, one);
    }
out:
    gn_buf_free(&file);
    if (err != GN_OK)
        gn_tokens_free(tokens);
    else
        *line = 0;
    return err;
}

void gn_tokens_free(struct gn_tokens *tokens)
{
    if (tokens->text != NULL)
        explicit_bzero(tokens->text, tokens->text_len);
    free(tokens->text);
    free(tokens->items);
    *tokens = (struct gn_tokens){0};
}
