/* The admin API: alarms are listed, counted, and ended by hand. */
#include "gurnard/api/reply.h"
#include "gurnard/base/log.h"
#include "admin_priv.h"

void gn_admin_alarms(struct gn_admin *admin, const struct gn_admin_call *call)
{
    struct gn_str bmc = call->query.has_bmc ? gn_buf_str(&call->query.bmc) : GN_STR_NONE;

    if (admin->parts.alarms == NULL)
        gn_reply_json(call->request, 200, GN_STR("{\"alarms\":[]}"));
    else
        gn_admin_reply_value(call->request, 200, gn_alarms_list(admin->parts.alarms, bmc));
}

void gn_admin_alarm_clear(struct gn_admin *admin, const struct gn_admin_call *call)
{
    if (admin->parts.alarms == NULL || gn_alarms_clear(admin->parts.alarms, call->arg) != GN_OK) {
        gn_reply_error(call->request, 404, GN_STR("no such alarm"));
        return;
    }
    gn_log_info("alarm.cleared id=%.*s by=operator", (int)call->arg.len, call->arg.p);
    gn_admin_reply_count(call->request, 200, "removed", 1);
}

void gn_admin_add_alarms(const struct gn_admin *admin, struct gn_buf *out)
{
    struct gn_alarms_count count = {0};

    if (admin->parts.alarms != NULL)
        count = gn_alarms_count(admin->parts.alarms, GN_STR_NONE);
    gn_admin_add_name(out, "alarms");
    gn_buf_putc(out, '{');
    gn_admin_add_u64(out, "critical", count.critical);
    gn_admin_add_u64(out, "warning", count.warning);
    gn_buf_putc(out, '}');
}
