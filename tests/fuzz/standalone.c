/* SPDX-License-Identifier: Apache-2.0 */
/* standalone.c – runs files through a fuzz target without libFuzzer, and cheap
 * mutations of each (cut short at every length up to a limit, one byte changed), so
 * that gcc builds and sanitizers see the corpora too. */
#include "tests/fuzz/fuzz.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    FILE_BYTES_MAX = 1 << 20,
    MUTATED_BYTES_MAX = 600
};

/* In memory of exactly that size, so that a sanitizer sees reads beyond the end. */
static void run_copy(const uint8_t *data, size_t size)
{
    uint8_t *copy = malloc(size > 0 ? size : 1);
    if (copy == NULL) {
        abort();
    }
    if (size > 0) {
        memcpy(copy, data, size);
    }
    LLVMFuzzerTestOneInput(copy, size);
    free(copy);
}

static void run_mutations(uint8_t *data, size_t size)
{
    static const uint8_t bytes[] = { 0x00, 0xFF, '"', '{', '[', '\n', ' ', '9', '-' };
    size_t limit = size < MUTATED_BYTES_MAX ? size : MUTATED_BYTES_MAX;
    for (size_t i = 0; i < limit; i++) {
        run_copy(data, i);
        uint8_t saved = data[i];
        data[i] = bytes[i % sizeof bytes];
        run_copy(data, size);
        data[i] = saved;
    }
}

static int run_file(const char *path)
{
    static uint8_t data[FILE_BYTES_MAX];
    FILE *file = fopen(path, "rb");
    if (file == NULL) {
        perror(path);
        return 1;
    }
    size_t size = fread(data, 1, sizeof data, file);
    fclose(file);
    run_copy(data, size);
    run_mutations(data, size);
    return 0;
}

static int run_folder(const char *path, size_t *files)
{
    DIR *dir = opendir(path);
    if (dir == NULL) {
        perror(path);
        return 1;
    }
    int failed = 0;
    for (const struct dirent *entry = readdir(dir); entry != NULL;
         entry = readdir(dir)) {
        char file[4096];
        int n = snprintf(file, sizeof file, "%s/%s", path, entry->d_name);
        if (entry->d_name[0] != '.' && n > 0 && (size_t)n < sizeof file) {
            failed |= run_file(file);
            (*files)++;
        }
    }
    closedir(dir);
    return failed;
}

int main(int argc, char **argv)
{
    size_t files = 0;
    int failed = 0;
    for (int i = 1; i < argc; i++) {
        failed |= run_folder(argv[i], &files);
    }
    printf("%zu files\n", files);
    return failed != 0 || files == 0 ? 1 : 0;
}
