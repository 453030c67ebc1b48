/* Addresses on a broker: what a resource is called there. */
#include "gurnard/transport/amqp_event.h"

/* What stands in a pattern for a part of the resource. */
enum slot { SLOT_RESOURCE, SLOT_PATH, SLOT_KEY, SLOTS };

static const struct gn_str slot_names[SLOTS] = {
    [SLOT_RESOURCE] = GN_STR_INIT("{resource}"),
    [SLOT_PATH] = GN_STR_INIT("{path}"),
    [SLOT_KEY] = GN_STR_INIT("{key}"),
};

/* The slot that text begins with; SLOTS: none. */
static enum slot slot_at(struct gn_str text)
{
    for (unsigned i = 0; i < SLOTS; i++) {
        if (gn_str_has_prefix(text, slot_names[i]))
            return (enum slot)i;
    }
    return SLOTS;
}

static struct gn_str path_of(struct gn_str resource)
{
    if (resource.len > 0 && resource.p[0] == '/')
        return (struct gn_str){resource.p + 1, resource.len - 1};
    return resource;
}

/* A routing key has its words between dots, so that "*" and "#" of a binding fit parts of paths. */
static void add_key(struct gn_buf *out, struct gn_str path)
{
    for (size_t i = 0; i < path.len; i++) {
        const char c = path.p[i];

        gn_buf_putc(out, c == '/' ? '.' : c == '.' ? '_' : c);
    }
}

static void add_slot(struct gn_buf *out, enum slot slot, struct gn_str resource)
{
    switch (slot) {
    case SLOT_RESOURCE:
        gn_buf_add_str(out, resource);
        break;
    case SLOT_PATH:
        gn_buf_add_str(out, path_of(resource));
        break;
    case SLOT_KEY:
        add_key(out, path_of(resource));
        break;
    case SLOTS:
        break;
    }
}

void gn_amqp_address_of(const char *pattern, struct gn_str resource, struct gn_buf *out)
{
    struct gn_str rest = gn_str_of(pattern);

    while (rest.len > 0) {
        const enum slot slot = slot_at(rest);
        const size_t len = slot == SLOTS ? 1 : slot_names[slot].len;

        if (slot == SLOTS)
            gn_buf_putc(out, rest.p[0]);
        else
            add_slot(out, slot, resource);
        rest.p += len;
        rest.len -= len;
    }
}

/* Whether text has slots, and no other braces: a slot misspelt would be one address for all. */
static bool is_pattern(struct gn_str text)
{
    bool has_slot = false;

    while (text.len > 0) {
        const enum slot slot = slot_at(text);
        const size_t len = slot == SLOTS ? 1 : slot_names[slot].len;

        if (slot == SLOTS && (text.p[0] == '{' || text.p[0] == '}'))
            return false;
        has_slot = has_slot || slot != SLOTS;
        text.p += len;
        text.len -= len;
    }
    return has_slot;
}

/* RabbitMQ parts an address at each slash. */
static bool is_exchange_name(struct gn_str name)
{
    for (size_t i = 0; i < name.len; i++) {
        if (name.p[i] <= 0x20 || name.p[i] >= 0x7F || strchr("/{}", name.p[i]) != NULL)
            return false;
    }
    return name.len > 0;
}

static bool exchange_pattern(struct gn_str name, struct gn_buf *pattern)
{
    if (!is_exchange_name(name))
        return false;
    gn_buf_puts(pattern, "/exchange/");
    gn_buf_add_str(pattern, name);
    gn_buf_puts(pattern, "/{key}");
    return true;
}

bool gn_amqp_pattern_of(const char *name, struct gn_buf *pattern)
{
    static const struct gn_str exchange = GN_STR_INIT("rabbitmq-exchange:");
    static const struct {
        const char *name, *pattern;
    } named[] = {
        {"router", "{resource}"},
        {"rabbitmq-topic", "/topic/{key}"},
        {"rabbitmq-queue", "/queue/{key}"},
        {"artemis-multicast", "multicast://{path}"},
        {"artemis-anycast", "anycast://{path}"},
    };
    const struct gn_str text = gn_str_of(name);

    for (size_t i = 0; i < GN_LEN(named); i++) {
        if (gn_str_eq(text, gn_str_of(named[i].name))) {
            gn_buf_puts(pattern, named[i].pattern);
            return true;
        }
    }
    if (gn_str_has_prefix(text, exchange))
        return exchange_pattern((struct gn_str){text.p + exchange.len, text.len - exchange.len},
                                pattern);
    if (!is_pattern(text))
        return false;
    gn_buf_add_str(pattern, text);
    return true;
}

bool gn_amqp_address_is_durable(const char *address)
{
    return gn_str_has_prefix(gn_str_of(address), GN_STR("/queue/"));
}
