/* Replays corpus folders through a fuzz target, so that every input that was ever interesting is a
 * regression test of the sanitizer build, without libFuzzer. */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int replay_file(const char *path)
{
    struct stat st;
    uint8_t *data;
    size_t got;
    FILE *file = fopen(path, "rb");

    if (file == NULL || fstat(fileno(file), &st) != 0) {
        perror(path);
        return 1;
    }
    data = malloc((size_t)st.st_size + 1);
    if (data == NULL) {
        (void)fclose(file);
        return 1;
    }
    got = fread(data, 1, (size_t)st.st_size, file);
    (void)fclose(file);
    (void)LLVMFuzzerTestOneInput(data, got);
    free(data);
    return 0;
}

static int replay_folder(const char *folder, unsigned *count)
{
    const struct dirent *entry;
    char path[4096];
    int bad = 0;
    DIR *dir = opendir(folder);

    if (dir == NULL) {
        perror(folder);
        return 1;
    }
    while ((entry = readdir(dir)) != NULL) {
        if (entry->d_name[0] == '.')
            continue;
        (void)snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
        bad |= replay_file(path);
        (*count)++;
    }
    (void)closedir(dir);
    return bad;
}

int main(int argc, char **argv)
{
    unsigned count = 0;
    int bad = 0;

    for (int i = 1; i < argc; i++)
        bad |= replay_folder(argv[i], &count);
    printf("%u inputs replayed\n", count);
    return bad != 0 || count == 0;
}
