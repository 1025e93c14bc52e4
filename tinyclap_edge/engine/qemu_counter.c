/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
 *
 * A plugin of QEMU that counts executed instructions by phase, as block_counter.c does for unicorn.
 *
 * Argument `map=FILE`: lines "start end phase" in decimal, rising, for each function; phase -1 inherits the phase that
 * runs. Argument `out=FILE`: at exit, lines "phase count". Each translated block is looked up once, when it is
 * translated; executing it adds its instructions to the phase. The prototypes are those of plugin API version 1. */
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FUNCTIONS = 1 << 14, PHASES = 1 << 14, INHERIT = -1, NO_REGISTERS = 0 };

typedef uint64_t qemu_plugin_id_t;
struct qemu_plugin_tb;
typedef struct qemu_info_t qemu_info_t;

void qemu_plugin_register_vcpu_tb_trans_cb(qemu_plugin_id_t id, void (*f)(qemu_plugin_id_t, struct qemu_plugin_tb *));
void qemu_plugin_register_vcpu_tb_exec_cb(struct qemu_plugin_tb *tb, void (*f)(unsigned int, void *), int flags,
                                          void *user);
void qemu_plugin_register_atexit_cb(qemu_plugin_id_t id, void (*f)(qemu_plugin_id_t, void *), void *user);
size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *tb);
uint64_t qemu_plugin_tb_vaddr(const struct qemu_plugin_tb *tb);

__attribute__((visibility("default"))) int qemu_plugin_version = 1;

typedef struct {
    int32_t phase;
    uint32_t instructions;
} block;

static uint32_t starts[FUNCTIONS], ends[FUNCTIONS];
static int32_t phases[FUNCTIONS];
static uint32_t functions;
static uint64_t counts[PHASES];
static int32_t running; /* the phase that runs; 0 is start-up */
static const char *out_path = "counts.txt";

static int32_t find_phase(uint32_t address) {
    uint32_t low = 0, high = functions;
    while (low < high) {
        const uint32_t mid = (low + high) / 2;
        if (starts[mid] <= address) {
            low = mid + 1;
        } else {
            high = mid;
        }
    }
    return low > 0 && address < ends[low - 1] ? phases[low - 1] : INHERIT;
}

static void executed(unsigned int cpu, void *user) {
    (void)cpu;
    const block *b = user;
    if (b->phase != INHERIT) {
        running = b->phase;
    }
    counts[running] += b->instructions;
}

static void translated(qemu_plugin_id_t id, struct qemu_plugin_tb *tb) {
    (void)id;
    block *b = malloc(sizeof *b); /* lives as long as QEMU does: a block may run until the end */
    if (b == NULL) {
        abort();
    }
    *b = (block){find_phase((uint32_t)qemu_plugin_tb_vaddr(tb)), (uint32_t)qemu_plugin_tb_n_insns(tb)};
    qemu_plugin_register_vcpu_tb_exec_cb(tb, executed, NO_REGISTERS, b);
}

static void ended(qemu_plugin_id_t id, void *user) {
    (void)id;
    (void)user;
    FILE *file = fopen(out_path, "w");
    if (file == NULL) {
        return;
    }
    for (int32_t i = 0; i < PHASES; ++i) {
        if (counts[i] != 0) {
            (void)fprintf(file, "%ld %llu\n", (long)i, (unsigned long long)counts[i]);
        }
    }
    (void)fclose(file);
}

static int read_map(const char *path) {
    FILE *file = fopen(path, "r");
    if (file == NULL) {
        return 0;
    }
    unsigned long start, end;
    long phase;
    while (functions < FUNCTIONS && fscanf(file, "%lu %lu %ld", &start, &end, &phase) == 3) {
        if (phase >= PHASES || phase < INHERIT) {
            break;
        }
        starts[functions] = (uint32_t)start;
        ends[functions] = (uint32_t)end;
        phases[functions++] = (int32_t)phase;
    }
    const int whole = feof(file);
    (void)fclose(file);
    return whole;
}

__attribute__((visibility("default"))) int qemu_plugin_install(qemu_plugin_id_t id, const qemu_info_t *info, int argc,
                                                               char **argv) {
    (void)info;
    const char *map = NULL;
    for (int i = 0; i < argc; ++i) {
        if (strncmp(argv[i], "map=", 4) == 0) {
            map = argv[i] + 4;
        } else if (strncmp(argv[i], "out=", 4) == 0) {
            out_path = strdup(argv[i] + 4);
        }
    }
    if (map == NULL || !read_map(map)) {
        (void)fprintf(stderr, "qemu_counter: no map of phases\n");
        return 1;
    }
    qemu_plugin_register_vcpu_tb_trans_cb(id, translated);
    qemu_plugin_register_atexit_cb(id, ended, NULL);
    return 0;
}
