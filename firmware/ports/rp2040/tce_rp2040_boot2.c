/* The second stage: the first 256 bytes of flash, which the boot ROM copies to the end of RAM, checks and runs.
 *
 * It turns the flash into memory: every read of the core becomes a serial read (command 03h), which all SPI flashes
 * know; at 133 MHz / 4. Then it starts the image behind it, or, called from the port with a return address, it returns.
 * RP2040 datasheet 2.8.1.3 (boot stage 2) and 4.10 (SSI). The last word is the checksum that the ROM wants: CRC-32 with
 * polynomial 04C11DB7, begun with all ones, bits not reflected, not inverted; tests compute it again from these bytes.
 */
#if defined(__arm__)

__asm__(".syntax unified\n"
        ".section .tce_boot, \"ax\", %progbits\n"
        ".cpu cortex-m0plus\n"
        ".thumb\n"
        ".balign 256\n"
        ".global tce_rp2040_boot2\n"
        ".type tce_rp2040_boot2, %function\n"
        ".thumb_func\n"
        "tce_rp2040_boot2:\n"
        "    push {lr}\n"
        "    ldr r3, .Lssi\n"
        "    movs r1, #0\n"
        "    str r1, [r3, #0x08]\n" /* SSIENR = 0: the rest can only be changed now */
        "    movs r1, #4\n"
        "    str r1, [r3, #0x14]\n" /* BAUDR */
        "    ldr r1, .Lctrlr0\n"
        "    str r1, [r3, #0x00]\n"
        "    ldr r1, .Lspi_ctrlr0\n"
        "    ldr r0, .Lspi_ctrlr0_address\n"
        "    str r1, [r0]\n"
        "    movs r1, #0\n"
        "    str r1, [r3, #0x04]\n" /* CTRLR1: one frame a read */
        "    movs r1, #1\n"
        "    str r1, [r3, #0x08]\n" /* SSIENR = 1 */
        "    pop {r0}\n"
        "    cmp r0, #0\n" /* the ROM calls with 0 */
        "    beq 1f\n"
        "    bx r0\n"
        "1:  ldr r0, .Lvectors\n"
        "    ldr r1, .Lvtor\n"
        "    str r0, [r1]\n"
        "    ldmia r0!, {r1, r2}\n" /* first stack, reset */
        "    msr msp, r1\n"
        "    bx r2\n"
        ".balign 4\n"
        ".Lssi: .word 0x18000000\n"
        ".Lctrlr0: .word 0x001F0300\n"     /* standard SPI, 32-bit frames, EEPROM read */
        ".Lspi_ctrlr0: .word 0x03000218\n" /* command 03h, 8 bits of it, 24 of address */
        ".Lspi_ctrlr0_address: .word 0x180000F4\n"
        ".Lvectors: .word 0x10000100\n"
        ".Lvtor: .word 0xE000ED08\n"
        ".org 252, 0\n"
        ".word 0x463209E0\n"
        ".previous\n");

#else
typedef int tce_rp2040_boot2_is_empty_on_this_architecture;
#endif
