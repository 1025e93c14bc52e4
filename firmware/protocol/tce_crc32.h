/* CRC-32 of zlib, IEEE 802.3 and PNG: polynomial 0xEDB88320 (reflected), initial value and final exclusive-or all ones.
 * Four bits at a time from a table of 64 bytes: small before fast. */
#ifndef TCE_CRC32_H
#define TCE_CRC32_H

#include <stdint.h>

/* The CRC of what `crc` was the CRC of, followed by `count` bytes; start from 0. */
uint32_t tce_crc32(uint32_t crc, const uint8_t *bytes, uint32_t count);

#endif
