/* Counts executed instructions by phase: the block hook of unicorn, in C, since a Python one is ten times slower.
 *
 * Called once for each translated block with its address and byte size. The first time a block is seen its instructions
 * are counted by decoding lengths (Thumb: 32-bit when the top five bits are 11101, 11110 or 11111; RISC-V: 32-bit when
 * the low two bits are 11) and its phase is looked up; afterwards both come from a hash table. Compiled for this PC,
 * loaded by ctypes; knows nothing of unicorn but the hook's signature. */
#include <stddef.h>
#include <stdint.h>

enum { TABLE = 1 << 16, INHERIT = -1 };

typedef struct {
    uint64_t key; /* address << 16 | size, plus one: 0 is an empty slot */
    uint32_t instructions;
    int32_t phase;
} block;

typedef struct {
    /* input */
    const uint32_t *starts, *ends; /* [functions] address ranges, rising */
    const int32_t *phases;         /* [functions] */
    uint32_t functions;
    const uint32_t *code_starts, *code_sizes; /* [codes] executable sections at run addresses */
    const uint8_t *const *code_bytes;         /* [codes] */
    uint32_t codes;
    uint32_t thumb; /* 1 Thumb, 0 RISC-V */
    /* state and output */
    int32_t phase;     /* the phase that runs */
    uint32_t overflow; /* blocks that found the table full: counted, but decoded every time */
    uint64_t *counts;  /* [phases] */
    block table[TABLE];
} counter;

uint64_t tce_counter_size(void) {
    return sizeof(counter);
}

static uint32_t decode(const counter *c, uint32_t address, uint32_t size) {
    for (uint32_t i = 0; i < c->codes; ++i) {
        if (address < c->code_starts[i] || address + size > c->code_starts[i] + c->code_sizes[i]) {
            continue;
        }
        const uint8_t *p = c->code_bytes[i] + (address - c->code_starts[i]);
        uint32_t n = 0;
        for (uint32_t at = 0; at < size; ++n) {
            const int wide = c->thumb ? (p[at + 1] >> 3) >= 0x1D : (p[at] & 3) == 3;
            at += wide ? 4 : 2;
        }
        return n;
    }
    return size / 2; /* code that is in no section: the upper bound */
}

static int32_t find_phase(const counter *c, uint32_t address) {
    uint32_t low = 0, high = c->functions;
    while (low < high) {
        const uint32_t mid = (low + high) / 2;
        if (c->starts[mid] <= address) {
            low = mid + 1;
        } else {
            high = mid;
        }
    }
    return low > 0 && address < c->ends[low - 1] ? c->phases[low - 1] : INHERIT;
}

void tce_counter_block(void *engine, uint64_t address, uint32_t size, void *user) {
    (void)engine;
    counter *c = user;
    const uint64_t key = ((address << 16) | size) + 1;
    uint32_t slot = (uint32_t)((key * 0x9E3779B97F4A7C15ULL) >> 48);
    block fresh;
    block *b = NULL;
    for (int tries = 0; tries < 64; ++tries, slot = (slot + 1) & (TABLE - 1)) {
        if (c->table[slot].key == key) {
            b = &c->table[slot];
            break;
        }
        if (c->table[slot].key == 0) {
            b = &c->table[slot];
            *b = (block){key, decode(c, (uint32_t)address, size), find_phase(c, (uint32_t)address)};
            break;
        }
    }
    if (b == NULL) {
        c->overflow++;
        fresh = (block){key, decode(c, (uint32_t)address, size), find_phase(c, (uint32_t)address)};
        b = &fresh;
    }
    if (b->phase != INHERIT) {
        c->phase = b->phase;
    }
    c->counts[c->phase] += b->instructions;
}
