/* SPDX-License-Identifier: BSD-3-Clause */
/* vm_exit STATUS: end the virtual machine this runs in, and hvhost-kvm with STATUS. Needs root. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/io.h>

#define EXIT_PORT 0xF4

int main(int argc, char **argv)
{
    if (argc != 2) {
        (void)fprintf(stderr, "usage: vm_exit STATUS\n");
        return 2;
    }
    if (ioperm(EXIT_PORT, 1, 1) != 0) {
        perror("vm_exit: ioperm");
        return 1;
    }
    outb((unsigned char)atoi(argv[1]), EXIT_PORT);
    return 1; /* there was no such machine */
}
