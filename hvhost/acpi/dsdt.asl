/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the virtual machine has that cannot be probed: VMBus and two serial ports. Linux' hv_vmbus
 * wants its device below a module device with a window of memory addresses.
 *
 * "VMBus" is no valid ACPI id, but the one Linux looks for, so iasl has to be forced:
 *     iasl -tc -ve -f dsdt.asl
 * The result, dsdt.hex, is kept here so that a build needs no iasl.
 */
DefinitionBlock ("dsdt.aml", "DSDT", 2, "HVHOST", "HVHOST", 1)
{
    Scope (\_SB)
    {
        Device (VMOD)
        {
            Name (_HID, "ACPI0004")
            Name (_UID, 0)
            Name (_CRS, ResourceTemplate () {
                QWordMemory (ResourceProducer, PosDecode, MinFixed, MaxFixed, Cacheable, ReadWrite,
                    0, 0xE0000000, 0xEFFFFFFF, 0, 0x10000000)
            })
            Device (VMBS)
            {
                Name (_HID, "VMBus")
                Name (_UID, 0)
                Name (_STA, 0xF)
                Name (_CRS, ResourceTemplate () { IRQ (Edge, ActiveHigh, Exclusive) {5} })
            }
        }
        Device (COM1)
        {
            Name (_HID, EisaId ("PNP0501"))
            Name (_UID, 1)
            Name (_CRS, ResourceTemplate () {
                IO (Decode16, 0x3F8, 0x3F8, 1, 8)
                Interrupt (ResourceConsumer, Edge, ActiveHigh, Exclusive,,,) {4}
            })
        }
        Device (COM2)
        {
            Name (_HID, EisaId ("PNP0501"))
            Name (_UID, 2)
            Name (_CRS, ResourceTemplate () {
                IO (Decode16, 0x2F8, 0x2F8, 1, 8)
                Interrupt (ResourceConsumer, Edge, ActiveHigh, Exclusive,,,) {3}
            })
        }
    }
}
