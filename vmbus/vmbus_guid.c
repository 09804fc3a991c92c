/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <string.h>

#include "vmbus.h"

#define GUID_TEXT_BYTES 36u

int vmbus_guid_parse(const char *text, uuid_t out)
{
    char plain[GUID_TEXT_BYTES + 1];

    if (text == NULL)
        return -EINVAL;
    size_t len = strlen(text);
    /* Braces come in pairs: sysfs prints class_id with, folder names without. */
    if (len == GUID_TEXT_BYTES + 2 && text[0] == '{' && text[len - 1] == '}') {
        text++;
        len -= 2;
    }
    if (len != GUID_TEXT_BYTES)
        return -EINVAL;
    memcpy(plain, text, len);
    plain[len] = '\0';
    return uuid_parse(plain, out) == 0 ? 0 : -EINVAL;
}
