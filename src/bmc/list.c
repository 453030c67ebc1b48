/* The subscriptions that a BMC has, read within a round: the collection, then those of its members
 * that count. */
#include "bmcs_priv.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gurnard/base/json.h"
#include "gurnard/base/log.h"

void gn_bmc_list_drop(struct bmc_round *round)
{
    free(round->uris);
    free(round->list);
    round->uris = NULL;
    round->list = NULL;
    round->uri_count = 0;
    round->list_count = 0;
    round->next_uri = 0;
}

static void ask_next_member(struct gn_bmc *bmc);

/* One of ours that is listed but cannot be read now is not lost. */
static void list_as_before(struct gn_bmc *bmc, const char *uri)
{
    for (unsigned i = 0; i < BMC_WANTS; i++)
        if (strcmp(bmc->current[i].uri, uri) == 0) {
            bmc->round.list[bmc->round.list_count++] = bmc->current[i];
            return;
        }
}

/* Without both it could be anybody's: it was not understood. */
static bool is_telling(const struct gn_destination *member)
{
    return member->url[0] != '\0' || member->context[0] != '\0';
}

/* One member that cannot be read does not spoil the others. */
static void on_member(void *ctx, const struct gn_bmc_answer *answer)
{
    struct gn_bmc *bmc = ctx;
    struct bmc_round *round = &bmc->round;
    struct gn_str uri = gn_str_of(round->uris[round->next_uri]);

    round->call = NULL;
    if (answer->end != GN_BMC_END_ANSWER && gn_bmc_round_failed(bmc, answer))
        return;
    if (gn_bmc_is_done(answer) &&
        gn_destination_read(answer->body, uri, &round->list[round->list_count]) &&
        is_telling(&round->list[round->list_count])) {
        if (round->list[round->list_count].uri[0] == '\0')
            memcpy(round->list[round->list_count].uri, uri.p, uri.len + 1);
        round->list_count++;
    } else if (answer->status != 404) {
        list_as_before(bmc, uri.p);
    }
    round->next_uri++;
    ask_next_member(bmc);
}

static void ask_next_member(struct gn_bmc *bmc)
{
    struct bmc_round *round = &bmc->round;

    if (round->next_uri < round->uri_count)
        gn_bmc_round_get(bmc, round->uris[round->next_uri], on_member);
    else
        gn_bmc_subscribe(bmc);
}

static bool is_kept(const struct gn_bmc *bmc, const char *uri)
{
    for (unsigned i = 0; i < BMC_WANTS; i++)
        if (bmc->kept->subscription[i][0] != '\0' && strcmp(bmc->kept->subscription[i], uri) == 0)
            return true;
    return false;
}

static bool add_uri(struct gn_bmc *bmc, const json_t *member)
{
    struct bmc_round *round = &bmc->round;
    char *uri = round->uris[round->uri_count];

    if (json_is_string(member) ? !gn_service_uri(gn_str_of(json_string_value(member)), uri)
                               : !gn_service_uri(gn_json_str(member, "@odata.id"), uri))
        return false;
    if (round->uri_count >= BMC_MEMBERS_MAX && !is_kept(bmc, uri))
        return false; /* too many to look at all; ours are looked at */
    round->uri_count++;
    return is_kept(bmc, uri);
}

/* In a calm round only our own is read again: what others have is no concern of ours as long as it
 * is there. */
static void keep_own_only(struct gn_bmc *bmc)
{
    struct bmc_round *round = &bmc->round;
    size_t kept = 0;

    for (size_t i = 0; i < round->uri_count; i++)
        if (is_kept(bmc, round->uris[i]))
            memmove(round->uris[kept++], round->uris[i], GN_SERVICE_URI_MAX);
    round->uri_count = kept;
}

static size_t count_kept(const struct gn_bmc *bmc)
{
    size_t count = 0;

    for (unsigned i = 0; i < gn_bmc_want_count(bmc); i++)
        count += bmc->kept->subscription[i][0] != '\0';
    return count;
}

static bool make_room(struct bmc_round *round, size_t count)
{
    gn_bmc_list_drop(round);
    if (count == 0)
        return true;
    round->uris = calloc(count, sizeof *round->uris);
    round->list = calloc(count, sizeof *round->list);
    return round->uris != NULL && round->list != NULL;
}

static void take_list(struct gn_bmc *bmc, const json_t *members)
{
    struct bmc_round *round = &bmc->round;
    size_t all = json_array_size(members);
    size_t room = all < BMC_MEMBERS_MAX ? all : BMC_MEMBERS_MAX + BMC_WANTS;
    size_t own = 0;

    round->member_count = all;
    bmc->subscriptions_used = all;
    if (!make_room(round, room)) {
        gn_bmc_round_fail(bmc, GN_BMC_UNREACHABLE, gn_err_text(GN_ENOMEM));
        return;
    }
    for (size_t i = 0; i < all && round->uri_count < room; i++)
        own += add_uri(bmc, json_array_get(members, i));
    if (bmc->is_settled && !round->is_listed_again && own == count_kept(bmc) &&
        (own > 0 || gn_bmc_want_count(bmc) == 0))
        keep_own_only(bmc);
    ask_next_member(bmc);
}

bool gn_bmc_is_collection(const json_t *body)
{
    const json_t *members = json_object_get(body, "Members");

    return json_is_object(body) &&
           (members == NULL || json_is_null(members) || json_is_array(members));
}

static void on_list(void *ctx, const struct gn_bmc_answer *answer)
{
    struct gn_bmc *bmc = ctx;

    bmc->round.call = NULL;
    if (gn_bmc_round_failed(bmc, answer))
        return;
    if (gn_bmc_is_done(answer) && gn_bmc_is_collection(answer->body))
        take_list(bmc, json_object_get(answer->body, "Members"));
    else if (gn_bmc_is_done(answer)) /* an empty one would have everything made again and again */
        gn_bmc_round_fail(bmc, GN_BMC_HOSTILE, "its list of subscriptions is none");
    else if (gn_bmc_want_count(bmc) == 0)
        gn_bmc_round_done(bmc); /* streams need no list */
    else
        gn_bmc_round_fail(bmc, GN_BMC_REFUSED, answer->reason);
}

void gn_bmc_collection(const struct gn_bmc *bmc, char uri[GN_SERVICE_URI_MAX + 16])
{
    if (bmc->service.subscriptions[0] != '\0')
        (void)snprintf(uri, GN_SERVICE_URI_MAX + 16, "%s", bmc->service.subscriptions);
    else
        (void)snprintf(uri, GN_SERVICE_URI_MAX + 16, "%s/Subscriptions",
                       bmc->facts.event_service != NULL ? bmc->facts.event_service
                                                        : BMC_SERVICE_URI);
}

void gn_bmc_round_list(struct gn_bmc *bmc)
{
    char uri[GN_SERVICE_URI_MAX + 16];

    gn_bmc_collection(bmc, uri);
    gn_bmc_round_get(bmc, uri, on_list);
}
