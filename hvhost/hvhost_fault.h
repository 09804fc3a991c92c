/* SPDX-License-Identifier: BSD-3-Clause */
/* Named misbehaviours of the emulated host, so that a test can say what the host does wrong. */
#ifndef HVHOST_FAULT_H
#define HVHOST_FAULT_H

#include <stdint.h>

/* The host's answer that a fault spoils. */
enum hvhost_fault_on {
    HVH_ON_NVS_INIT,
    HVH_ON_RECV_BUF,
    HVH_ON_SEND_BUF,
    HVH_ON_RNDIS_INIT,
    HVH_ON_RNDIS_QUERY, /* (oid) or any when 0 */
    HVH_ON_RNDIS_SET,   /* (oid) or any when 0 */
    HVH_ON_RX_DATA,     /* a transfer-page packet with data */
    HVH_ON_TX_DONE,     /* a completion of guest data */
    HVH_ON_RNDIS_HALT,
    HVH_ON_SUBCHANNEL, /* message 133: the answer, and the offers that follow */
    HVH_ON_SEND_TABLE, /* message 134 */
};

enum hvhost_fault_act {
    /* any answer */
    HVH_ACT_REFUSE,   /* failure status */
    HVH_ACT_SILENT,   /* never */
    HVH_ACT_LATE,     /* after (arg) milliseconds; at once when 128 are waiting already */
    HVH_ACT_WRONG_ID, /* xid, or RNDIS request id, nobody asked with; the right one never comes */
    HVH_ACT_TWICE,    /* the answer and the same again */
    HVH_ACT_SHORT,    /* cut to (arg) bytes; lengths inside the message stay as they were */
    HVH_ACT_WRONG_TYPE,
    /* RECV_BUF: group count, offset; section bytes, count := (arg) */
    HVH_ACT_GROUPS,
    HVH_ACT_OFFSET,
    HVH_ACT_SECTION_BYTES, /* also SEND_BUF */
    HVH_ACT_SECTION_COUNT,
    /* RNDIS_INIT: limits := (arg) */
    HVH_ACT_ALIGN_SHIFT,
    HVH_ACT_MAX_PACKETS,
    /* RNDIS_QUERY: info length or offset := (arg) */
    HVH_ACT_INFO_BYTES,
    HVH_ACT_INFO_OFF,
    /* RX_DATA */
    HVH_ACT_RANGE_OFF,   /* range offset := (arg) */
    HVH_ACT_RANGE_LEN,   /* range length := (arg) */
    HVH_ACT_RANGE_COUNT, /* range count field := (arg), ranges as they were */
    HVH_ACT_SET_ID,      /* transfer set id := (arg) */
    HVH_ACT_NVS_TYPE,    /* inner NVSP type := (arg) */
    HVH_ACT_MSG_TYPE,    /* RNDIS type := (arg) */
    HVH_ACT_MSG_LEN,     /* RNDIS message length := (arg) */
    HVH_ACT_DATA_OFF,    /* RNDIS data offset := (arg) */
    HVH_ACT_DATA_LEN,    /* RNDIS data length := (arg) */
    HVH_ACT_PPI_OFF,     /* first PPI's offset field in the packet := (arg) */
    HVH_ACT_PPI_SIZE,    /* first PPI's size := (arg), if it has one: frames with a VLAN tag */
    /* SUBCHANNEL */
    HVH_ACT_GRANTED,        /* granted := (arg), whatever was asked; so many are offered */
    HVH_ACT_OFFER_EVERY,    /* each offer comes (arg) milliseconds after the one before */
    HVH_ACT_OFFER_REVERSED, /* highest index first, a millisecond apart */
    HVH_ACT_OFFER_WITHOUT,  /* channel (arg) is never offered */
    /* SEND_TABLE */
    HVH_ACT_TABLE_ENTRY, /* last entry := (arg) */
    HVH_ACT_TABLE_OFF,   /* offset field := (arg) */
    /* any: the ring itself */
    HVH_ACT_RING_INDEX,  /* host-to-guest write index := (arg) */
    HVH_ACT_DESC_LEN,    /* descriptor total_qwords := (arg) */
    HVH_ACT_DESC_HEADER, /* descriptor header_qwords := (arg) */
    HVH_ACT_PKT_TYPE,    /* descriptor type := (arg) */
};

struct hvhost_fault {
    enum hvhost_fault_on on;
    enum hvhost_fault_act act;
    uint32_t oid;   /* for RNDIS_QUERY and RNDIS_SET */
    uint32_t after; /* leave this many answers alone first */
    uint32_t count; /* then spoil this many; 0 = all */
    uint64_t arg;
};

#endif
