/* The process's own figures, under the names that Prometheus client libraries use for them. */
#include "gurnard/base/metrics.h"

#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "metrics_priv.h"

#define PROC_TEXT_MAX 1024 /* bytes of stat and statm, well above what Linux writes */
#define LABELS_MAX    128  /* bytes of version="..." */

struct process {
    struct gn_metric *memory, *cpu, *fds, *start;
};

/* What we read from /proc/self/stat. */
struct stat_line {
    uint64_t cpu_ticks;   /* user and system */
    uint64_t start_ticks; /* since boot */
};

static bool read_text(const char *path, char text[PROC_TEXT_MAX])
{
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t got;

    if (fd < 0)
        return false;
    got = read(fd, text, PROC_TEXT_MAX - 1);
    (void)close(fd); /* nothing was written */
    text[got > 0 ? got : 0] = '\0';
    return got > 0;
}

static bool read_stat(struct stat_line *line)
{
    char text[PROC_TEXT_MAX];
    uint64_t user, system;
    const char *at;

    if (!read_text("/proc/self/stat", text))
        return false;
    at = strrchr(text, ')'); /* the name before it may hold blanks and brackets */
    /* Behind the name: field 3, the state; 14 and 15 are the ticks used, 22 is the start. */
    if (at == NULL || sscanf(at,
                             ") %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %" SCNu64 " %" SCNu64
                             " %*d %*d %*d %*d %*d %*d %" SCNu64,
                             &user, &system, &line->start_ticks) != 3)
        return false;
    line->cpu_ticks = user + system;
    return true;
}

static double ticks_seconds(uint64_t ticks)
{
    return (double)ticks / (double)sysconf(_SC_CLK_TCK);
}

static double clock_seconds(clockid_t clock)
{
    struct timespec now;

    if (clock_gettime(clock, &now) != 0)
        return 0;
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static double resident_bytes(void)
{
    char text[PROC_TEXT_MAX];
    uint64_t pages;

    if (!read_text("/proc/self/statm", text) || sscanf(text, "%*u %" SCNu64, &pages) != 1)
        return 0;
    return (double)pages * (double)sysconf(_SC_PAGESIZE);
}

static double open_fds(void)
{
    DIR *folder = opendir("/proc/self/fd");
    const struct dirent *entry;
    unsigned count = 0;

    if (folder == NULL)
        return 0;
    while ((entry = readdir(folder)) != NULL)
        count += entry->d_name[0] != '.';
    (void)closedir(folder);
    return count > 0 ? count - 1 : 0; /* one of them is the folder */
}

static void collect(void *ctx)
{
    struct process *process = ctx;
    struct stat_line line;

    gn_metric_set(process->memory, resident_bytes());
    gn_metric_set(process->fds, open_fds());
    if (read_stat(&line))
        gn_metric_set(process->cpu, ticks_seconds(line.cpu_ticks));
}

void gn_metrics_add_process(struct gn_metrics *metrics, const char *version)
{
    struct process *process = gn_metrics_alloc(metrics, sizeof *process);
    struct stat_line line = {0};
    char labels[LABELS_MAX];

    (void)snprintf(labels, sizeof labels, "version=\"%s\"", version);
    gn_metric_set(gn_metrics_gauge(metrics, "gurnard_build_info", labels,
                                   "Always 1; the label tells the version of the program."),
                  1);
    process->memory = gn_metrics_gauge(metrics, "process_resident_memory_bytes", NULL,
                                       "Resident memory size in bytes.");
    process->cpu = gn_metrics_counter(metrics, "process_cpu_seconds_total", NULL,
                                      "Total user and system CPU time spent in seconds.");
    process->fds =
        gn_metrics_gauge(metrics, "process_open_fds", NULL, "Number of open file descriptors.");
    process->start = gn_metrics_gauge(metrics, "process_start_time_seconds", NULL,
                                      "Start time of the process since the Unix epoch in seconds.");
    /* Taken once: the two clocks drift apart and the time would seem to move. */
    if (read_stat(&line))
        gn_metric_set(process->start, clock_seconds(CLOCK_REALTIME) -
                                          clock_seconds(CLOCK_BOOTTIME) +
                                          ticks_seconds(line.start_ticks));
    gn_metrics_on_collect(metrics, collect, process);
}
