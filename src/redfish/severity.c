/* The severity words of all vendors, folded into the three that Redfish has now. */
#include "gurnard/redfish/severity.h"

#include <stddef.h>

#include "gurnard/base/defs.h"

static const struct {
    struct gn_str word;
    enum gn_severity severity;
} words[] = {
    {{"OK", 2}, GN_SEVERITY_OK},
    {{"Warning", 7}, GN_SEVERITY_WARNING},
    {{"Critical", 8}, GN_SEVERITY_CRITICAL},
    {{"Informational", 13}, GN_SEVERITY_OK},
    {{"Information", 11}, GN_SEVERITY_OK},
    {{"Info", 4}, GN_SEVERITY_OK},
    {{"Notification", 12}, GN_SEVERITY_OK},
    {{"Degraded", 8}, GN_SEVERITY_WARNING},
    {{"Caution", 7}, GN_SEVERITY_WARNING},
    {{"Minor", 5}, GN_SEVERITY_WARNING},
    {{"Major", 5}, GN_SEVERITY_WARNING},
    {{"Fatal", 5}, GN_SEVERITY_CRITICAL},
    {{"Emergency", 9}, GN_SEVERITY_CRITICAL},
    {{"Non-recoverable", 15}, GN_SEVERITY_CRITICAL},
    {{"NonRecoverable", 14}, GN_SEVERITY_CRITICAL},
};

enum gn_severity gn_severity_parse(struct gn_str word)
{
    for (size_t i = 0; i < GN_LEN(words); i++) {
        if (words[i].word.len == word.len && gn_str_eq_nocase(words[i].word, word))
            return words[i].severity;
    }
    return GN_SEVERITY_NONE;
}

const char *gn_severity_text(enum gn_severity severity)
{
    switch (severity) {
    case GN_SEVERITY_OK:
        return "OK";
    case GN_SEVERITY_WARNING:
        return "Warning";
    case GN_SEVERITY_CRITICAL:
        return "Critical";
    case GN_SEVERITY_NONE:
        break;
    }
    return "";
}
